"""Backtracking line search for a batch of independent problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self

import torch
from torch import Tensor

from geodreg.manifold import LatentManifold

__all__ = ["Objective", "Place", "Trial", "line_search"]

SUFFICIENT_DECREASE = 1e-4  # Armijo's constant
MAX_BACKTRACKS = 20


class Objective(Protocol):
    """A path objective of some pairs that can be tried."""

    @property
    def manifold(self) -> LatentManifold:
        """The model."""

    @property
    def mu(self) -> float:
        """Weight of the density."""

    @property
    def interval(self) -> Tensor:
        """Of each pair, ``(P,)``."""

    def select(self, rows: Tensor) -> Self:
        """The objective of some of the pairs, by index."""

    def trial(self, z: Tensor) -> Trial:
        """The objective at paths ``(P, K, d)``."""


class Trial(Protocol):
    """One evaluation of an objective, without its gradient."""

    @property
    def objective(self) -> Objective:
        """What was evaluated."""

    @property
    def z(self) -> Tensor:
        """The paths, ``(P, K, d)``."""

    @property
    def value(self) -> Tensor:
        """The objective, ``(P,)``."""

    def place(self, rows: Tensor) -> Place:
        """Value and derivatives of some pairs, by index."""

    def release(self) -> None:
        """Free the graph; there is no place to be had any more."""


class Place(Protocol):
    """Where some pairs at work are."""

    @property
    def value(self) -> Tensor:
        """The objective, ``(R,)``, double precision as all of these."""

    @property
    def energy(self) -> Tensor:
        """The chord energy in it, ``(R,)``."""

    @property
    def rounding(self) -> Tensor:
        """What rounding of the data points may change in the value, ``(R,)``."""

    @property
    def gradient(self) -> Tensor:
        """Gradient at the interior points, ``(R, K-2, d)``."""

    @property
    def density_gradient(self) -> Tensor:
        """The regulariser's part of it."""

    def are_finite(self) -> Tensor:
        """Whether everything of a pair is finite, ``(R,)``."""

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest eigenvalue of the metric along each path, ``(R,)`` each."""

    def preconditioner(self, density: Tensor) -> Callable[[Tensor], Tensor]:
        """Product of the inverse Gauss-Newton matrix, with a diagonal ``(R, K-2, d)`` added, with ``(R, (K-2) d)``."""

    def select(self, rows: Tensor) -> Self:
        """The place of some of the pairs, by index."""

    @classmethod
    def joined(cls, places: Sequence[Self], order: Tensor) -> Self:
        """Places of different pairs as one, then put in the order given by indices."""


def line_search(
    objective: Objective, z: Tensor, step: Tensor, slope: Tensor, place: Place
) -> tuple[Tensor, Tensor, Place]:
    """Backtrack every pair by itself until its objective has decreased enough (Armijo).

    A trial costs no gradient; the points that are taken get theirs from the trial's own graph.

    Args:
        objective: of ``R`` pairs.
        z: their paths, ``(R, K, d)``.
        step: of the interior points, ``(R, K-2, d)``.
        slope: derivative of the objective along it, ``(R,)``, negative.
        place: at ``z``.

    Returns:
        step lengths ``(R,)``, zero where there was no decrease; numbers of trials ``(R,)``; and the place at the points
        reached, the old one where there was no decrease.
    """
    length, trials = torch.ones_like(slope), torch.zeros_like(slope)
    pending = torch.arange(len(z), device=z.device)
    reached: list[tuple[Tensor, Place]] = []
    for _ in range(MAX_BACKTRACKS):
        points = z[pending].clone()
        points[:, 1:-1] += (length[pending, None, None] * step[pending]).to(z.dtype)
        trial = objective.select(pending).trial(points)
        trials[pending] += 1
        predicted = length[pending] * slope[pending]
        excess = trial.value - place.value[pending]
        enough = trial.value.isfinite() & (excess <= SUFFICIENT_DECREASE * predicted + place.rounding[pending])
        if enough.any():
            reached.append((pending[enough], trial.place(enough.nonzero().squeeze(-1))))
        # The minimum of the parabola through both values and the slope, kept within a tenth and a half.
        shrink = (-0.5 * predicted / (excess - predicted)).nan_to_num(0.1).clamp(0.1, 0.5)
        length[pending] *= torch.where(enough, 1.0, shrink)
        pending = pending[~enough]
        del trial  # and its graph, before the next one is built
        if len(pending) == 0:
            break
    length[pending] = 0.0
    if len(pending) > 0:
        reached.append((pending, place.select(pending)))
    if len(reached) == 1:
        return length, trials, reached[0][1]
    order = torch.cat([rows for rows, _ in reached]).argsort()
    return length, trials, type(place).joined([part for _, part in reached], order)
