"""The memory of L-BFGS for a batch of independent problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

__all__ = ["CurvaturePairs"]

USABLE = 1e-10  # least cosine between a step and the change of gradient along it


@dataclass(frozen=True)
class CurvaturePairs:
    """Steps and changes of gradient of the last iterations, of each problem of a batch separately.

    A problem without a usable pair in some iteration has the weight zero there, so it is skipped in its
    own recursion and in nobody else's (Nocedal and Wright, algorithm 7.4).

    Attributes:
        limit: number of iterations that are kept.
        weights: 1 / <step, change> of each problem and iteration, ``(P, n)``, oldest first; zero if it is not usable.
        steps: ``n`` tensors ``(P, m)``.
        changes: of the gradient along them, ``n`` tensors ``(P, m)``.
    """

    limit: int
    weights: Tensor
    steps: tuple[Tensor, ...] = ()
    changes: tuple[Tensor, ...] = ()

    @classmethod
    def none(cls, n_problems: int, limit: int, device: torch.device) -> Self:
        """The memory before the first iteration."""
        return cls(limit, torch.empty(n_problems, 0, dtype=torch.float64, device=device))

    def appended(self, step: Tensor, change: Tensor) -> Self:
        """With one iteration's pairs, ``(P, m)`` each; pairs without positive curvature get the weight zero."""
        product = (step * change).sum(-1)
        usable = product > USABLE * step.norm(dim=-1) * change.norm(dim=-1)
        weight = torch.where(usable, 1.0 / torch.where(usable, product, 1.0), 0.0)
        kept = slice(max(0, len(self.steps) + 1 - self.limit), None)
        return replace(
            self,
            weights=torch.cat([self.weights, weight[:, None]], dim=1)[:, kept],
            steps=(*self.steps, step)[kept],
            changes=(*self.changes, change)[kept],
        )

    def select(self, rows: Tensor) -> Self:
        """The memory of some of the problems, by index."""
        return replace(
            self,
            weights=self.weights[rows],
            steps=tuple(step[rows] for step in self.steps),
            changes=tuple(change[rows] for change in self.changes),
        )

    def forgotten(self, problems: Tensor) -> Self:
        """With nothing remembered of some of the problems, given by a mask ``(P,)``."""
        return replace(self, weights=self.weights.masked_fill(problems[:, None], 0.0))

    def are_empty(self) -> Tensor:
        """Whether there is no usable pair of a problem, ``(P,)``."""
        return (self.weights == 0.0).all(-1)

    def direction(self, gradient: Tensor, precondition: Callable[[Tensor], Tensor]) -> Tensor:
        """Quasi-Newton direction ``-H gradient``, ``(P, m)``, with ``precondition`` as the start matrix of H."""
        pairs = list(zip(self.steps, self.changes, self.weights.unbind(1), strict=True))
        q, coefficients = gradient.clone(), []
        for step, change, weight in reversed(pairs):
            coefficient = weight * (step * q).sum(-1)
            q -= coefficient[:, None] * change
            coefficients.append(coefficient)
        r = precondition(q)
        for (step, change, weight), coefficient in zip(pairs, reversed(coefficients), strict=True):
            r += (coefficient - weight * (change * r).sum(-1))[:, None] * step
        return -r
