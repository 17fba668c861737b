"""The front door: paths between pairs of latents by one of the three methods of the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor

from geodreg.arguments import check_ends, check_geodesic, check_init, check_settings, check_solver
from geodreg.curve import chord_energy, chord_length, gap, straight
from geodreg.manifold import LatentManifold
from geodreg.objective import PathObjective
from geodreg.paths import Paths, path_length
from geodreg.solvers import GraphStart, MatrixFree, Newton, Solution, Solver, Status
from geodreg.stochastic_volume import MatrixFreeManifold

__all__ = ["Settings", "interpolate"]


class Settings(TypedDict, total=False):
    """The keyword arguments of :func:`interpolate`."""

    mu: float
    n_points: int
    interval: float | Literal["unit-speed"]
    init: str | GraphStart | Tensor
    solver: str | Solver


@torch.inference_mode(False)  # the caller's mode must not reach the gradients taken here
def interpolate(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    method: str = "geodreg",
    *,
    mu: float = 0.03,
    n_points: int = 35,
    interval: float | Literal["unit-speed"] = "unit-speed",
    init: str | GraphStart | Tensor = "straight",
    solver: str | Solver = "newton",
    geodesic: Paths | None = None,
) -> Paths:
    r"""Interpolate between pairs of latents.

    ``"straight"`` is the straight line in latent space (the paper's StraightZ), ``"geodesic"`` minimises the energy in
    data space (Geod), ``"geodreg"`` the energy plus ``mu`` times the integrated negative log-density (GeodReg):

    .. math:: F(z) = E(z) + \mu \int \Bigl( -\log p(z) + \tfrac12 \log\det\bigl(g_z + \mathrm{noise}^2 I\bigr) \Bigr) dt

    Args:
        manifold: the model, or a bare generator ``(n, d) -> (n, *data_shape)``, then with a standard normal prior.
        start: latents ``(..., d)``.
        end: latents of the same shape, dtype and device.
        method: one of the three.
        mu: weight of the density, for ``"geodreg"`` only; the paper's range is 0.003 to 0.1.
        n_points: number ``K`` of points of each path, ends included, at least 3.
        interval: length ``T`` of the parameter interval. With ``"unit-speed"`` it is the length of the pair's plain
            geodesic (found from the straight start), as the paper asks, and for the other two methods the
            length of the path itself; 1.0 is the other usual convention.
        init: start curve: ``"straight"``, ``"graph"`` or a :class:`~geodreg.GraphStart` (shortest path over prior
            samples, which may find the better side of a hole), or curves ``(..., K, d)``.
        solver: ``"newton"``, ``"matrix-free"`` (where the Jacobians do not fit into memory; the paths then carry an
            estimated nll), ``"algorithm1"`` (the paper's, as printed), or a configured solver.
        geodesic: for ``"geodreg"``, the plain geodesics between the same ends, if they are known already; they are not
            solved for again.

    Returns:
        the paths, each with the reason why its solve stopped; look at ``.converged`` before using them.

    Raises:
        TypeError: if the ends are no floating-point tensors.
        ValueError: if an argument is out of range, or generator and ends do not fit; the message says how to mend it.

    Example:
        >>> paths = interpolate(lambda z: z, torch.zeros(2), torch.tensor([3.0, 4.0]), "geodesic")
        >>> paths.length, bool(paths.converged)
        (tensor(5.), True)
    """
    if not isinstance(manifold, LatentManifold):
        manifold = LatentManifold(manifold)
    check_settings(method, mu, n_points, interval)
    chosen = check_solver(solver)
    manifold = _as_seen_by(chosen, manifold)
    check_ends(manifold, start, end, needs_density=method == "geodreg" and mu > 0.0)
    check_init(init, start, end, n_points)
    check_geodesic(geodesic, start, end, n_points)

    batch, d = start.shape[:-1], start.shape[-1]
    a, b = start.detach().clone().reshape(-1, d), end.detach().clone().reshape(-1, d)
    given = init
    if isinstance(init, Tensor):
        given = init.detach().clone().reshape(-1, n_points, d)
        given[:, 0], given[:, -1] = a, b
    coincident = (a == b).all(-1)
    if method == "straight":
        solution = _without_steps(manifold, straight(a, b, n_points))
        duration = _duration(interval, path_length(manifold, solution.z))
    elif method == "geodesic" or mu == 0.0:
        plain = PathObjective(manifold, 0.0, torch.ones(len(a), dtype=torch.float64, device=a.device))
        curves = _start_curves(given, manifold, 0.0, a, b, n_points, torch.zeros_like(plain.interval))
        solution = chosen.solve(plain, curves)
        duration = _duration(interval, path_length(manifold, solution.z))
    else:
        plain_solution = _plain_geodesics(manifold, a, b, n_points, geodesic, chosen)
        solution, duration = _regularised(manifold, a, b, float(mu), interval, given, chosen, plain_solution)
    solution.status[(~path_length(manifold, solution.z).isfinite()).cpu().numpy()] = Status.NOT_FINITE
    solution.status[coincident.cpu().numpy()] = Status.COINCIDENT
    solution.z[coincident] = a[coincident].unsqueeze(1).expand(-1, n_points, -1)
    duration = torch.where(coincident, 0.0, duration)
    weight = float(mu) if method == "geodreg" else 0.0
    return _report(manifold, method, weight, solution, duration, batch)


def _as_seen_by(solver: Solver, manifold: LatentManifold) -> LatentManifold:
    """The manifold whose density the solver, the start curves and the report all use."""
    if isinstance(solver, MatrixFree):
        return solver.view(manifold)
    return manifold.exact if isinstance(manifold, MatrixFreeManifold) else manifold


def _plain_geodesics(
    manifold: LatentManifold, start: Tensor, end: Tensor, n_points: int, known: Paths | None, solver: Solver
) -> Solution:
    """Plain geodesics of pairs ``(P, d)``, those that are known or else from the straight start."""
    if known is None:
        ones = torch.ones(len(start), dtype=torch.float64, device=start.device)
        plain_solver = solver if isinstance(solver, MatrixFree) else Newton()
        return plain_solver.solve(PathObjective(manifold, 0.0, ones), straight(start, end, n_points))
    z = known.z.detach().clone().reshape(len(start), n_points, -1)
    history = known.history.reshape(len(start), -1)
    return Solution(z, known.iterations.flatten().clone(), known.status.flatten().copy(), history)


def _regularised(
    manifold: LatentManifold,
    start: Tensor,
    end: Tensor,
    mu: float,
    interval: float | str,
    init: str | GraphStart | Tensor,
    solver: Solver,
    plain: Solution,
) -> tuple[Solution, Tensor]:
    """Density-regularised paths of pairs ``(P, d)`` and their intervals ``(P,)``, from the plain geodesics."""
    n_points = plain.z.shape[1]
    duration = _duration(interval, path_length(manifold, plain.z))
    plain.status[(duration == 0.0).cpu().numpy()] = Status.NO_INTERVAL
    apart = ((duration > 0.0) & duration.isfinite() & (start != end).any(-1)).nonzero().squeeze(-1)
    if len(apart) == 0:
        return plain, duration

    objective = PathObjective(manifold, mu, duration[apart])
    geodesics = plain.z[apart]
    nll = manifold.nll(geodesics).detach().double()  # P x K
    with torch.no_grad():
        energy = chord_energy(manifold.generate_flat(geodesics), objective.interval)
    reference = energy + mu * objective.interval / (n_points - 1) * nll[:, 1:-1].sum(-1)
    init = init[apart] if isinstance(init, Tensor) else init
    curves = _start_curves(init, manifold, mu, start[apart], end[apart], n_points, nll.mean(-1))
    solution = solver.solve(objective, curves, reference)
    if interval == "unit-speed":
        unknown = np.array([not Status(status).is_success for status in plain.status[apart.cpu().numpy()]], dtype=bool)
        solution.status[unknown] = Status.NO_INTERVAL
    return solution.scatter(apart, plain), duration


def _start_curves(
    init: str | GraphStart | Tensor,
    manifold: LatentManifold,
    mu: float,
    start: Tensor,
    end: Tensor,
    n_points: int,
    nll_reference: Tensor,
) -> Tensor:
    if isinstance(init, Tensor):
        return init
    if init == "straight":
        return straight(start, end, n_points)
    graph = init if isinstance(init, GraphStart) else GraphStart()
    return graph.curves(manifold, mu, start, end, n_points, nll_reference)


def _duration(interval: float | str, length: Tensor) -> Tensor:
    return length if interval == "unit-speed" else torch.full_like(length, float(interval))


def _without_steps(manifold: LatentManifold, z: Tensor) -> Solution:
    value = chord_energy(manifold.generate_flat(z).detach(), 1.0)
    status = np.full(len(z), Status.NO_STEPS, dtype=object)
    return Solution(z, torch.zeros(len(z), dtype=torch.long, device=z.device), status, value[:, None])


def _report(
    manifold: LatentManifold, method: str, mu: float, solution: Solution, duration: Tensor, batch: torch.Size
) -> Paths:
    """Measure the paths ``(P, K, d)`` and give them the batch shape of the ends."""
    z = solution.z
    with torch.no_grad():
        x, nll = manifold.generate(z), manifold.nll(z)
    flat = x.flatten(2)
    moving = duration > 0.0
    energy = torch.where(moving, chord_energy(flat, torch.where(moving, duration, 1.0)), 0.0)
    regulariser = torch.where(moving, mu * duration / (z.shape[1] - 1) * nll[:, 1:-1].double().sum(-1), 0.0)
    regulariser = regulariser if mu > 0.0 else torch.zeros_like(energy)
    success = torch.tensor([Status(status).is_success for status in solution.status], dtype=torch.bool, device=z.device)

    def shaped(values: Tensor) -> Tensor:
        return values.reshape(batch + values.shape[1:])

    def shaped_like_data(values: Tensor) -> Tensor:
        return shaped(values.to(z.dtype))

    return Paths(
        manifold=manifold,
        method=method,
        mu=mu,
        z=shaped(z),
        x=shaped(x),
        nll=shaped(nll),
        interval=shaped_like_data(duration),
        length=shaped_like_data(path_length(manifold, z)),
        chord_length=shaped_like_data(chord_length(flat)),
        energy=shaped_like_data(energy),
        objective=shaped_like_data(energy + regulariser),
        gap=shaped_like_data(gap(flat)),
        converged=shaped(success),
        iterations=shaped(solution.iterations),
        status=solution.status.reshape(batch),
        history=shaped(solution.history),
    )
