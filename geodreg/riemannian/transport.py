"""Parallel transport of tangent vectors along curves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.latent_shapes import flat_latents
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
            :func:`~geodreg.exponential_map`. Those of a manifold with a shape of latents may have it,
            ``(..., K, *latent_shape)``.
        vector: tangent vectors at the first point in latent coordinates, ``(..., d)``; the batches broadcast, so
            ``(n, d)`` are ``n`` vectors along one curve.
        n_sub: pieces in which every chord is cut.

    Returns:
        the vectors at all points in latent coordinates, ``(..., K, d)``, flat in any case.

    Raises:
        TypeError: if curve or vectors are not floating-point tensors.
        ValueError: if they do not go together, or ``n_sub`` is below 1.
        GeodesicError: if the metric is singular on the curve, or neighbouring tangent spaces are more than 60 degrees
            apart.
        RuntimeError: inside of :mod:`torch.func`.

    Example:
        >>> polar = lambda z: z[:, :1] * torch.cat([z[:, 1:].cos(), z[:, 1:].sin()], dim=1)
        >>> angle = torch.linspace(0, torch.pi / 2, 9, dtype=torch.float64)
        >>> quarter = torch.stack([torch.full_like(angle, 2.0), angle], dim=1)
        >>> parallel_transport(polar, quarter, quarter.new_tensor([1.0, 0.0]))[-1].round(decimals=6) + 0.0
        tensor([ 0.0000, -0.5000], dtype=torch.float64)
    """
    manifold = as_manifold(manifold)
    curve = check_latents("curve", curve, "(..., K, d)")
    shape = tuple(curve.shape)
    curve, _ = flat_latents(manifold, "curve", curve)
    if curve.ndim < 2 or curve.shape[-2] < 2:
        raise ValueError(f"curve has shape {shape}; pass (..., K, d) with at least two points.")
    vector = check_tangent("vector", vector, "curve", curve[..., 0, :])
    check_whole("n_sub", n_sub, least=1)
    check_geometry(manifold, curve)
    given, curve, vector = curve.dtype, lifted(curve), lifted(vector)

    # The batch of the curves first, and after it what the vectors alone have: many along one curve share its bases.
    batch, (n_points, d) = torch.broadcast_shapes(curve.shape[:-2], vector.shape[:-1]), curve.shape[-2:]
    own = [1] * (len(batch) - curve.ndim + 2) + list(curve.shape[:-2])
    order = sorted(range(len(batch)), key=lambda i: own[i] == 1)
    curves = curve.reshape(-1, n_points, d)
    vectors = vector.expand(*batch, d).permute(*order, -1).reshape(len(curves), -1, d)

    at_once = len(manifold.parts(curves.reshape(-1, d))[0])  # points whose bases are held together
    fractions = torch.arange(1, n_sub + 1, dtype=curve.dtype, device=curve.device).unsqueeze(-1) / n_sub
    pieces = fractions.split(at_once)
    n_curves = max(1, at_once // len(pieces[0]))
    parts = zip(curves.split(n_curves), vectors.split(n_curves), strict=True)
    transported = torch.cat([_transported(manifold, *part, pieces) for part in parts])  # curves x vectors x K x d
    places = [order.index(i) for i in range(len(batch))]
    return transported.reshape(*(batch[i] for i in order), n_points, d).permute(*places, -2, -1).to(given)


def _transported(manifold: LatentManifold, curves: Tensor, vectors: Tensor, pieces: tuple[Tensor, ...]) -> Tensor:
    """Vectors ``(n, m, d)``, ``m`` at the first point of each curve ``(n, K, d)``, at all points, ``(n, m, K, d)``.

    Args:
        manifold: the model.
        curves: the curves.
        vectors: the vectors.
        pieces: where every chord is cut, as fractions ``(s, 1)`` up to one, those whose bases are held together.
    """
    basis, factor = tangent_basis(manifold, curves[:, :1])
    coordinates, transported = to_basis(factor, vectors), [vectors]
    for k in range(curves.shape[1] - 1):
        for fractions in pieces:
            points = torch.lerp(curves[:, k : k + 1], curves[:, k + 1 : k + 2], fractions)  # n x s x d
            bases, factor = tangent_basis(manifold, points)
            bases = torch.cat([basis, bases], dim=1)  # the basis at the end of a piece begins the next one
            left, cosines, right = torch.linalg.svd(bases[:, 1:].mT @ bases[:, :-1])
            if cosines.min() < LEAST_COSINE:
                raise GeodesicError(
                    f"Tangent spaces turn by more than 60 degrees between neighbours on chord {k} of the curve, so "
                    "there is no telling which way vectors turn; pass a curve with more points, or a larger n_sub."
                )
            for rotation in (left @ right).unbind(1):
                coordinates = coordinates @ rotation.mT
            basis = bases[:, -1:].clone()
        transported.append(from_basis(factor[:, -1:], coordinates).to(vectors.dtype))
    return torch.stack(transported, dim=-2)
