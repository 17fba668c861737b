"""One metric for a whole path: a model of the energy's curvature that costs few Jacobians and one decomposition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from geodreg.derivatives.jacobian_products import JacobianProducts
from geodreg.geometry.manifold import LatentManifold

__all__ = ["MeanMetric"]

DAMPING = 0.05  # of the mean eigenvalue, added to all; the metric changes along a path, and small eigenvalues most


@dataclass(frozen=True)
class MeanMetric:
    r"""The mean :math:`\bar g` of the metric at a few points of each path, by its eigenvalues.

    Were the metric the same at all points, the Gauss-Newton matrix of the chord energy would be the Kronecker product
    of :math:`\bar g` and of the matrix of second differences, which sines diagonalise: with the eigenpairs
    :math:`(\lambda_i, v_i)` its eigenvalues are :math:`\lambda_i (2 - 2 \cos \tfrac{\pi j}{K-1}) / \Delta t`. So its
    inverse takes :math:`O(K d^2 + K^2 d)` operations a product, where blocks of their own at every point take a
    Jacobian each and :math:`O(K d^3)`.

    Attributes:
        values: leading eigenvalues, ``(P, r)``, double precision.
        vectors: their directions, ``(P, d, r)``, orthonormal.
        others: mean of the other eigenvalues, ``(P,)``; zero where there are none.
    """

    values: Tensor
    vectors: Tensor
    others: Tensor

    @classmethod
    def exact(cls, manifold: LatentManifold, points: Tensor) -> Self:
        """All eigenvalues, from the Jacobians at points ``(P, A, d)``."""
        identity = torch.eye(points.shape[-1], dtype=torch.float64, device=points.device)
        with torch.no_grad():
            metric = torch.stack([_mean_of_finite(manifold.metric(some).double(), identity) for some in points])
        values, vectors = torch.linalg.eigh(metric)
        return cls(values.clamp_min(0.0), vectors, torch.zeros_like(values[:, 0]))

    @classmethod
    def leading(cls, manifold: LatentManifold, points: Tensor, rank: int, n_rows: int) -> Self:
        """The leading eigenvalues, from products with the metric at points ``(P, A, d)`` of random directions.

        A subspace iteration (Halko, Martinsson and Tropp 2011) with one pass to find it and one to measure in it.

        Args:
            manifold: the model.
            points: where the metric is taken.
            rank: number of directions.
            n_rows: points that go through the generator together.
        """
        n_anchors, d = points.shape[1:]
        chance = torch.Generator().manual_seed(0)
        signs = torch.randint(0, 2, (d, rank), generator=chance, device="cpu").to(points) * 2 - 1
        found = []
        for some in points:
            rows = some.repeat_interleave(rank, dim=0)  # each point with every direction
            at = JacobianProducts(manifold.generate_flat, rows, n_rows, keep=False)

            def product(directions: Tensor, at: JacobianProducts = at) -> Tensor:
                image = at.pull(at.push(directions.mT.repeat(n_anchors, 1))).double()
                return _mean_of_finite(image.unflatten(0, (n_anchors, rank)), directions.mT.double()).mT  # d x rank

            image = product(signs)
            trace = (signs.double() * image).sum() / rank
            basis = torch.linalg.qr(image).Q
            values, mixed = torch.linalg.eigh(basis.mT @ product(basis.to(points)))
            values = values.clamp_min(0.0)
            rest = ((trace - values.sum()) / max(1, d - rank)).clamp(torch.zeros_like(trace), values[0])
            found.append((values, basis @ mixed, rest))
        return cls(*(torch.stack(parts) for parts in zip(*found, strict=True)))

    def select(self, rows: Tensor) -> MeanMetric:
        """Those of some of the pairs, by index."""
        return MeanMetric(self.values[rows], self.vectors[rows], self.others[rows])

    def inverse(self, n_interior: int, step: Tensor, density: Tensor) -> Callable[[Tensor], Tensor]:
        """Product of the inverse matrix with ``(P, K-2, d)``.

        Args:
            n_interior: number ``K - 2`` of the points that move.
            step: of the parameter, ``(P,)``.
            density: curvature of the density, the same in all directions, ``(P,)``.
        """
        k = torch.arange(1, n_interior + 1, dtype=torch.float64, device=step.device)
        frequencies = 2.0 - 2.0 * torch.cos(math.pi * k / (n_interior + 1))
        sines = (2.0 / (n_interior + 1)) ** 0.5 * torch.sin(math.pi * k[:, None] * k / (n_interior + 1))
        d, r = self.vectors.shape[1:]
        mean = (self.values.sum(-1) + (d - r) * self.others) / d
        constant = (2.0 * DAMPING * mean / step + density + torch.finfo(mean.dtype).tiny)[:, None, None]
        scaled = frequencies[:, None] / step[:, None, None]
        inside, outside = scaled * self.values[:, None] + constant, scaled * self.others[:, None, None] + constant

        def product(q: Tensor) -> Tensor:
            waves = sines @ q
            along = waves @ self.vectors
            solved = (along / inside) @ self.vectors.mT
            if r < d:
                solved = solved + (waves - along @ self.vectors.mT) / outside
            return sines @ solved

        return product


def _mean_of_finite(each: Tensor, otherwise: Tensor) -> Tensor:
    """Mean over the first dimension of those that are finite; what it is where none is."""
    finite = each.isfinite().flatten(1).all(-1)[:, None, None]
    total = torch.where(finite, each, 0.0).sum(0) / finite.sum(0).clamp_min(1)
    return torch.where(finite.any(), total, otherwise)
