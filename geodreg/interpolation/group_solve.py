"""One group of pairs solved together, from any start curves, and what is measured along the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from geodreg.geometry.curve import chord_energy, chord_length, gap, straight
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.paths import SWING, Paths, eighths, path_length
from geodreg.interpolation.returned import check_curves, check_solution
from geodreg.objectives.dense import PathObjective
from geodreg.solvers import GraphStart, MatrixFree, Newton, Solution, Solver, Start, Status

__all__ = ["GroupSolve", "measured"]


@dataclass(frozen=True)
class GroupSolve:
    """A group of pairs ``(P, d)`` that are solved together, and how."""

    manifold: LatentManifold
    start: Tensor
    end: Tensor
    mu: float
    n_points: int
    interval: float | str
    solver: Solver
    on_stop: Callable[[int], object] | None

    def as_drawn(self, curve: Callable[[Tensor, Tensor, int], Tensor]) -> tuple[Solution, None]:
        """Curves between the endpoints as they are, whose intervals are those of their own lengths."""
        z = curve(self.start, self.end, self.n_points)
        value = chord_energy(self.manifold.generate_flat(z).detach(), 1.0)
        if self.on_stop is not None:
            self.on_stop(len(z))
        return Solution.at_start(z, value, Status.NO_STEPS), None

    def by(self, init: str | Start | Tensor, known: Paths | None) -> tuple[Solution, Tensor | None]:
        """Plain geodesics, whose intervals are those of their own lengths, or with a weight the regularised paths.

        Of the latter the intervals ``(P,)`` are given as well, which are those of the plain geodesics.
        """
        if self.mu > 0.0:
            plain = self.geodesics(known)
            if known is not None and known.manifold is self.manifold:
                length = known.eighths.sum(-1)
            else:
                length = path_length(self.manifold, plain.z)
            return self.regularised(init, plain, self.duration(length))
        ones = torch.ones(len(self.start), dtype=torch.float64, device=self.start.device)
        objective = PathObjective(self.manifold, 0.0, ones)
        line = straight(self.start, self.end, self.n_points)
        return self.from_starts(objective, init, line, torch.zeros_like(ones), None), None

    def geodesics(self, known: Paths | None) -> Solution:
        """Plain geodesics, those that are known or else from the straight line."""
        if known is not None:
            nothing = torch.zeros_like(known.evaluations)
            return Solution(
                known.z.clone(), known.iterations, nothing, known.gradient_norm, known.status.copy(), known.history
            )
        ones = torch.ones(len(self.start), dtype=torch.float64, device=self.start.device)
        line = straight(self.start, self.end, self.n_points)
        usual = replace(self.solver, tolerance=None) if isinstance(self.solver, MatrixFree) else Newton()
        return usual.solve(PathObjective(self.manifold, 0.0, ones), line)

    def regularised(self, init: str | Start | Tensor, plain: Solution, duration: Tensor) -> tuple[Solution, Tensor]:
        """Regularised paths and their intervals ``(P,)``, the plain geodesics and those intervals known."""
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


def measured(solve: GroupSolve, method: str, solution: Solution, duration: Tensor | None) -> Paths:
    """The paths ``(P, K, d)`` of a group, with what is measured along them.

    Args:
        solve: the group.
        method: by which they were drawn or solved.
        solution: what came of it.
        duration: their intervals ``(P,)``; by default those of their own lengths.
    """
    manifold, mu, z = solve.manifold, solve.mu, solution.z
    coincident = (solve.start == solve.end).all(-1)
    z[coincident] = solve.start[coincident].unsqueeze(1).expand(-1, z.shape[1], -1)
    norms = eighths(manifold, z)
    length = norms.sum(-1)
    duration = torch.where(coincident, 0.0, solve.duration(length) if duration is None else duration)
    with torch.no_grad():
        x, nll = manifold.generate(z), manifold.nll(z) if mu > 0.0 else None
        flat = x.flatten(2) if manifold.ambient is None else manifold.generate_flat(z)
    polyline = chord_length(flat)
    solution.status[(~length.isfinite()).cpu().numpy()] = Status.NOT_FINITE
    solution.status[coincident.cpu().numpy()] = Status.COINCIDENT
    minima = np.array([Status(status).is_minimum for status in solution.status], dtype=bool)
    solution.status[minima & (length > (1.0 + SWING) * polyline).cpu().numpy()] = Status.SWINGS
    moving = duration > 0.0
    energy = torch.where(moving, chord_energy(flat, torch.where(moving, duration, 1.0)), 0.0)
    objective = energy if nll is None else PathObjective(manifold, mu, duration).total(energy, nll[:, 1:-1])
    overflows = (moving & ~objective.to(z.dtype).isfinite()).cpu().numpy()  # in the precision that is given back
    solution.status[minima & overflows] = Status.NOT_FINITE
    gradient_norm = solution.gradient_norm
    if mu == 0.0:  # a plain geodesic is solved on an interval of one, and reported on that of its length
        gradient_norm = gradient_norm / torch.where(moving, duration, 1.0)
    success = torch.tensor([Status(status).is_success for status in solution.status], dtype=torch.bool, device=z.device)
    return Paths(
        manifold=manifold,
        method=method,
        mu=mu,
        seconds=0.0,
        z=z,
        x=x,
        known_nll=nll,
        interval=duration.to(z.dtype),
        length=length.to(z.dtype),
        chord_length=polyline.to(z.dtype),
        energy=energy.to(z.dtype),
        objective=torch.where(moving, objective, 0.0).to(z.dtype),
        eighths=norms,
        gap=gap(flat).to(z.dtype),
        converged=success,
        iterations=solution.iterations,
        evaluations=solution.evaluations,
        gradient_norm=gradient_norm,
        status=solution.status,
        history=solution.history,
        curvature=solution.curvature,
    )
