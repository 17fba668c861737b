"""The mean of points of a manifold: where the sum of squared geodesic distances is least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.arguments import check_endpoints
from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.paths import Paths
from geodreg.riemannian.arguments import as_manifold, check_geometry, check_latents, check_whole
from geodreg.riemannian.exponential import exponential_map
from geodreg.riemannian.failure import GeodesicError, check_converged, warn_of_swings
from geodreg.riemannian.logarithm import TIGHT, initial_velocity
from geodreg.riemannian.tangent import tangent_factor, to_basis
from geodreg.solvers import Solver, Start

__all__ = ["FrechetMean", "frechet_mean"]

TOLERANCES = {torch.float64: 1e-5}  # every other precision has COARSE
COARSE = 1e-4
LEAST_STEP = 1e-3
SUFFICIENT = 0.1  # fraction of the decrease of the variance that a step foresees


@dataclass(frozen=True, eq=False)
class FrechetMean:
    """A mean of points, and how it was reached.

    Attributes:
        point: latent of the mean, ``(d,)``.
        variance: weighted mean of the squared distances from it, in squared data units, a scalar tensor.
        iterations: steps that were taken.
        converged: whether the mean of the logarithms fell below the tolerance.
        status: why the iteration stopped, in a sentence.
        paths: the geodesics from the mean to the points, a batch of ``n``.
    """

    point: Tensor
    variance: Tensor
    iterations: int
    converged: bool
    status: str
    paths: Paths


@dataclass(frozen=True)
class _State:
    z: Tensor
    paths: Paths
    variance: Tensor
    velocity: Tensor  # mean of the logarithms, d
    norm: float  # of the velocity, by the metric


@own_modes()
def frechet_mean(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    points: Tensor,
    weights: Tensor | None = None,
    *,
    start: Tensor | None = None,
    step: float = 1.0,
    tolerance: float | None = None,
    max_iterations: int = 50,
    n_points: int = 35,
    init: str | Start = "straight",
    solver: str | Solver = TIGHT,
) -> FrechetMean:
    r"""Weighted Fréchet (Karcher) mean of points, by gradient descent with the exponential map.

    .. math:: \bar z = \arg\min_z \sum_i w_i \, d(z, z_i)^2, \qquad
       z \leftarrow \exp_z \Bigl( s \sum_i w_i \log_z(z_i) \Bigr), \qquad \sum_i w_i = 1

    (Pennec 2006, *Intrinsic Statistics on Riemannian Manifolds*, section 4). Each iteration starts the geodesics from
    those of the last one; a step that lowers neither the variance as it should
    nor the gradient is halved. The mean is unique where
    the points lie close together for the curvature; elsewhere it is a local one, near ``start``.

    Args:
        manifold: the model, or a bare generator.
        points: latents ``(n, d)``.
        weights: ``(n,)``, zero or positive; they are divided by their sum. Equal ones by default.
        start: first guess ``(d,)``; by default the point nearest to the others in data space, in the mean square.
        step: the first step size ``s``; on a flat manifold 1 leads to the mean at once.
        tolerance: norm of the mean of the logarithms at which the mean is found, as a fraction of the standard
            deviation (the root of the variance); 1e-5 in double precision, else 1e-4.
        max_iterations: limit of steps.
        n_points: number of points of each geodesic, at least 3.
        init: start curve of the first geodesics, ``"straight"``, ``"graph"`` a :class:`~geodreg.GraphStart`, or a
            start of your own.
        solver: as for :func:`~geodreg.interpolate`; by default Newton's with a tolerance of 1e-12.

    Returns:
        the mean; look at ``.converged`` before using it.

    Warns:
        UserWarning: if a geodesic from the mean is more than a hundredth longer than the polyline through its points.

    Raises:
        TypeError: if points, weights or start are not floating-point tensors, or ``init`` is a tensor.
        ValueError: if an argument is out of range, or generator and points do not fit.
        GeodesicError: if the geodesics from the start to the points did not converge.
        RuntimeError: inside of :mod:`torch.func`.

    Example:
        >>> mean = frechet_mean(lambda z: 2 * z, torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]))
        >>> mean.point, mean.variance, mean.converged
        (tensor([1., 1.]), tensor(16.), True)
    """
    manifold = as_manifold(manifold)
    points = check_latents("points", points, "(n, d)")
    given, points = points.dtype, lifted(points)
    shares = _shares(weights, points)
    tolerance = TOLERANCES.get(points.dtype, COARSE) if tolerance is None else tolerance
    for name, value in (("step", step), ("tolerance", tolerance)):
        if not 0.0 < value <= 1.0:
            raise ValueError(f"{name} is {value!r}; pass a number above 0, at most 1.")
    check_whole("max_iterations", max_iterations, least=1)
    if isinstance(init, Tensor):
        raise TypeError("init is a tensor; the geodesics' start moves, so choose 'straight', 'graph' or a GraphStart.")
    check_endpoints(manifold, points, points, needs_density=False)
    check_geometry(manifold, points, twice=True)  # of the exponential map
    first = _medoid(manifold, points, shares) if start is None else lifted(_first_guess(start, points.to(given)))

    def look(z: Tensor, curves: str | Start | Tensor) -> _State:
        paths = interpolate(
            manifold, z.expand_as(points), points, "geodesic", n_points=n_points, init=curves, solver=solver
        )
        check_converged(paths)
        velocity = (shares.unsqueeze(-1) * initial_velocity(paths).double()).sum(0)
        factor = tangent_factor(manifold, z)
        variance = (shares * paths.length.double().square()).sum()
        return _State(z, paths, variance, velocity, to_basis(factor, velocity).norm().item())

    best, iterations = look(first, init), 0
    reason = "No step lowers the variance or its gradient; the geodesics may jump between sides of a hole."
    status, converged = f"The limit of {max_iterations} iterations was reached.", False
    while True:
        if best.norm <= tolerance * best.variance.sqrt().item():
            status, converged = "The mean of the logarithms is below the tolerance.", True
            break
        if iterations == max_iterations:
            break
        if step < LEAST_STEP:
            status = reason
            break
        iterations += 1
        trial = None
        try:
            z = exponential_map(manifold, best.z, (step * best.velocity).to(points.dtype))
            if manifold.in_support(z):
                trial = look(z, _moved(best.paths.z, z))
            else:
                reason = "The iteration left the support of the prior."
        except GeodesicError as error:
            reason = str(error)
        if trial is None:  # a shorter step may still be possible
            step /= 2.0
            continue
        foreseen = 2.0 * step * best.norm**2
        # Near the mean the variance hardly changes, and what is left to see is the gradient.
        if trial.variance <= best.variance - SUFFICIENT * foreseen or trial.norm < best.norm:
            best = trial
        else:
            step /= 2.0
    warn_of_swings(best.paths, stacklevel=4)
    return FrechetMean(best.z.to(given), best.variance.to(points.dtype), iterations, converged, status, best.paths)


def _moved(curves: Tensor, start: Tensor) -> Tensor:
    """Curves ``(n, K, d)`` with another start ``(d,)``; the further a point is along, the less it moves."""
    rest = torch.linspace(1.0, 0.0, curves.shape[1], dtype=curves.dtype, device=curves.device).unsqueeze(-1)
    moved = curves + rest * (start - curves[:, :1])
    moved[:, 0], moved[:, -1] = start, curves[:, -1]  # which a sum of rounded numbers need not be
    return moved


def _shares(weights: Tensor | None, points: Tensor) -> Tensor:
    if weights is None:
        return torch.full((len(points),), 1.0 / len(points), dtype=torch.float64, device=points.device)
    weights = check_latents("weights", weights, "(n,)").to(points.device).double()
    if weights.shape != points.shape[:1] or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(
            f"weights are {tuple(weights.shape)} for {len(points)} points, from {weights.min().item():.3g} to "
            f"{weights.max().item():.3g}; pass one for each point, zero or positive and not all zero."
        )
    return weights / weights.sum()


def _medoid(manifold: LatentManifold, points: Tensor, shares: Tensor) -> Tensor:
    r"""The point with the least mean square distance in data space from all, which is that nearest to their mean.

    .. math:: \sum_j w_j |x_i - x_j|^2 = |x_i - \bar x|^2 + \sum_j w_j |x_j - \bar x|^2, \qquad \bar x = \sum_j w_j x_j
    """
    with torch.no_grad():
        x = manifold.generate_flat(points).double()
    return points[(x - shares @ x).square().sum(-1).argmin()].clone()


def _first_guess(start: Tensor, points: Tensor) -> Tensor:
    start = check_latents("start", start, "(d,)")
    if start.shape != points.shape[1:] or start.dtype != points.dtype or start.device != points.device:
        raise ValueError(
            f"start is {tuple(start.shape)}, {start.dtype}, on {start.device}; "
            f"pass one latent as the points are: {tuple(points.shape[1:])}, {points.dtype}, on {points.device}."
        )
    return start
