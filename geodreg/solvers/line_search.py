"""Backtracking line search for a batch of independent problems."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodreg.solvers.per_pair import indices
from geodreg.solvers.protocol import Objective, Place

__all__ = ["Reached", "line_search", "moved"]

SUFFICIENT_DECREASE = 1e-4  # Armijo's constant
MAX_BACKTRACKS = 20


@dataclass(frozen=True)
class Reached:
    """Where a line search has come to.

    Attributes:
        length: fraction of the step that each pair takes, ``(R,)``; zero where there was no decrease.
        trials: evaluations of the objective that it took, ``(R,)``.
        place: at the points reached, the old one where there was no decrease.
    """

    length: Tensor
    trials: Tensor
    place: Place


def moved(z: Tensor, advance: Tensor) -> Tensor:
    """Paths ``(R, K, d)`` whose interior points have advanced, ``(R, K-2, d)``."""
    points = z.clone()
    points[:, 1:-1] += advance.to(z.dtype)
    return points


def line_search(
    objective: Objective, z: Tensor, step: Tensor, slope: Tensor, place: Place, first: Tensor | None = None
) -> Reached:
    """Backtrack each pair separately until its objective has decreased enough (Armijo).

    A trial costs no gradient; the points that are taken get theirs from the trial's own graph.

    Args:
        objective: of ``R`` pairs.
        z: their paths, ``(R, K, d)``.
        step: of the interior points, ``(R, K-2, d)``.
        slope: derivative of the objective along it, ``(R,)``, negative.
        place: at ``z``.
        first: fraction of the step that is tried first, ``(R,)``; all of it by default.
    """
    length, trials = torch.ones_like(slope) if first is None else first.clone(), torch.zeros_like(slope)
    pending = torch.arange(len(z), device=z.device)
    parts: list[tuple[Tensor, Place]] = []
    for _ in range(MAX_BACKTRACKS):
        points = moved(z[pending], length[pending, None, None] * step[pending])
        trial = objective.select(pending).trial(points)
        trials[pending] += 1
        predicted = length[pending] * slope[pending]
        excess = trial.value - place.value[pending]
        enough = trial.value.isfinite() & (excess <= SUFFICIENT_DECREASE * predicted + place.rounding[pending])
        if enough.any():
            parts.append((pending[enough], trial.place(indices(enough))))
        # The minimum of the parabola through both values and the slope, kept within a tenth and a half.
        shrink = (-0.5 * predicted / (excess - predicted)).nan_to_num(0.1).clamp(0.1, 0.5)
        length[pending] *= torch.where(enough, 1.0, shrink)
        pending = pending[~enough]
        del trial  # and its graph, before the next one is built
        if len(pending) == 0:
            break
    length[pending] = 0.0
    if len(pending) > 0:
        parts.append((pending, place.select(pending)))
    if len(parts) == 1:
        return Reached(length, trials, parts[0][1])
    order = torch.cat([rows for rows, _ in parts]).argsort()
    return Reached(length, trials, type(place).joined([part for _, part in parts], order))
