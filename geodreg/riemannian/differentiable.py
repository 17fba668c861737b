"""A geodesic distance that can stand in a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from geodreg.derivatives.calling import lifted
from geodreg.geometry.curve import chord_energy
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.latent_shapes import flat_endpoints
from geodreg.interpolation.paths import Paths
from geodreg.riemannian.arguments import as_manifold
from geodreg.riemannian.failure import check_converged
from geodreg.riemannian.logarithm import TIGHT
from geodreg.solvers import Solver, Start

__all__ = ["geodesic_distance"]


def geodesic_distance(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    *,
    n_points: int = 35,
    init: str | Start | Tensor = "straight",
    solver: str | Solver = TIGHT,
    geodesic: Paths | None = None,
) -> Tensor:
    r"""Geodesic distances between pairs of latents, differentiable in the latents and the generator's parameters.

    It is the root of the least chord energy :math:`E`, run through in any interval :math:`T`,

    .. math:: d(z_a, z_b) = \sqrt{2\,T E} = \Bigl( (K - 1) \sum_{k=1}^{K-1} |x_{k+1} - x_k|^2 \Bigr)^{1/2},

    which for even chords is the length of the polyline, within second order in the chord that of the geodesic. At a
    minimum the interior points do not count for the first derivative (envelope theorem), so in the endpoints it is
    that of the first and the last chord alone,

    .. math:: \nabla_{z_a} d = -\frac{K - 1}{d}\, J(z_a)^\top (x_2 - x_1),

    and in the generator's parameters that of all chords with the latents held fixed. There is no second derivative.
    Neither the ``length`` of :class:`~geodreg.Paths`, which is measured between the points as well, nor a regularised
    path, whose interval changes with its endpoints, has this derivative.

    Args:
        manifold: the model, or a bare generator.
        start: latents ``(..., d)``, or shaped, as for :func:`~geodreg.interpolate`; may require a gradient.
        end: latents of the same dtype and device; the batches broadcast; may require a gradient.
        n_points: number ``K`` of points of each geodesic, at least 3.
        init: start curve, as for :func:`~geodreg.interpolate`.
        solver: as for :func:`~geodreg.interpolate`; by default Newton's with a tolerance of 1e-12, since the error of
            the gradient is of first order in what is left to solve.
        geodesic: the plain geodesics between these latents, if they are known; they are not solved for again.

    Returns:
        distances ``(...)``, in data units; at coincident endpoints, where the distance has no derivative, it is zero.

    Raises:
        TypeError: if the latents are not floating-point tensors.
        ValueError: if an argument is out of range, generator and latents do not fit, or ``geodesic`` is by another
            method or between other latents.
        GeodesicError: if a geodesic did not converge.
        RuntimeError: by torch, if a second derivative in the endpoints is asked for.

    Example:
        >>> start, end = torch.zeros(2, requires_grad=True), torch.tensor([3.0, 4.0])
        >>> distance = geodesic_distance(lambda z: 2 * z, start, end)
        >>> distance.backward()
        >>> distance.detach(), start.grad
        (tensor(10.), tensor([-1.2000, -1.6000]))
    """
    manifold = as_manifold(manifold)
    if geodesic is None:
        first, last = (lifted(each) if isinstance(each, Tensor) else each for each in (start, end))
        geodesic = interpolate(manifold, first, last, "geodesic", n_points=n_points, init=init, solver=solver)
    elif geodesic.method != "geodesic":
        raise ValueError(
            f"geodesic holds paths by {geodesic.method!r}; pass what method='geodesic' gave, since only a least energy "
            "has the derivative of its endpoints alone (a regularised path's interval moves with them)."
        )
    check_converged(geodesic)
    a, b, _ = flat_endpoints(manifold, start, end)
    given, a, b = a.dtype, lifted(a), lifted(b)
    z = lifted(geodesic.flat_latents.detach())
    if not (z.shape[:-2] == a.shape[:-1] and torch.equal(z[..., 0, :], a) and torch.equal(z[..., -1, :], b)):
        raise ValueError("geodesic is between other latents; pass what method='geodesic' gave for these.")
    ends = [_FirstOrder.apply(endpoint).unsqueeze(-2) for endpoint in (a, b)]
    x = manifold.generate_flat(torch.cat([ends[0], z[..., 1:-1, :], ends[1]], dim=-2))
    square = 2.0 * chord_energy(x, 1.0)
    apart = square > 0.0  # the root has no derivative at zero
    return torch.where(apart, torch.where(apart, square, 1.0).sqrt(), 0.0).to(given)


class _FirstOrder(torch.autograd.Function):
    """The same numbers, with a gradient that refuses to be differentiated: the interior points would count in it."""

    @staticmethod
    def forward(_: FunctionCtx, z: Tensor) -> Tensor:
        return z.clone()

    @staticmethod
    @once_differentiable
    def backward(_: FunctionCtx, gradient: Tensor) -> Any:  # noqa: ANN401 - as torch declares it
        return gradient
