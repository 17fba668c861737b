"""Orthonormal bases of the tangent spaces of a manifold, in data space."""

from __future__ import annotations

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.geometry.manifold import LatentManifold
from geodreg.riemannian.failure import GeodesicError

__all__ = ["from_basis", "tangent_basis", "tangent_factor", "to_basis"]


def tangent_basis(manifold: LatentManifold, z: Tensor) -> tuple[Tensor, Tensor]:
    r"""Orthonormal columns that span the tangent spaces, and the factors that lead to them, in double precision.

    .. math:: J = E R, \qquad E^\top E = I, \qquad g = R^\top R

    The condition of ``R`` is that of the Jacobian; that of the metric would be its square.

    Args:
        manifold: the model.
        z: latents ``(..., d)``.

    Returns:
        bases ``E (..., D, d)`` and triangular factors ``R (..., d, d)``.

    Raises:
        GeodesicError: if the metric is singular at one of the latents.
    """
    with torch.no_grad():
        columns = manifold.jacobian(lifted(z))
    jacobian = columns.double()  # ... x D x d
    if jacobian.shape[-2] < jacobian.shape[-1]:
        raise GeodesicError(
            f"The generator takes {jacobian.shape[-1]} latents to {jacobian.shape[-2]} numbers, so its metric is "
            "singular everywhere; geodesics need at least as many numbers as latents."
        )
    basis, factor = torch.linalg.qr(jacobian)
    pivots = factor.diagonal(dim1=-2, dim2=-1).abs()
    rounding = torch.finfo(columns.dtype).eps * jacobian.shape[-2] ** 0.5
    singular = ~(pivots.amin(-1) > rounding * pivots.amax(-1))
    if singular.any():
        where = ", ".join(f"{value:.4g}" for value in z[singular][0].tolist()[:8])
        raise GeodesicError(
            f"The metric is singular at the latent ({where}{', ...' if z.shape[-1] > 8 else ''}), where the generator "
            "folds or collapses; keep points and geodesics away from there."
        )
    return basis, factor


def tangent_factor(manifold: LatentManifold, z: Tensor) -> Tensor:
    """The factors ``R (..., d, d)`` of :func:`tangent_basis` at latents ``(..., d)``, a part of the bases at a time.

    Raises:
        GeodesicError: if the metric is singular at one of the latents.
    """
    parts = manifold.parts(z.reshape(-1, z.shape[-1]))
    return torch.cat([tangent_basis(manifold, part)[1] for part in parts]).reshape(*z.shape, z.shape[-1])


def to_basis(factor: Tensor, vector: Tensor) -> Tensor:
    """Coordinates in the orthonormal basis of tangent vectors ``(..., d)``; their norm is the one by the metric."""
    return (factor @ vector.double().unsqueeze(-1)).squeeze(-1)


def from_basis(factor: Tensor, coordinates: Tensor) -> Tensor:
    """Tangent vectors in latent coordinates from those in the orthonormal basis, ``(..., d)``."""
    batch = torch.broadcast_shapes(factor.shape[:-2], coordinates.shape[:-1])
    columns = coordinates.unsqueeze(-1).expand(*batch, -1, 1)
    return torch.linalg.solve_triangular(factor.expand(*batch, -1, -1), columns, upper=True).squeeze(-1)
