"""The logarithm: the velocity with which the geodesic to another point starts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.curve import refine
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.paths import Paths
from geodreg.riemannian.arguments import as_manifold
from geodreg.riemannian.failure import check_converged
from geodreg.riemannian.tangent import from_basis, tangent_basis
from geodreg.solvers import Newton, Solver, Start

__all__ = ["TIGHT", "initial_velocity", "logarithm_map"]

TIGHT = Newton(tolerance=1e-12)  # the first chord is a small part of the path, and its direction converges last


def logarithm_map(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    *,
    n_points: int = 35,
    init: str | Start | Tensor = "straight",
    solver: str | Solver = TIGHT,
) -> Tensor:
    r"""Initial velocities of the geodesics that join pairs of latents in time one.

    .. math:: \log_a(b) = \dot z(0), \qquad \exp_a(\log_a(b)) = b, \qquad |\log_a(b)|_g = d(a, b)

    (do Carmo 1992, chapter 3). The geodesics are those of :func:`~geodreg.interpolate`: shortest ones among their
    neighbours, and the shortest of all only where the start curve leads there. They are solved with ``n_points`` and,
    from there, with twice as many; the error of :func:`~geodreg.initial_velocity` is of second order in the distance of
    the points, so a quarter of it is left in the second solve and Richardson's extrapolation takes it off. The rest is
    of fourth order.

    Args:
        manifold: the model, or a bare generator.
        start: latents ``(..., d)``.
        end: latents ``(..., d)``, in the same dtype and on the same device; the batches broadcast.
        n_points: number of points of each geodesic in the first solve, at least 3.
        init: start curve, as for :func:`~geodreg.interpolate`.
        solver: as for :func:`~geodreg.interpolate`; by default Newton's with a tolerance of 1e-12.

    Returns:
        velocities in latent coordinates, ``(..., d)``; zero where the endpoints coincide.

    Raises:
        TypeError: if the endpoints are not floating-point tensors.
        ValueError: if an argument is out of range, or generator and endpoints do not fit.
        GeodesicError: if a geodesic did not converge; its ``paths`` hold all that were found, and
            :func:`~geodreg.initial_velocity` takes those that did. Also if the metric is singular at a start.

    Example:
        >>> polar = lambda z: z[:, :1] * torch.cat([z[:, 1:].cos(), z[:, 1:].sin()], dim=1)
        >>> start, end = torch.tensor([1.0, 0.0]).double(), torch.tensor([2**0.5, torch.pi / 4]).double()
        >>> logarithm_map(polar, start, end).round(decimals=3).abs()  # from (1, 0) to (1, 1): straight up
        tensor([0., 1.], dtype=torch.float64)
    """
    given = start
    if isinstance(start, Tensor) and isinstance(end, Tensor):
        start, end = _broadcast(lifted(start), lifted(end)) if start.dtype == end.dtype else (start, end)
    manifold = as_manifold(manifold)
    coarse = interpolate(manifold, start, end, "geodesic", n_points=n_points, init=init, solver=solver)
    check_converged(coarse)
    halved = refine(coarse.flat_latents, 2)
    fine = interpolate(manifold, start, end, "geodesic", n_points=2 * n_points - 1, init=halved, solver=solver)
    check_converged(fine)
    return ((4.0 * initial_velocity(fine) - initial_velocity(coarse)) / 3.0).to(given.dtype)


@own_modes()
def initial_velocity(paths: Paths) -> Tensor:
    r"""Velocities with which geodesics leave their start, if they are to arrive in time one.

    Of the chord energy, the momentum at the start is that of the first chord (the discrete Legendre transform;
    Marsden and West 2001, *Discrete Mechanics and Variational Integrators*, section 1.5). It has the direction of the
    velocity,

    .. math:: v \propto g_1^{-1} J_1^\top (x_2 - x_1), \qquad |v|_g = \mathrm{length},

    with an error of second order in the chord, where that of :math:`z_2 - z_1` is of first order.

    Args:
        paths: geodesics; look at ``.converged`` first.

    Returns:
        velocities in latent coordinates, ``(..., d)``.

    Raises:
        ValueError: if the paths are by another method.
        GeodesicError: if the metric is singular at a start.

    Example:
        >>> paths = interpolate(lambda z: 2 * z, torch.zeros(2), torch.tensor([3.0, 4.0]), "geodesic")
        >>> initial_velocity(paths)
        tensor([3., 4.])
    """
    if paths.method != "geodesic":
        raise ValueError(f"paths are by {paths.method!r}; pass what method='geodesic' gave.")
    x = paths.measured  # ... x K x D
    basis, factor = tangent_basis(paths.manifold, paths.flat_latents[..., 0, :].clone())
    chord = (x[..., 1, :] - x[..., 0, :]).double()
    momentum = (basis.mT @ chord.unsqueeze(-1)).squeeze(-1)  # in the orthonormal basis
    norm = momentum.norm(dim=-1, keepdim=True)
    direction = torch.where(norm > 0.0, momentum / norm, 0.0)
    return from_basis(factor, paths.length.double().unsqueeze(-1) * direction).to(paths.z.dtype)


def _broadcast(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Both endpoints with one batch; those that do not go together are left for the front door to refuse."""
    try:
        batch = torch.broadcast_shapes(start.shape[:-1], end.shape[:-1])
    except RuntimeError:
        return start, end
    return start.expand(*batch, *start.shape[-1:]), end.expand(*batch, *end.shape[-1:])
