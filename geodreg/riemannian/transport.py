"""Parallel transport of tangent vectors along curves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.riemannian.arguments import as_manifold, check_geometry, check_latents, check_tangent, check_whole
from geodreg.riemannian.failure import GeodesicError
from geodreg.riemannian.tangent import from_basis, tangent_basis, to_basis

__all__ = ["parallel_transport"]

LEAST_COSINE = 0.5  # of the largest angle between neighbouring tangent spaces, 60 degrees


@own_modes()
def parallel_transport(
    manifold: LatentManifold | Callable[[Tensor], Tensor], curve: Tensor, vector: Tensor, *, n_sub: int = 4
) -> Tensor:
    r"""Carry tangent vectors along curves without turning them.

    With orthonormal bases :math:`E_k` of the tangent spaces in data space, the rotation nearest to the orthogonal
    projection of one tangent space on the next takes coordinates along,

    .. math:: c_{k+1} = U V^\top c_k, \qquad E_{k+1}^\top E_k = U \Sigma V^\top, \qquad v_k = R_k^{-1} c_k, \quad
       J_k = E_k R_k

    (Singer and Wu 2012, *Vector Diffusion Maps and the Connection Laplacian*, section 2). Lengths and angles are kept
    to rounding; the error of the direction is of second order in the distance of the points.

    Args:
        manifold: the model, or a bare generator.
        curve: latents ``(..., K, d)``, at least two points, straight between them: the ``z`` of paths, or a curve of
            :func:`~geodreg.exponential_map`.
        vector: tangent vectors at the first point in latent coordinates, ``(..., d)``; the batches broadcast, so
            ``(n, d)`` are ``n`` vectors along one curve.
        n_sub: pieces in which every chord is cut.

    Returns:
        the vectors at all points in latent coordinates, ``(..., K, d)``.

    Raises:
        TypeError: if curve or vectors are not floating-point tensors.
        ValueError: if they do not go together, or ``n_sub`` is below 1.
        GeodesicError: if the metric is singular on the curve, or neighbouring tangent spaces are more than 60 degrees
            apart.

    Example:
        >>> polar = lambda z: z[:, :1] * torch.cat([z[:, 1:].cos(), z[:, 1:].sin()], dim=1)
        >>> angle = torch.linspace(0, torch.pi / 2, 9, dtype=torch.float64)
        >>> quarter = torch.stack([torch.full_like(angle, 2.0), angle], dim=1)
        >>> parallel_transport(polar, quarter, quarter.new_tensor([1.0, 0.0]))[-1].round(decimals=6) + 0.0
        tensor([ 0.0000, -0.5000], dtype=torch.float64)
    """
    manifold = as_manifold(manifold)
    curve = check_latents("curve", curve, "(..., K, d)")
    if curve.shape[-2] < 2:
        raise ValueError(f"curve has shape {tuple(curve.shape)}; pass (..., K, d) with at least two points.")
    vector = check_tangent("vector", vector, "curve", curve[..., 0, :])
    check_whole("n_sub", n_sub, least=1)
    check_geometry(manifold, curve)
    given, curve, vector = curve.dtype, lifted(curve), lifted(vector)

    fractions = torch.arange(1, n_sub + 1, dtype=curve.dtype, device=curve.device).unsqueeze(-1) / n_sub
    basis, factor = tangent_basis(manifold, curve[..., :1, :])  # the basis at the end of a chord begins the next one
    coordinates = to_basis(factor[..., -1, :, :], vector)
    transported = [vector.expand_as(coordinates)]
    for k in range(curve.shape[-2] - 1):
        points = torch.lerp(curve[..., k : k + 1, :], curve[..., k + 1 : k + 2, :], fractions)  # ... x n_sub x d
        bases, factor = tangent_basis(manifold, points)
        bases = torch.cat([basis[..., -1:, :, :], bases], dim=-3)
        left, cosines, right = torch.linalg.svd(bases[..., 1:, :, :].mT @ bases[..., :-1, :, :])
        if cosines.min() < LEAST_COSINE:
            raise GeodesicError(
                f"Tangent spaces turn by more than 60 degrees between neighbours on chord {k} of the curve, so there "
                "is no telling which way vectors turn; pass a curve with more points, or a larger n_sub."
            )
        for rotation in (left @ right).unbind(-3):
            coordinates = (rotation @ coordinates.unsqueeze(-1)).squeeze(-1)
        basis = bases
        transported.append(from_basis(factor[..., -1, :, :], coordinates).to(curve.dtype))
    return torch.stack(transported, dim=-2).to(given)
