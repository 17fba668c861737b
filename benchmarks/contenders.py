"""The solvers that are compared, ours and the peers', behind one signature.

Every one starts from the same curves (the straight line, or for a regularised path the geodesic) and minimises the same
objective on the same points. A recorded run notes the objective after every iteration; a timed one is cut at given
numbers of iterations and notes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor

from benchmarks.device import clock
from benchmarks.problems import Problem
from benchmarks.sizes import SIZES
from geodreg import Algorithm1, Newton, Status
from geodreg.geometry.curve import chord_length

__all__ = ["Adam", "Contender", "Lbfgs", "Ours", "PaperAlgorithm", "Run"]

UNLIMITED = 2000  # iterations of a peer on a plain geodesic


@dataclass
class Run:
    """What one run leaves: paths, and for each pair the values after 0, 1, ... iterations if they were recorded.

    Attributes:
        z: paths ``(P, K, d)``.
        traces: values of each pair; a pair's last one is where it came to rest.
        evaluations: of the objective, for each pair.
        converged: by the solver's own judgement, for each pair.
        seconds: of the run, where that is not all of the time that the solver took.
        own: values of what the solver itself minimises, where that is not the objective, as the traces.
        clock: seconds after 0, 1, ... iterations, without what was spent on recording, where the solver tells.
        unbounded: pairs that have no minimum in reach, where the solver tells.
    """

    z: Tensor
    traces: list[list[float]] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)
    converged: list[bool] = field(default_factory=list)
    seconds: float | None = None
    own: list[list[float]] = field(default_factory=list)
    clock: list[list[float]] = field(default_factory=list)
    unbounded: int | None = None


class Contender(Protocol):
    """A solver with the settings it runs under.

    Attributes:
        name: as the tables have it.
        together: whether it solves all pairs of a problem at once.
        most: pairs of a problem that it is tried on, at most.
    """

    name: str
    together: bool
    most: int

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """Solve all pairs.

        Args:
            problem: the pairs.
            limits: iterations for each pair, and nothing is recorded; without them the solver runs until it stops
                by itself, and every value is recorded.
            goal: value at which a recorded run of a solver without a stop of its own may end, ``(P,)``.
            deadline: seconds for each pair after which a recorded run ends, for solvers that tell their clock.
        """
        ...


class Ours:
    """The default solver, all pairs at once."""

    name, together, most = "geodreg", True, sys.maxsize

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """As :class:`Contender`."""
        own = None if limits is None else torch.tensor(limits, device=problem.start.device)
        solution = Newton().solve(problem.objective, problem.line, problem.reference, limits=own)
        if limits is not None:
            return Run(solution.z)
        converged = [Status(status).is_success for status in solution.status]
        unbounded = sum(Status(status) is Status.UNBOUNDED for status in solution.status)
        return Run(solution.z, solution.history.tolist(), solution.evaluations.tolist(), converged, unbounded=unbounded)


class Lbfgs:
    """SciPy's L-BFGS on the objective with autograd's gradient, one pair after the other.

    Args:
        own_limit: of iterations, when it runs until it stops by itself; default a large one for plain geodesics.
    """

    name, together, most = "L-BFGS (SciPy)", False, sys.maxsize

    def __init__(self, own_limit: int | None = None) -> None:
        self.own_limit = own_limit

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """As :class:`Contender`."""
        run = Run(torch.empty_like(problem.line))
        for index in range(problem.n_pairs):
            self._solve_pair(problem.pair(index), index, None if limits is None else limits[index], deadline, run)
        return run

    def _solve_pair(self, problem: Problem, index: int, limit: int | None, deadline: float | None, run: Run) -> None:
        function, line = problem.function(), problem.line

        def value_and_gradient(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            z = torch.from_numpy(flat).to(line).view_as(line[:, 1:-1]).requires_grad_()
            value = function(z)
            (gradient,) = torch.autograd.grad(value.sum(), z)
            return value.item(), gradient.double().cpu().numpy().ravel()

        trace: list[float] = []
        times: list[float] = []

        def record(intermediate_result: OptimizeResult) -> None:
            trace.append(float(intermediate_result.fun))
            times.append(clock() - began)
            if deadline is not None and times[-1] > deadline:
                raise StopIteration

        start = line[:, 1:-1].double().cpu().numpy().ravel()
        own_limit = self.own_limit or (UNLIMITED if problem.mu == 0.0 else SIZES.lbfgs)
        options = {"maxiter": own_limit if limit is None else limit, "maxfun": 100_000, "maxcor": 20}
        began = clock()
        result = minimize(
            value_and_gradient,
            start,
            jac=True,
            method="L-BFGS-B",
            options={**options, "ftol": 1e-13, "gtol": 1e-10},
            callback=record if limit is None else None,
        )
        interior = torch.from_numpy(result.x).to(line).view_as(line[:, 1:-1])
        run.z[index] = torch.cat([line[:, :1], interior, line[:, -1:]], dim=1)[0]
        if limit is None:
            run.traces.append([value_and_gradient(start)[0], *trace])
            run.clock.append([0.0, *times])
            run.evaluations.append(int(result.nfev))
            run.converged.append(result.nit < own_limit)


class Adam:
    """Adam on the sum of the objectives, all pairs at once, with the best of a few rates for each kind of problem."""

    name, together, most = "Adam", True, SIZES.adam_pairs

    def __init__(self) -> None:
        self.rates: dict[tuple[str, float, float], float] = {}

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """As :class:`Contender`."""
        kind = (problem.name, problem.gain, problem.mu)
        if kind not in self.rates:
            trial = {
                rate: self._descend(problem.first(1), rate, None, None, SIZES.adam_trial).traces[0][-1]
                for rate in SIZES.rates
            }
            self.rates[kind] = min(trial, key=lambda rate: trial[rate])
        began = clock()
        run = self._descend(problem, self.rates[kind], limits, goal, SIZES.adam)
        return replace(run, seconds=clock() - began)  # without the trials

    @staticmethod
    def _descend(problem: Problem, rate: float, limits: Sequence[int] | None, goal: Tensor | None, most: int) -> Run:
        function, line = problem.function(), problem.line
        interior = line[:, 1:-1].clone().requires_grad_()
        optimiser = torch.optim.Adam([interior], lr=rate)
        values: list[Tensor] = []
        reached = torch.zeros(problem.n_pairs, dtype=torch.bool, device=line.device)
        for _ in range(most + 1 if limits is None else max(limits)):
            optimiser.zero_grad()
            value = function(interior)
            value.sum().backward()
            if limits is None:
                values.append(value.detach())
                if goal is not None:
                    reached |= value.detach() <= goal
                    if reached.all():
                        break
            optimiser.step()
        z = torch.cat([line[:, :1], interior.detach(), line[:, -1:]], dim=1)
        if limits is not None:
            return Run(z)
        traces = torch.stack(values, dim=1).tolist()
        return Run(z, traces, [len(values)] * problem.n_pairs, reached.tolist())


class PaperAlgorithm:
    """Algorithm 1 of the paper, one pair after the other; it minimises something else, and is judged by the objective.

    Every iteration takes one Jacobian and one gradient of the density, as an evaluation of the objective does.
    """

    name, together, most = "Algorithm 1", False, SIZES.algorithm1
    stride = 5  # iterations between two looks at the objective

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """As :class:`Contender`."""
        run = Run(problem.line.clone())
        for index in range(problem.n_pairs):
            one = problem.pair(index)
            eta = chord_length(one.manifold.generate_flat(one.line)).item() / (4 * (one.n_points - 1))
            if limits is not None:
                algorithm = Algorithm1(eta=eta, max_iterations=limits[index])
                run.z[index] = algorithm.solve(one.objective, one.line).z[0]
                continue
            z, converged, algorithm = one.line, False, Algorithm1(eta=eta, max_iterations=self.stride)
            trace = [one.objective.value(z).item()]
            while len(trace) <= SIZES.algorithm1_steps and not converged:
                solution = algorithm.solve(one.objective, z)
                z, converged = solution.z, Status(solution.status[0]).is_success
                value = one.objective.value(z).item()
                trace += [trace[-1]] * (self.stride - 1) + [value]
                if not np.isfinite(value) or (goal is not None and value <= goal[index]):
                    break
            run.z[index] = z[0]
            run.traces.append(trace)
            run.evaluations.append(len(trace))
            run.converged.append(converged)
        return run
