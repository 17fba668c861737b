"""A path with few points first, whose solution is the start of one with more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from geodreg.geometry.curve import along
from geodreg.solvers.descent import descend
from geodreg.solvers.protocol import Objective, Trial
from geodreg.solvers.solution import Solution
from geodreg.solvers.stopping import Rest

__all__ = ["Levels", "Refinable"]

COARSE = Rest(tolerance=1e-2, creeping=1e-2)  # a coarse path is only a start


class Refinable(Objective, Protocol):
    """An objective of paths with any number of points."""

    def value(self, z: Tensor) -> Tensor:
        """The objective of paths ``(P, K, d)``, ``(P,)``."""


@dataclass(frozen=True)
class Levels:
    """Descents with half of the points first, and for that one with half of them, down to a least number.

    A coarse solution is the start where it has a lower objective than the start curve.

    Attributes:
        coarsest: least number of points of a coarse path.
        history_size: number of iterations that L-BFGS remembers.
        last_step: whether the step that shows that a pair has converged is still taken.
        coarse_iterations: limit of the iterations of a coarse path.
    """

    coarsest: int
    history_size: int
    last_step: bool
    coarse_iterations: int = 40

    def descend(
        self,
        objective: Refinable,
        start: Tensor,
        reference: Tensor | None,
        rest: Rest,
        limits: Tensor,
        on_stop: Callable[[int], object] | None,
    ) -> Solution:
        """Paths from start curves ``(P, K, d)``; the other arguments are those of the last descent."""
        coarse = self._coarse(objective, start, rest, reference is not None) if limits.any() else None
        if coarse is None:
            trial = objective.trial(start)
            return descend(trial, reference, rest, limits, self.history_size, on_stop, self.last_step)
        before, trial, spent = _refined(objective, start, coarse)
        solution = descend(trial, reference, rest, limits, self.history_size, on_stop, self.last_step)
        later = solution.history[:, 1:] if solution.history.shape[1] > 1 else solution.history
        history = torch.cat([before[:, None], later], dim=1)
        return replace(solution, evaluations=solution.evaluations + spent, history=history)

    def _coarse(self, objective: Refinable, start: Tensor, rest: Rest, has_reference: bool) -> Solution | None:
        """A solution with half of the points, from a start found in the same way, if that many are not too few."""
        n_points = (start.shape[1] + 1) // 2
        if n_points < max(3, self.coarsest):
            return None
        start, rest = _with_points(start, n_points), rest.or_looser(COARSE)
        coarser = self._coarse(objective, start, rest, has_reference)
        if coarser is None:
            trial = objective.trial(start)
            before, spent = trial.value, torch.zeros_like(trial.value)
        else:
            before, trial, spent = _refined(objective, start, coarser)
        reference, limits = (
            before if has_reference else None,
            torch.full_like(objective.interval, self.coarse_iterations),
        )
        solution = descend(trial, reference, rest, limits, self.history_size, last_step=True)
        return replace(solution, evaluations=solution.evaluations + spent)


def _refined(objective: Refinable, start: Tensor, coarse: Solution) -> tuple[Tensor, Trial, Tensor]:
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
