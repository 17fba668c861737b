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
from geodreg.riemannian.failure import check_converged, warn_of_swings
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
        start: latents ``(..., d)``, or shaped, as for :func:`~geodreg.interpolate`.
        end: latents, in the same dtype and on the same device; the batches broadcast.
        n_points: number of points of each geodesic in the first solve, at least 3.
        init: start curve, as for :func:`~geodreg.interpolate`.
        solver: as for :func:`~geodreg.interpolate`; by default Newton's with a tolerance of 1e-12.

    Returns:
        velocities in latent coordinates, ``(..., d)``, flat in any case; zero where the endpoints coincide.

    Warns:
        UserWarning: if a geodesic is more than a hundredth longer than the polyline through its points; the error then
            is not of fourth order yet.

    Raises:
        TypeError: if the endpoints are not floating-point tensors.
        ValueError: if an argument is out of range, or generator and endpoints do not fit.
        GeodesicError: if a geodesic did not converge; its ``paths`` hold all that were found, and
            :func:`~geodreg.initial_velocity` takes those that did. Also if the metric is singular at a start.
        RuntimeError: inside of :mod:`torch.func`.

    Example:
        >>> polar = lambda z: z[:, :1] * torch.cat([z[:, 1:].cos(), z[:, 1:].sin()], dim=1)
        >>> start, end = torch.tensor([1.0, 0.0]).double(), torch.tensor([2**0.5, torch.pi / 4]).double()
        >>> logarithm_map(polar, start, end).round(decimals=3).abs()  # from (1, 0) to (1, 1): straight up
        tensor([0., 1.], dtype=torch.float64)
    """
    manifold, given = as_manifold(manifold), start
    if isinstance(start, Tensor) and isinstance(end, Tensor) and start.dtype == end.dtype:
        start, end = lifted(start), lifted(end)
    coarse = interpolate(manifold, start, end, "geodesic", n_points=n_points, init=init, solver=solver)
    check_converged(coarse)
    halved = refine(coarse.flat_latents, 2)
    fine = interpolate(manifold, start, end, "geodesic", n_points=2 * n_points - 1, init=halved, solver=solver)
    check_converged(fine)
    for paths in (coarse, fine):
        warn_of_swings(paths, stacklevel=3)
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
        RuntimeError: inside of :mod:`torch.func`.

    Example:
        >>> paths = interpolate(lambda z: 2 * z, torch.zeros(2), torch.tensor([3.0, 4.0]), "geodesic")
        >>> initial_velocity(paths)
        tensor([3., 4.])
    """
    manifold = as_manifold(paths.manifold)
    if paths.method != "geodesic":
        raise ValueError(f"paths are by {paths.method!r}; pass what method='geodesic' gave.")
    start, x = lifted(paths.flat_latents[..., 0, :]).clone(), paths.measured  # ... x d, ... x K x D
    parts = manifold.parts(start.reshape(-1, start.shape[-1]))
    sizes = [len(part) for part in parts]
    chords = (x[..., 1, :] - x[..., 0, :]).reshape(-1, x.shape[-1]).split(sizes)
    lengths = paths.length.double().reshape(-1, 1).split(sizes)
    velocities = [_velocity(manifold, *each) for each in zip(parts, chords, lengths, strict=True)]
    return torch.cat(velocities).reshape(start.shape).to(paths.z.dtype)


def _velocity(manifold: LatentManifold, start: Tensor, chord: Tensor, length: Tensor) -> Tensor:
    """Velocities ``(n, d)`` at starts, from first chords ``(n, D)`` and lengths ``(n, 1)``."""
    basis, factor = tangent_basis(manifold, start)
    momentum = (basis.mT @ chord.double().unsqueeze(-1)).squeeze(-1)  # in the orthonormal basis
    norm = momentum.norm(dim=-1, keepdim=True)
    return from_basis(factor, length * torch.where(norm > 0.0, momentum / norm, 0.0))
