"""Descent where Jacobians are expensive: gradients by single passes, with one metric for all of a path."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from geodreg.objectives.dense import PathObjective
from geodreg.objectives.fixed_metric import FixedMetricObjective
from geodreg.solvers.levels import Levels
from geodreg.solvers.solution import Solution
from geodreg.solvers.stopping import Rest

__all__ = ["HISTORY", "descend_by_gradients", "needs_no_jacobian"]

HISTORY = 100  # iterations that L-BFGS remembers, since its start matrix is a coarse one
LEVELS = Levels(coarsest=5, history_size=HISTORY, last_step=False, coarse_iterations=100)
CREEPING = 100.0  # times the tolerance: what the last iterations must have gained, or a path has come to rest
LIMIT = 10  # times as many iterations as those that take Jacobians


def needs_no_jacobian(objective: PathObjective) -> bool:
    """Whether the gradient of an objective needs none: without a regulariser, or with a density that is given."""
    return objective.mu == 0.0 or objective.manifold.density is not None


def descend_by_gradients(
    objective: FixedMetricObjective,
    start: Tensor,
    reference: Tensor | None,
    tolerance: float,
    limits: Tensor,
    on_stop: Callable[[int], object] | None,
) -> Solution:
    """Paths from start curves, by gradients and the metrics at a few of their points.

    On a generator with kinks the gradient jumps where the minimum lies, and no model predicts it to vanish; so a path
    has come to rest as well where the last iterations have gained next to nothing.

    Args:
        objective: of ``P`` pairs, each with its metric.
        start: start curves, ``(P, K, d)``.
        reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser.
        tolerance: predicted decrease below which a pair has converged, relative.
        limits: of the iterations of each pair, ``(P,)``, as if they took Jacobians.
        on_stop: called with the number of pairs that have just stopped.
    """
    return LEVELS.descend(objective, start, reference, Rest(tolerance, CREEPING * tolerance), LIMIT * limits, on_stop)
