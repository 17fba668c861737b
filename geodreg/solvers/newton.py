"""The default solver: limited-memory quasi-Newton, preconditioned by Gauss-Newton on the chord energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from geodreg.derivatives.modes import full_precision
from geodreg.objectives.dense import PathObjective
from geodreg.objectives.fixed_metric import FixedMetricObjective
from geodreg.objectives.mean_metric import MeanMetric
from geodreg.solvers.by_gradients import descend_by_gradients, needs_no_jacobian
from geodreg.solvers.levels import Levels
from geodreg.solvers.solution import Solution
from geodreg.solvers.stopping import Rest, usual_tolerance

__all__ = ["Newton"]

WORTH_COARSE = 2**16  # numbers in the Jacobians; with fewer of them calls cost more than the arithmetic that is saved
DEAR = 20.0  # gradients that a Jacobian may cost; an iteration with Jacobians gains as much as some ten without
FEW = 12  # latents, whose Jacobians are not expensive in any way of differentiation
POINTS = "curvature from the Jacobians at all points, in every iteration"
MEAN = "curvature from the mean metric of both endpoints, gradients without Jacobians"

Curvature = Literal["points", "mean"]


@dataclass(frozen=True)
class Newton:
    r"""Minimise the path objective of a batch of pairs, each with its own step length and its own stop.

    The Gauss-Newton matrix of the chord energy is block-tridiagonal, :math:`2 J_k^\top J_k / \Delta t` on the
    diagonal and :math:`-J_k^\top J_{k+1} / \Delta t` beside it. With a multiple of the identity added at every point
    for the density it is the start matrix of L-BFGS, new in every iteration. That multiple is the largest curvature
    that the density's gradient has lately shown there along a step, forgotten slowly, and at least that of a normal
    prior: the density is stiff in directions that differ from point to point, more of them than L-BFGS can remember.
    Where the line search has to cut a step to a tenth or less, as on generators that normalise their latents and so
    have a direction along which nothing changes, a damping is added that makes the next steps that short, after
    Levenberg (1944) and Marquardt (1963), and is forgotten while steps are not cut. No pair is taken to have converged
    because its steps are damped.

    Where a Jacobian costs more than 20 gradients, as with a hundred latents, and the gradient needs none (a plain
    geodesic, or a density that is given), the start matrix is made of the mean of the metrics at both endpoints, as if
    it were the metric of the whole path. It takes two Jacobians for the whole solve, and more iterations of one
    gradient each.

    A path is solved with half of the points first (and that one with half of them, down to ``coarsest``) unless
    the whole batch is small, and its result is the start where it has a lower objective than the start curve. All of
    it is done on ``manifold.isometric()``, the same manifold in fewer coordinates of data space.

    A pair has converged when the decrease that the quadratic model still predicts is below ``tolerance`` times the
    energy (plain geodesic) or times what the regulariser has changed against the plain geodesic; neither depends on
    additive constants of the nll. With the mean metric it has also come to rest where the last 20 iterations together
    have gained less than a hundred times that. Pairs that have stopped leave the batch.

    Attributes:
        tolerance: relative decrease below which a pair has converged; by default 1e-7 for a plain geodesic, 1e-10 for
            one in double precision, and 1e-5 with a regulariser.
        max_iterations: limit of iterations, with all of the points; ten times as many with the mean metric.
        history_size: number of iterations that L-BFGS remembers where it has a Jacobian at every point.
        coarsest: least number of points of a coarse path then; a number above half of the path's solves no coarse one.
        curvature: ``"points"`` for Jacobians at all points in every iteration, ``"mean"`` for the mean metric, or None
            for what costs less.

    Raises:
        ValueError: if a setting is negative, or ``curvature`` unknown.
    """

    tolerance: float | None = None
    max_iterations: int = 300
    history_size: int = 40
    coarsest: int = 17
    curvature: Curvature | None = None

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name != "curvature" and value is not None and not value >= 0:
                raise ValueError(f"{setting.name} is {value}; pass zero or a positive number.")
        if self.curvature is not None and self.curvature not in get_args(Curvature):
            names = ", ".join(map(repr, get_args(Curvature)))
            raise ValueError(f"curvature is {self.curvature!r}; choose one of {names}, or None for what costs less.")

    @full_precision()
    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
        limits: Tensor | None = None,
    ) -> Solution:
        """Paths that minimise the objective, from start curves with the same endpoints.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser.
            on_stop: called with the number of pairs that have just stopped.
            limits: own limit of iterations of each pair, ``(P,)``; default ``max_iterations`` for all.
        """
        limits = torch.full_like(objective.interval, self.max_iterations) if limits is None else limits
        objective = replace(objective, manifold=objective.manifold.isometric())
        start = start.detach()
        tolerance = usual_tolerance(objective.mu, start.dtype) if self.tolerance is None else self.tolerance
        if self._has_mean_metric(objective, start):
            metric = MeanMetric.exact(objective.manifold, start[:, [0, -1]])
            n_rows = start.shape[0] * start.shape[1]
            fixed = FixedMetricObjective.of(objective, start, metric, n_rows, keep=True)
            solution = descend_by_gradients(fixed, start, reference, tolerance, limits, on_stop)
            return replace(solution, curvature=MEAN + self._why(objective))
        is_small = start.numel() * objective.manifold.data_size(start[0]) < WORTH_COARSE
        is_precise = objective.mu == 0.0 and start.dtype == torch.float64
        levels = Levels(start.shape[1] if is_small else self.coarsest, self.history_size, last_step=is_precise)
        solution = levels.descend(objective, start, reference, Rest(tolerance), limits, on_stop)
        return replace(solution, curvature=POINTS + self._why(objective))

    @staticmethod
    def _why(objective: PathObjective) -> str:
        """What a Jacobian costs, if it was counted."""
        cost = objective.manifold.known_jacobian_cost
        return "" if cost is None else f"; a Jacobian costs as much as {cost:.3g} gradients of the energy"

    def _has_mean_metric(self, objective: PathObjective, start: Tensor) -> bool:
        """Whether the curvature is that of the mean metric."""
        if self.curvature is not None or not needs_no_jacobian(objective) or start.shape[-1] < FEW:
            return self.curvature == "mean" and needs_no_jacobian(objective)
        return objective.manifold.jacobian_cost(start[:, 0]) > DEAR
