"""The default solver: limited-memory quasi-Newton, preconditioned by Gauss-Newton on the chord energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
from torch import Tensor

from geodreg.curve import along
from geodreg.objective import PathObjective
from geodreg.solvers.descent import descend
from geodreg.solvers.solution import Solution

__all__ = ["Newton"]

PLAIN_TOLERANCE, REGULARISED_TOLERANCE = 1e-7, 1e-5  # a plain geodesic's length names the interval of the other
WORTH_COARSE = 2**16  # numbers in the Jacobians; with fewer of them calls cost more than the arithmetic that is saved
COARSE_TOLERANCE, COARSE_ITERATIONS = 1e-3, 40  # a coarse path is only a start


@dataclass(frozen=True)
class Newton:
    r"""Minimise the path objective of a batch of pairs, each with its own step length and its own stop.

    The Gauss-Newton matrix of the chord energy is block-tridiagonal, :math:`2 J_k^\top J_k / \Delta t` on the
    diagonal and :math:`-J_k^\top J_{k+1} / \Delta t` beside it. With a multiple of the identity added at every point
    for the density it is the start matrix of L-BFGS, new in every iteration. That multiple is the largest curvature
    that the density's gradient has lately shown there along a step, forgotten slowly, and at least that of a normal
    prior: the density is stiff in directions that differ from point to point, more of them than L-BFGS can remember.

    A path is solved with half of the points first (and that one with half of them, down to ``coarsest``) unless
    the whole batch is small, and its result is the start where it has a lower objective than the start curve.

    A pair has converged when the decrease that the quadratic model still predicts is below ``tolerance`` times the
    energy (plain geodesic) or times what the regulariser has changed against the plain geodesic; neither depends on
    additive constants of the nll. Pairs that have stopped leave the batch.

    Attributes:
        tolerance: relative decrease below which a pair has converged; by default 1e-7 for a plain geodesic, and 1e-5
            with a regulariser.
        max_iterations: limit of iterations, with all of the points.
        history_size: number of iterations that L-BFGS remembers.
        coarsest: least number of points of a coarse path; a number above half of the path's solves no coarse one.

    Raises:
        ValueError: if a setting is negative.
    """

    tolerance: float | None = None
    max_iterations: int = 300
    history_size: int = 40
    coarsest: int = 17

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if value is not None and not value >= 0:
                raise ValueError(f"{setting.name} is {value}; pass zero or a positive number.")

    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | Literal["start"] | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Paths that minimise the objective, from start curves with the same ends.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser; or "start"
                for that of the start curves.
            on_stop: called with the number of pairs that have just stopped.
        """
        if self.tolerance is None:
            usual = PLAIN_TOLERANCE if objective.mu == 0.0 else REGULARISED_TOLERANCE
            return replace(self, tolerance=usual).solve(objective, start, reference, on_stop)
        start = start.detach()
        n_points = start.shape[1]
        n_coarse = (n_points + 1) // 2
        is_small = start.numel() * objective.manifold.data_size(start[0]) < WORTH_COARSE
        if n_coarse < max(3, self.coarsest) or self.max_iterations == 0 or is_small:
            trial = objective.trial(start)
            gained_on = trial.value if isinstance(reference, str) else reference
            return descend(trial, gained_on, self.tolerance, self.max_iterations, self.history_size, on_stop)
        quick = replace(self, tolerance=max(self.tolerance, COARSE_TOLERANCE), max_iterations=COARSE_ITERATIONS)
        coarse = quick.solve(objective, _with_points(start, n_coarse), None if reference is None else "start")
        refined = _with_points(coarse.z, n_points)
        refined[:, [0, -1]] = start[:, [0, -1]]
        before, trial = objective.value(start), objective.trial(refined)
        worse = ~((trial.value < before) & coarse.usable(start.device))
        if worse.any():
            trial = objective.trial(torch.where(worse[:, None, None], start, refined))
        gained_on = before if isinstance(reference, str) else reference
        solution = descend(trial, gained_on, self.tolerance, self.max_iterations, self.history_size, on_stop)
        spent = 1.0 + worse.double() + coarse.evaluations * (n_coarse - 2) / (n_points - 2)
        later = solution.history[:, 1:] if solution.history.shape[1] > 1 else solution.history
        history = torch.cat([before[:, None], later], dim=1)
        return replace(solution, evaluations=solution.evaluations + spent, history=history)


def _with_points(z: Tensor, n_points: int) -> Tensor:
    """Paths with another number of points, at equal distances of their index: ``(P, K, d)`` to ``(P, n, d)``."""
    positions = torch.linspace(0.0, z.shape[1] - 1, n_points, dtype=torch.float64, device=z.device)
    return along(z, positions.expand(len(z), -1))
