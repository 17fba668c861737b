"""The default solver: limited-memory quasi-Newton, preconditioned by Gauss-Newton on the chord energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from geodreg.geometry.curve import along
from geodreg.objectives.dense import DenseTrial, PathObjective
from geodreg.solvers.descent import descend
from geodreg.solvers.solution import Solution

__all__ = ["Newton"]

PLAIN_TOLERANCE, REGULARISED_TOLERANCE = 1e-7, 1e-5  # a plain geodesic's length names the interval of the other
WORTH_COARSE = 2**16  # numbers in the Jacobians; with fewer of them calls cost more than the arithmetic that is saved
COARSE_TOLERANCE, COARSE_ITERATIONS = 1e-2, 40  # a coarse path is only a start


@dataclass(frozen=True)
class Newton:
    r"""Minimise the path objective of a batch of pairs, each with its own step length and its own stop.

    The Gauss-Newton matrix of the chord energy is block-tridiagonal, :math:`2 J_k^\top J_k / \Delta t` on the
    diagonal and :math:`-J_k^\top J_{k+1} / \Delta t` beside it. With a multiple of the identity added at every point
    for the density it is the start matrix of L-BFGS, new in every iteration. That multiple is the largest curvature
    that the density's gradient has lately shown there along a step, forgotten slowly, and at least that of a normal
    prior: the density is stiff in directions that differ from point to point, more of them than L-BFGS can remember.

    A path is solved with half of the points first (and that one with half of them, down to ``coarsest``) unless
    the whole batch is small, and its result is the start where it has a lower objective than the start curve. All of
    it is done on ``manifold.isometric()``, the same manifold in fewer coordinates of data space.

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
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
        limits: Tensor | None = None,
    ) -> Solution:
        """Paths that minimise the objective, from start curves with the same ends.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser.
            on_stop: called with the number of pairs that have just stopped.
            limits: own limit of iterations of each pair, ``(P,)``; default ``max_iterations`` for all.
        """
        limits = torch.full_like(objective.interval, self.max_iterations) if limits is None else limits
        tolerance = self.tolerance
        if tolerance is None:
            tolerance = PLAIN_TOLERANCE if objective.mu == 0.0 else REGULARISED_TOLERANCE
        objective = replace(objective, manifold=objective.manifold.isometric())
        start = start.detach()
        coarse = self._coarse(objective, start, tolerance, reference is not None) if self.max_iterations > 0 else None
        if coarse is None:
            return descend(objective.trial(start), reference, tolerance, limits, self.history_size, on_stop)
        before, trial, spent = self._refine(objective, start, coarse)
        solution = descend(trial, reference, tolerance, limits, self.history_size, on_stop)
        later = solution.history[:, 1:] if solution.history.shape[1] > 1 else solution.history
        history = torch.cat([before[:, None], later], dim=1)
        return replace(solution, evaluations=solution.evaluations + spent, history=history)

    def _coarse(
        self, objective: PathObjective, start: Tensor, tolerance: float, has_reference: bool
    ) -> Solution | None:
        """A solution with half of the points, from a start found in the same way, if it is worth while."""
        n_points = (start.shape[1] + 1) // 2
        is_small = start.numel() * objective.manifold.data_size(start[0]) < WORTH_COARSE
        if n_points < max(3, self.coarsest) or is_small:
            return None
        start, tolerance = _with_points(start, n_points), max(tolerance, COARSE_TOLERANCE)
        coarser = self._coarse(objective, start, tolerance, has_reference)
        if coarser is None:
            trial = objective.trial(start)
            before, spent = trial.value, torch.zeros_like(trial.value)
        else:
            before, trial, spent = self._refine(objective, start, coarser)
        reference, limits = before if has_reference else None, torch.full_like(objective.interval, COARSE_ITERATIONS)
        solution = descend(trial, reference, tolerance, limits, self.history_size, last_step=True)
        return replace(solution, evaluations=solution.evaluations + spent)

    @staticmethod
    def _refine(objective: PathObjective, start: Tensor, coarse: Solution) -> tuple[Tensor, DenseTrial, Tensor]:
        """The value at the start curves, a coarse solution tried with all points, or the start where that is better."""
        n_points, n_coarse = start.shape[1], coarse.z.shape[1]
        refined = _with_points(coarse.z, n_points)
        refined[:, [0, -1]] = start[:, [0, -1]]
        before, trial = objective.value(start), objective.trial(refined)
        worse = ~((trial.value < before) & coarse.usable(start.device))
        if worse.any():
            trial = objective.trial(torch.where(worse[:, None, None], start, refined))
        spent = 1.0 + worse.double() + coarse.evaluations * (n_coarse - 2) / (n_points - 2)
        return before, trial, spent


def _with_points(z: Tensor, n_points: int) -> Tensor:
    """Paths with another number of points, at equal distances of their index: ``(P, K, d)`` to ``(P, n, d)``."""
    positions = torch.linspace(0.0, z.shape[1] - 1, n_points, dtype=torch.float64, device=z.device)
    return along(z, positions.expand(len(z), -1))
