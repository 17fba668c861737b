"""Backtracking line search for a batch of independent problems."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodreg.objective import Derivatives, PathObjective

__all__ = ["State", "line_search"]

SUFFICIENT_DECREASE = 1e-4  # Armijo's constant
MAX_BACKTRACKS = 20


@dataclass(frozen=True)
class State:
    """Where the pairs at work are: value, energy and rounding ``(R,)``, and their derivatives."""

    value: Tensor
    energy: Tensor
    rounding: Tensor
    derivatives: Derivatives

    def select(self, rows: Tensor) -> State:
        """The state of some of the pairs."""
        return State(self.value[rows], self.energy[rows], self.rounding[rows], self.derivatives.select(rows))


def line_search(
    objective: PathObjective, z: Tensor, step: Tensor, slope: Tensor, state: State
) -> tuple[Tensor, Tensor, State]:
    """Backtrack every pair by itself until its objective has decreased enough (Armijo).

    A trial costs no gradient; the points that are taken get theirs from the trial's own graph.

    Args:
        objective: of ``R`` pairs.
        z: their paths, ``(R, K, d)``.
        step: of the interior points, ``(R, K-2, d)``.
        slope: derivative of the objective along it, ``(R,)``, negative.
        state: at ``z``.

    Returns:
        step lengths ``(R,)``, zero where there was no decrease; numbers of trials ``(R,)``; and the state at the points
        reached, the old one where there was no decrease.
    """
    length, trials = torch.ones_like(slope), torch.zeros_like(slope)
    pending = torch.arange(len(z), device=z.device)
    reached = state.select(pending)
    for _ in range(MAX_BACKTRACKS):
        points = z[pending].clone()
        points[:, 1:-1] += (length[pending, None, None] * step[pending]).to(z.dtype)
        trial = objective.select(pending).trial(points)
        trials[pending] += 1
        predicted = length[pending] * slope[pending]
        excess = trial.value - state.value[pending]
        enough = trial.value.isfinite() & (excess <= SUFFICIENT_DECREASE * predicted + state.rounding[pending])
        if enough.any():
            accepted = pending[enough]
            reached.value[accepted], reached.energy[accepted] = trial.value[enough], trial.energy[enough]
            reached.rounding[accepted] = trial.rounding()[enough]
            reached.derivatives.put(accepted, trial.derivatives(enough.nonzero().squeeze(-1)))
        # The minimum of the parabola through both values and the slope, kept within a tenth and a half.
        shrink = (-0.5 * predicted / (excess - predicted)).nan_to_num(0.1).clamp(0.1, 0.5)
        length[pending] *= torch.where(enough, 1.0, shrink)
        pending = pending[~enough]
        del trial  # and its graph, before the next one is built
        if len(pending) == 0:
            break
    length[pending] = 0.0
    return length, trials, reached
