"""What is known of the density's curvature along the paths, for the start matrix of L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from geodreg.solvers.per_pair import PerPair
from geodreg.solvers.protocol import Objective

__all__ = ["DensityCurvature"]

FORGETTING = 0.9  # of the curvature that was shown, in one iteration


@dataclass(frozen=True)
class DensityCurvature(PerPair):
    """A multiple of the identity at every point: the largest curvature that was lately shown there along a step.

    It is forgotten slowly, and is at least that of a normal prior. The density is stiff in directions that differ from
    point to point, more of them than L-BFGS can remember.

    Attributes:
        shown: at the interior points, ``(R, K-2)``, double precision.
        least: the prior's curvature in the objective, of each coordinate, ``(R, 1, d)``; zero if it is not known.
    """

    shown: Tensor
    least: Tensor

    @classmethod
    def at_start(cls, objective: Objective, z: Tensor) -> Self:
        """Before anything was shown, for an objective of paths ``(R, K, d)``."""
        n_pairs, n_points = z.shape[:2]
        step_length = objective.interval / (n_points - 1)
        prior = objective.mu * objective.manifold.prior_precision(z).double()
        shown = torch.zeros(n_pairs, n_points - 2, dtype=torch.float64, device=z.device)
        return cls(shown, step_length[:, None, None] * prior)

    def diagonal(self) -> Tensor:
        """What is added to the diagonal of the Gauss-Newton matrix, ``(R, K-2, d)``."""
        return torch.maximum(self.shown.unsqueeze(-1), self.least)

    def after(self, step: Tensor, change: Tensor) -> Self:
        """After a step of the interior points and the change of the density's gradient, ``(R, K-2, d)`` each."""
        along = (step * change).sum(-1) / step.square().sum(-1)  # 0 / 0 where nothing moved
        return replace(self, shown=torch.maximum(FORGETTING * self.shown, along.nan_to_num(0.0, 0.0, 0.0)))
