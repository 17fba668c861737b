"""The front door: paths between pairs of latents by one of the three methods of the paper."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor

from geodreg.derivatives.calling import is_half
from geodreg.geometry.curve import chord_energy, chord_length, gap, refine, slerp, straight
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.stochastic_volume import MatrixFreeManifold
from geodreg.interpolation.arguments import check_endpoints, check_geodesic, check_init, check_settings, check_solver
from geodreg.interpolation.between_points import first_number, next_number
from geodreg.interpolation.density_checks import warn_of_kinks
from geodreg.interpolation.latent_shapes import as_given, flat_endpoints, flat_latents
from geodreg.interpolation.memory import pairs_at_once
from geodreg.interpolation.paths import SWING, Paths, join, path_length
from geodreg.interpolation.progress import progress_bar
from geodreg.interpolation.returned import check_curves, check_solution
from geodreg.objectives.dense import PathObjective
from geodreg.solvers import GraphStart, MatrixFree, Newton, Solution, Solver, Start, Status

__all__ = ["Settings", "interpolate"]

SOLVED = ("geodesic", "geodreg")  # the other methods draw a curve and leave it


class Settings(TypedDict, total=False):
    """The keyword arguments of :func:`interpolate`."""

    mu: float
    n_points: int | Literal["auto"]
    interval: float | Literal["unit-speed"]
    init: str | Start | Tensor
    solver: str | Solver
    memory: float | None
    progress: bool


@torch.inference_mode(False)  # the caller's mode must not reach the gradients taken here
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
    memory: float | None = None,
    progress: bool = False,
) -> Paths:
    r"""Interpolate between pairs of latents.

    ``"straight"`` is the straight line in latent space (the paper's StraightZ), ``"geodesic"`` minimises the energy in
    data space (Geod), ``"geodreg"`` the energy plus ``mu`` times the integrated negative log-density (GeodReg),
    and ``"slerp"`` is spherical interpolation in latent space, which the paper does not have:

    .. math:: F(z) = E(z) + \mu \int \Bigl( -\log p(z) + \tfrac12 \log\det\bigl(g_z + \mathrm{noise}^2 I\bigr) \Bigr) dt

    Args:
        manifold: the model, or a bare generator ``(n, d) -> (n, *data_shape)``, then with a standard normal prior.
        start: latents ``(..., d)``, or ``(..., *latent_shape)`` if the manifold has a shape of latents. Those in half
            precision are solved in single precision, and the points are given back in half.
        end: latents of the same dtype and device; the batches broadcast, so one start may have many ends.
        method: one of the four.
        mu: weight of the density, for ``"geodreg"`` only. The paper's range, 0.003 to 0.1, is that of its Algorithm 1;
            the same number in the loss, which the other solvers minimise, does something else.
        n_points: number ``K`` of points of each path, ends included, at least 3. ``"auto"`` is 35, and for the
            whole batch 69, 137 and at last 273 where a path is more than a hundredth longer than the polyline through
            its points; each time it is solved anew.
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
        geodesic: for ``"geodreg"``, the plain geodesics between the same ends, if they are known already; they are not
            solved for again.
        memory: GiB that the solve may take; pairs are solved in groups that fit. By default a quarter of the machine's;
            for ``"matrix-free"`` the solver's own setting.
        progress: show a bar of the pairs that have stopped (needs tqdm).

    Returns:
        the paths, each with the reason why its solve stopped; look at ``.converged`` before using them. Their latents
        have the shape that the endpoints were given in.

    Warns:
        UserWarning: once for a manifold, if its push-forward density is asked for and its generator has kinks.

    Raises:
        TypeError: if the ends are no floating-point tensors, or a start or solver of your own returns another type.
        ValueError: if an argument is out of range, or generator and ends do not fit; the message says how to mend it.

    Example:
        >>> paths = interpolate(lambda z: z, torch.zeros(2), torch.tensor([3.0, 4.0]), "geodesic")
        >>> paths.length, bool(paths.converged)
        (tensor(5.), True)
    """
    if not isinstance(manifold, LatentManifold):
        manifold = LatentManifold(manifold)
    start, end, is_shaped = flat_endpoints(manifold, start, end)
    curves = flat_latents(manifold, "init", init)[0] if isinstance(init, Tensor) else init
    known = None if geodesic is None else geodesic.with_flat_latents()
    check_settings(method, mu, n_points, interval)
    chosen = check_solver(solver)
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
        warn_of_kinks(manifold, pairs.float() if is_half(pairs.dtype) else pairs, _budget(chosen))

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
        groups = []
        with progress_bar(len(a), self.progress) as bar:
            for rows in torch.arange(len(a), device=a.device).split(at_once):
                solve = _Solve(self.manifold, a[rows], b[rows], self.mu, n_points, self.interval, self.solver, bar)
                if self.method in SOLVED:
                    curves = given[rows] if isinstance(given, Tensor) else given
                    solution, duration = solve.by(curves, None if known is None else known[rows])
                else:
                    solution, duration = solve.as_drawn(straight if self.method == "straight" else slerp)
                groups.append(_measured(solve, self.method, solution, duration))
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


@dataclass(frozen=True)
class _Solve:
    """A group of pairs ``(P, d)`` that are solved together, and how."""

    manifold: LatentManifold
    start: Tensor
    end: Tensor
    mu: float
    n_points: int
    interval: float | str
    solver: Solver
    on_stop: Callable[[int], object] | None

    def as_drawn(self, curve: Callable[[Tensor, Tensor, int], Tensor]) -> tuple[Solution, Tensor]:
        """Curves between the endpoints as they are, and their intervals ``(P,)``."""
        z = curve(self.start, self.end, self.n_points)
        value = chord_energy(self.manifold.generate_flat(z).detach(), 1.0)
        if self.on_stop is not None:
            self.on_stop(len(z))
        return Solution.at_start(z, value, Status.NO_STEPS), self.duration(path_length(self.manifold, z))

    def by(self, init: str | Start | Tensor, known: Paths | None) -> tuple[Solution, Tensor]:
        """Plain geodesics, or with a weight the regularised paths, and their intervals ``(P,)``."""
        if self.mu > 0.0:
            return self.regularised(init, self.geodesics(known))
        ones = torch.ones(len(self.start), dtype=torch.float64, device=self.start.device)
        objective = PathObjective(self.manifold, 0.0, ones)
        line = straight(self.start, self.end, self.n_points)
        solution = self.from_starts(objective, init, line, torch.zeros_like(ones), None)
        return solution, self.duration(path_length(self.manifold, solution.z))

    def geodesics(self, known: Paths | None) -> Solution:
        """Plain geodesics, those that are known or else from the straight line."""
        if known is not None:
            nothing = torch.zeros_like(known.evaluations)
            return Solution(
                known.z.clone(), known.iterations, nothing, known.gradient_norm, known.status.copy(), known.history
            )
        ones = torch.ones(len(self.start), dtype=torch.float64, device=self.start.device)
        line = straight(self.start, self.end, self.n_points)
        usual = self.solver if isinstance(self.solver, MatrixFree) else Newton()
        return usual.solve(PathObjective(self.manifold, 0.0, ones), line)

    def regularised(self, init: str | Start | Tensor, plain: Solution) -> tuple[Solution, Tensor]:
        """Regularised paths and their intervals ``(P,)``, the plain geodesics known."""
        duration = self.duration(path_length(self.manifold, plain.z))
        plain.status[(duration == 0.0).cpu().numpy()] = Status.NO_INTERVAL
        moving = (duration > 0.0) & duration.isfinite() & (self.start != self.end).any(-1)
        apart = moving.nonzero().squeeze(-1)
        if self.on_stop is not None:
            self.on_stop(len(moving) - len(apart))
        if len(apart) == 0:
            return plain, duration
        objective = PathObjective(self.manifold, self.mu, duration[apart])
        geodesics = plain.z[apart]
        with torch.no_grad():
            nll = self.manifold.nll(geodesics).double()  # P x K
            energy = chord_energy(self.manifold.generate_flat(geodesics), objective.interval)
        reference = objective.total(energy, nll[:, 1:-1])
        part = replace(self, start=self.start[apart], end=self.end[apart])
        curves = init[apart] if isinstance(init, Tensor) else init
        solution = part.from_starts(objective, curves, geodesics, nll.mean(-1), reference)
        if self.interval == "unit-speed":
            known = [Status(status).is_success for status in plain.status[apart.cpu().numpy()]]
            solution.status[~np.array(known, dtype=bool)] = Status.NO_INTERVAL
        return solution.scatter(apart, plain), duration

    def from_starts(
        self,
        objective: PathObjective,
        init: str | Start | Tensor,
        usual: Tensor,
        nll_reference: Tensor,
        reference: Tensor | None,
    ) -> Solution:
        """The solver's paths from the start curves that are asked for; ``usual (P, K, d)`` is the one by default."""
        if isinstance(init, Tensor):
            return self.solve(objective, init, reference)
        if init == "straight":
            return self.solve(objective, usual, reference)
        own = GraphStart() if isinstance(init, str) else init
        drawn = own.curves(self.manifold, self.mu, self.start, self.end, self.n_points, nll_reference)
        curves = check_curves(own, drawn, self.start, self.end, self.n_points)
        if init != "best":
            return self.solve(objective, curves, reference)
        solutions = [replace(self, on_stop=None).solve(objective, usual, reference)]
        solutions.append(self.solve(objective, curves, reference))
        return solutions[0].or_better(solutions[1], *(objective.value(solution.z) for solution in solutions))

    def solve(self, objective: PathObjective, curves: Tensor, reference: Tensor | None) -> Solution:
        """The solver's paths from start curves ``(P, K, d)``."""
        shown = {} if self.on_stop is None else {"on_stop": self.on_stop}  # a solver of one's own need not know it
        return check_solution(self.solver, self.solver.solve(objective, curves, reference, **shown), curves)

    def duration(self, length: Tensor) -> Tensor:
        """Intervals ``(P,)`` of paths of these lengths."""
        if isinstance(self.interval, str):
            return length
        return torch.full_like(length, float(self.interval))


def _measured(solve: _Solve, method: str, solution: Solution, duration: Tensor) -> Paths:
    """The paths ``(P, K, d)`` of a group, with what is measured along them."""
    manifold, mu, z = solve.manifold, solve.mu, solution.z
    coincident = (solve.start == solve.end).all(-1)
    z[coincident] = solve.start[coincident].unsqueeze(1).expand(-1, z.shape[1], -1)
    duration = torch.where(coincident, 0.0, duration)
    with torch.no_grad():
        x, nll, length = manifold.generate(z), manifold.nll(z), path_length(manifold, z)
        flat = x.flatten(2) if manifold.ambient is None else manifold.generate_flat(z)
    polyline = chord_length(flat)
    solution.status[(~length.isfinite()).cpu().numpy()] = Status.NOT_FINITE
    solution.status[coincident.cpu().numpy()] = Status.COINCIDENT
    minima = np.array([Status(status).is_minimum for status in solution.status], dtype=bool)
    solution.status[minima & (length > (1.0 + SWING) * polyline).cpu().numpy()] = Status.SWINGS
    moving = duration > 0.0
    energy = torch.where(moving, chord_energy(flat, torch.where(moving, duration, 1.0)), 0.0)
    objective = PathObjective(manifold, mu, duration).total(energy, nll[:, 1:-1]) if mu > 0.0 else energy
    overflows = (moving & ~objective.to(z.dtype).isfinite()).cpu().numpy()  # in the precision that is given back
    solution.status[minima & overflows] = Status.NOT_FINITE
    success = torch.tensor([Status(status).is_success for status in solution.status], dtype=torch.bool, device=z.device)
    return Paths(
        manifold=manifold,
        method=method,
        mu=mu,
        seconds=0.0,
        z=z,
        x=x,
        nll=nll,
        interval=duration.to(z.dtype),
        length=length.to(z.dtype),
        chord_length=polyline.to(z.dtype),
        energy=energy.to(z.dtype),
        objective=torch.where(moving, objective, 0.0).to(z.dtype),
        gap=gap(flat).to(z.dtype),
        converged=success,
        iterations=solution.iterations,
        evaluations=solution.evaluations,
        gradient_norm=solution.gradient_norm,
        status=solution.status,
        history=solution.history,
    )
