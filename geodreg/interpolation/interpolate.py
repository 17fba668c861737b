"""The front door: paths between pairs of latents, by one of the three methods of the paper or by slerp."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import torch
from torch import Tensor

from geodreg.derivatives.calling import is_half
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.curve import refine, slerp, straight
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.stochastic_volume import MatrixFreeManifold
from geodreg.interpolation.arguments import (
    check_endpoints,
    check_geodesic,
    check_init,
    check_settings,
    check_solver,
    with_tolerance,
)
from geodreg.interpolation.between_points import first_number, next_number
from geodreg.interpolation.density_checks import warn_of_dear_density, warn_of_kinks
from geodreg.interpolation.group_solve import GroupSolve, measured
from geodreg.interpolation.latent_shapes import as_given, flat_endpoints, flat_latents
from geodreg.interpolation.memory import pairs_at_once
from geodreg.interpolation.paths import Paths, join
from geodreg.interpolation.progress import progress_bar
from geodreg.interpolation.transforms import refuse_transforms
from geodreg.solvers import GraphStart, MatrixFree, Solver, Start

__all__ = ["Settings", "interpolate"]

SOLVED = ("geodesic", "geodreg")  # the other methods draw a curve and leave it


class Settings(TypedDict, total=False):
    """The keyword arguments of :func:`interpolate`."""

    mu: float
    n_points: int | Literal["auto"]
    interval: float | Literal["unit-speed"]
    init: str | Start | Tensor
    solver: str | Solver
    tolerance: float | None
    memory: float | None
    progress: bool


@own_modes()
def interpolate(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    method: str = "geodreg",
    *,
    mu: float = 0.03,
    n_points: int | Literal["auto"] = 35,
    interval: float | Literal["unit-speed"] = "unit-speed",
    init: str | Start | Tensor = "straight",
    solver: str | Solver = "newton",
    geodesic: Paths | None = None,
    tolerance: float | None = None,
    memory: float | None = None,
    progress: bool = False,
) -> Paths:
    r"""Interpolate between pairs of latents.

    ``"straight"`` is the straight line in latent space (the paper's StraightZ), ``"geodesic"`` minimises the energy in
    data space (Geod), ``"geodreg"`` the energy plus ``mu`` times the integrated negative log-density (GeodReg),
    and ``"slerp"`` is spherical interpolation in latent space, which the paper does not have:

    .. math:: F(z) = E(z) + \mu \int \mathrm{nll}(z)\, dt, \qquad
              \mathrm{nll}(z) = -\log p(z) + \tfrac12 \log\det\bigl(g_z + \mathrm{noise}^2 I\bigr)

    Args:
        manifold: the model, or a bare generator ``(n, d) -> (n, *data_shape)``, then with a standard normal prior.
        start: latents ``(..., d)``, or ``(..., *latent_shape)`` if the manifold has a shape of latents. Those in half
            precision are solved in single precision, and the points are given back in half.
        end: latents of the same dtype and device; the batches broadcast, so one start may have many endpoints.
        method: one of the four.
        mu: weight of the density, for ``"geodreg"`` only. The paper's range, 0.003 to 0.1, is that of its Algorithm 1;
            the same number in the loss, which the other solvers minimise, does something else.
        n_points: number ``K`` of points of each path, endpoints included, at least 3. ``"auto"`` is 35, and for the
            whole batch 69, 137 and at last 273 where a path is more than a hundredth longer than the polyline through
            its points; each time it is solved again.
        interval: length ``T`` of the parameter interval. With ``"unit-speed"`` it is the length of the pair's plain
            geodesic (found from the straight start), as the paper asks, and for the other methods the
            length of the path itself; 1.0 is the other usual convention.
        init: start curve. ``"straight"`` is the straight line; a regularised path goes on from the plain geodesic that
            is found from it. ``"graph"`` or a :class:`~geodreg.GraphStart` is the shortest path over prior samples,
            which may find the better side of a hole; ``"best"`` solves from both and keeps the lower objective. Curves
            ``(..., K, d)`` are taken as they are: those of a smaller ``mu``, say. Any other object with a method
            ``curves`` draws its own, see :class:`~geodreg.solvers.Start`.
        solver: ``"newton"``, ``"matrix-free"`` (where the Jacobians do not fit into memory; the paths then carry an
            estimated nll), ``"algorithm1"`` (the paper's, as printed), or a configured solver, one of your own too, see
            :class:`~geodreg.solvers.Solver`.
        geodesic: for ``"geodreg"``, the plain geodesics between the same endpoints, if they are known already; they are
            not solved for again.
        tolerance: when a pair has come to rest, as the solver has it: a relative decrease for ``"newton"`` and
            ``"matrix-free"``, by default 1e-7 for a plain geodesic (1e-10 in double precision, which places its points
            within 1e-5 of its length) and 1e-5 with a density; a push in data space for ``"algorithm1"``. A solver that
            is configured already has its own.
        memory: GiB that the solve may take; pairs are solved in groups that fit. By default a quarter of what
            the machine, the job or the container has; for ``"matrix-free"`` the solver's own setting.
        progress: show a bar of the pairs that have stopped (needs tqdm).

    Returns:
        the paths, each with the reason why its solve stopped; look at ``.converged`` before using them. Their latents
        have the shape that the endpoints were given in.

    Warns:
        UserWarning: once for a manifold, if its push-forward density is asked for and its generator has kinks; and if
            the exact gradient of that density takes more tangents than an estimate is worth, above 1,024 latents.

    Raises:
        RuntimeError: inside of a transform of :mod:`torch.func`.
        TypeError: if the endpoints are not floating-point tensors, or if a start or solver of your own returns another
            type.
        ValueError: if an argument is out of range, or generator and endpoints do not fit; the message says how to
            mend it.

    Example:
        >>> paths = interpolate(lambda z: z, torch.zeros(2), torch.tensor([3.0, 4.0]), "geodesic")
        >>> paths.length, bool(paths.converged)
        (tensor(5.), True)
    """
    refuse_transforms()
    if not isinstance(manifold, LatentManifold):
        manifold = LatentManifold(manifold)
    start, end, is_shaped = flat_endpoints(manifold, start, end)
    curves = flat_latents(manifold, "init", init)[0] if isinstance(init, Tensor) else init
    known = None if geodesic is None else geodesic.with_flat_latents()
    check_settings(method, mu, n_points, interval)
    chosen = with_tolerance(check_solver(solver), tolerance)
    if isinstance(chosen, MatrixFree) and memory is not None:
        chosen = replace(chosen, memory=memory)
    needs_density = method == "geodreg" and mu > 0.0
    seen = _as_seen_by(chosen, manifold)
    check_endpoints(seen, start, end, needs_density)
    n = first_number(n_points, curves, known)
    check_init(curves, start, end, n)
    check_geodesic(known, start, end, n)
    if isinstance(curves, GraphStart) or (isinstance(curves, str) and curves != "straight"):
        seen.sample_prior(1, start, seed=0)  # a prior that cannot be sampled is refused now
    if needs_density:
        pairs = torch.stack([start, end], dim=-2).detach().reshape(-1, start.shape[-1])
        pairs = pairs.float() if is_half(pairs.dtype) else pairs
        warn_of_kinks(manifold, pairs, _budget(chosen))
        if not isinstance(chosen, MatrixFree):
            warn_of_dear_density(seen, pairs)

    began = time.perf_counter()
    weight = float(mu) if method == "geodreg" else 0.0
    task = _Task(seen, start, end, method, weight, interval, chosen, memory, progress)
    paths = task.paths(n, curves, known)
    while n_points == "auto" and (more := next_number(paths)) is not None:
        # From the same start again: where a path cut short between its points, it lies in a bad basin.
        curves = refine(curves, 2) if isinstance(curves, Tensor) else curves
        spent, n = paths.evaluations * n / more, more
        paths = task.paths(n, curves, None)
        paths = replace(paths, evaluations=paths.evaluations + spent)
    return replace(paths, z=as_given(manifold, paths.z, is_shaped), seconds=time.perf_counter() - began)


def _budget(solver: Solver) -> float | None:
    """GiB that a solver without Jacobians works in."""
    return solver.memory if isinstance(solver, MatrixFree) else None


@dataclass(frozen=True)
class _Task:
    """Endpoints ``(..., d)`` and all that is asked for but the number of points."""

    manifold: LatentManifold
    start: Tensor
    end: Tensor
    method: str
    mu: float
    interval: float | str
    solver: Solver
    memory: float | None
    progress: bool

    def paths(self, n_points: int, init: str | Start | Tensor, geodesic: Paths | None) -> Paths:
        """Paths ``(..., K, d)`` of so many points."""
        batch, d = self.start.shape[:-1], self.start.shape[-1]
        half = is_half(self.start.dtype)
        solved = torch.float32 if half else self.start.dtype
        a, b = (ends.detach().clone().reshape(-1, d).to(solved) for ends in (self.start, self.end))
        given = init
        if isinstance(init, Tensor):
            given = init.detach().clone().reshape(-1, n_points, d).to(solved)
            given[:, 0], given[:, -1] = a, b
        known = None if geodesic is None else geodesic.flatten()
        known = known if known is None else replace(known, z=known.z.to(solved))
        at_once = len(a)
        if self.method in SOLVED and not isinstance(self.solver, MatrixFree):  # which keeps to its budget itself
            at_once = pairs_at_once(self.manifold, self.mu, straight(a[:1], b[:1], n_points), len(a), self.memory)
        groups, n_groups = [], math.ceil(len(a) / at_once)  # of equal size: a small last one would be solved otherwise
        with progress_bar(len(a), self.progress) as bar:
            for rows in torch.arange(len(a), device=a.device).tensor_split(n_groups):
                solve = GroupSolve(self.manifold, a[rows], b[rows], self.mu, n_points, self.interval, self.solver, bar)
                if self.method in SOLVED:
                    curves = given[rows] if isinstance(given, Tensor) else given
                    solution, duration = solve.by(curves, None if known is None else known[rows])
                else:
                    solution, duration = solve.as_drawn(straight if self.method == "straight" else slerp)
                groups.append(measured(solve, self.method, solution, duration))
        paths = join(groups)
        if self.method in SOLVED and not isinstance(self.solver, MatrixFree):
            self.manifold.ladder.confirm(paths.z[:2, n_points // 2])
        paths = replace(paths, z=paths.z.to(self.start.dtype), x=paths.x.to(self.start.dtype) if half else paths.x)
        return paths.unflatten(batch)


def _as_seen_by(solver: Solver, manifold: LatentManifold) -> LatentManifold:
    """The manifold whose density the solver, the start curves and the report all use."""
    if isinstance(solver, MatrixFree):
        return solver.view(manifold)
    return manifold.exact if isinstance(manifold, MatrixFreeManifold) else manifold
