"""The memory of L-BFGS for a batch of independent problems."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["CurvaturePairs"]


class CurvaturePairs:
    """Steps and changes of gradient of the last iterations, of every problem of a batch by itself.

    A problem without a usable pair in some iteration has the weight zero there, so it is skipped in its
    own recursion and in nobody else's (Nocedal and Wright, algorithm 7.4).

    Args:
        limit: number of iterations that are kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.steps: list[Tensor] = []  # (P, m) each, oldest first
        self.changes: list[Tensor] = []
        self.weights: list[Tensor] = []  # (P,) each, 1 / <step, change>

    def append(self, step: Tensor, change: Tensor) -> None:
        """Add one iteration's pairs, ``(P, m)`` each; pairs without positive curvature get the weight zero."""
        product = (step * change).sum(-1)
        usable = product > 1e-10 * step.norm(dim=-1) * change.norm(dim=-1)
        self.steps.append(step)
        self.changes.append(change)
        self.weights.append(torch.where(usable, 1.0 / torch.where(usable, product, 1.0), 0.0))
        if len(self.steps) > self.limit:
            del self.steps[0], self.changes[0], self.weights[0]

    def select(self, rows: Tensor) -> None:
        """Keep some of the problems."""
        self.steps = [step[rows] for step in self.steps]
        self.changes = [change[rows] for change in self.changes]
        self.weights = [weight[rows] for weight in self.weights]

    def forget(self, rows: Tensor) -> None:
        """Empty the memory of some of the problems, given by a mask ``(P,)``."""
        self.weights = [weight.masked_fill(rows, 0.0) for weight in self.weights]

    def is_empty(self, n_problems: int, device: torch.device) -> Tensor:
        """Whether a problem has no pair left, ``(P,)``."""
        empty = torch.ones(n_problems, dtype=torch.bool, device=device)
        for weight in self.weights:
            empty &= weight == 0.0
        return empty

    def direction(self, gradient: Tensor, precondition: Callable[[Tensor], Tensor]) -> Tensor:
        """Quasi-Newton direction ``-H gradient``, ``(P, m)``, with ``precondition`` as the start matrix of H."""
        q = gradient.clone()
        coefficients = []
        for step, change, weight in zip(
            reversed(self.steps), reversed(self.changes), reversed(self.weights), strict=True
        ):
            coefficient = weight * (step * q).sum(-1)
            q -= coefficient[:, None] * change
            coefficients.append(coefficient)
        r = precondition(q)
        for step, change, weight, coefficient in zip(
            self.steps, self.changes, self.weights, reversed(coefficients), strict=True
        ):
            r += (coefficient - weight * (change * r).sum(-1))[:, None] * step
        return -r
