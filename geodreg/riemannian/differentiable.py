"""A geodesic distance that can stand in a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from geodreg.derivatives.calling import lifted
from geodreg.geometry.curve import chord_energy
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.latent_shapes import flat_endpoints
from geodreg.interpolation.paths import Paths
from geodreg.riemannian.arguments import as_manifold
from geodreg.riemannian.failure import check_converged, warn_of_swings
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

    and in the generator's parameters that of all chords with the latents held fixed. There is no second derivative,
    neither in the latents nor in the parameters: the interior points would count in it, and a second pass is refused.
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

    Warns:
        UserWarning: if a geodesic is more than a hundredth longer than the polyline through its points, whose length
            the distance is.

    Raises:
        TypeError: if the latents are not floating-point tensors.
        ValueError: if an argument is out of range, generator and latents do not fit, or ``geodesic`` is by another
            method or between other latents.
        GeodesicError: if a geodesic did not converge.
        RuntimeError: in the second pass, if a second derivative is asked for, and inside of :mod:`torch.func`.

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
    warn_of_swings(geodesic, stacklevel=3)
    a, b, _ = flat_endpoints(manifold, start, end)
    given, a, b = a.dtype, lifted(a), lifted(b)
    z = lifted(geodesic.flat_latents.detach())
    if not (z.shape[:-2] == a.shape[:-1] and torch.equal(z[..., 0, :], a) and torch.equal(z[..., -1, :], b)):
        raise ValueError("geodesic is between other latents; pass what method='geodesic' gave for these.")
    x = manifold.generate_flat(torch.cat([a.unsqueeze(-2), z[..., 1:-1, :], b.unsqueeze(-2)], dim=-2))
    x = _FirstOrder.apply(x)
    square = 2.0 * chord_energy(x, 1.0)
    apart = square > 0.0  # the root has no derivative at zero
    return torch.where(apart, torch.where(apart, square, 1.0).sqrt(), 0.0).to(given)


class _FirstOrder(torch.autograd.Function):
    """The same numbers, with a gradient that refuses to be differentiated: the interior points would count in it."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401 - as torch declares it
        (x,) = ctx.saved_tensors
        return _Refused.apply(gradients[0], x)


class _Refused(torch.autograd.Function):
    """A gradient as it is, which in the graph depends on the points, so that every second pass comes by here.

    Torch leaves out what does not lead to what it differentiates by, as where a second derivative in parameters goes
    through the generator's Jacobian alone.
    """

    @staticmethod
    def forward(_: FunctionCtx, gradient: Tensor, __: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def backward(_: Any, *__: Tensor) -> NoReturn:  # noqa: ANN401 - as torch declares it
        raise RuntimeError(
            "geodesic_distance has no second derivative, in which the interior points of a geodesic would count; leave "
            "out create_graph=True, or take finite differences of its gradient."
        )
