"""Two libraries of Riemannian geometry as contenders for the plain geodesic, each used as it asks to be used."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from benchmarks.contenders import UNLIMITED, Run
from benchmarks.problems import Problem

__all__ = ["Geomstats", "Stochman"]


class Geomstats:
    """Path straightening at several resolutions, with the chord energy supplied, one pair after the other.

    Its backend is PyTorch and its optimiser SciPy's L-BFGS-B, both in double precision. Coarser resolutions run to
    their own convergence; iterations are counted, and cut, at the finest one.

    Args:
        stops_at_goal: whether a recorded run may end at the goal; with many pairs that saves minutes.
    """

    name, together, most = "geomstats", False, sys.maxsize
    levels = (5, 9, 18)  # numbers of points of the coarser paths

    def __init__(self, stops_at_goal: bool = False) -> None:
        self.stops_at_goal = stops_at_goal

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """As :class:`~benchmarks.contenders.Contender`."""
        run = Run(torch.empty_like(problem.line))
        with double_precision():
            for index in range(problem.n_pairs):
                limit = None if limits is None else limits[index]
                aim = goal[index].item() if goal is not None and self.stops_at_goal else -float("inf")
                self._solve_pair(problem.pair(index), index, limit, aim, run)
        return run

    def _solve_pair(self, problem: Problem, index: int, limit: int | None, goal: float, run: Run) -> None:
        os.environ.setdefault("GEOMSTATS_BACKEND", "pytorch")
        logging.getLogger().setLevel(logging.ERROR)  # a run that was cut is no news
        from geomstats.geometry.euclidean import Euclidean
        from geomstats.numerics.geodesic import MultiresPathStraightening
        from geomstats.numerics.optimization import ScipyMinimize

        d, generator = problem.start.shape[-1], problem.manifold.generator

        def chord_energy(path: Tensor) -> Tensor:
            x = generator(path).flatten(1)
            return (len(path) - 1) / 2 * (x[1:] - x[:-1]).square().sum()

        trace: list[float] = []

        def record(xk: Any) -> None:
            interior = torch.as_tensor(xk).view(-1, d)
            trace.append(chord_energy(torch.cat([problem.start, interior, problem.end])).item())
            if trace[-1] <= goal:
                raise StopIteration

        class ByLevel(ScipyMinimize):  # type: ignore[misc]  # the library has no types
            """SciPy's own tolerances at the coarser levels; at the finest the limit, or a tight tolerance."""

            def minimize(self, fun: Any, x0: Any) -> Any:
                finest = len(x0) == (problem.n_points - 2) * d
                tight = {"ftol": 1e-13, "gtol": 1e-10, "maxiter": limit or UNLIMITED}
                self.options = {"maxcor": 20, "maxfun": 100_000, "maxiter": UNLIMITED, **(tight if finest else {})}
                self.callback = record if finest and limit is None else None
                return super().minimize(fun, x0)

        optimiser = ByLevel(method="L-BFGS-B", autodiff_jac=True, save_result=True)
        levels = [n for n in self.levels if n < problem.n_points]
        solver = MultiresPathStraightening(
            Euclidean(d, equip=False),
            path_energy=chord_energy,
            n_nodes=[*levels, problem.n_points],
            optimizer=optimiser,
        )
        z = solver.discrete_geodesic_bvp(problem.end[0], problem.start[0])
        run.z[index] = z
        if limit is None:
            run.traces.append([chord_energy(problem.line[0]).item(), *trace])
            run.evaluations.append(int(optimiser.result_.nfev))
            run.converged.append(bool(optimiser.result_.nit < UNLIMITED))


class Stochman:
    """A discrete curve and the energy of an embedded manifold, minimised by its routine with PyTorch's L-BFGS.

    By itself the routine runs L-BFGS with rate 0.1 and no line search; here it is given one with rate 1 and a line
    search after Wolfe, which is faster and does not diverge.

    Args:
        together: whether all pairs are one curve with a batch; it is then one problem for L-BFGS, with one step length.
        own_limit: of its iterations in a recorded run; its own test is seldom met.
    """

    def __init__(self, together: bool = False, own_limit: int = 1000) -> None:
        self.own_limit = own_limit
        self.together, self.most = together, sys.maxsize
        self.name = "stochman, as one problem" if together else "stochman"

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """As :class:`~benchmarks.contenders.Contender`."""
        if self.together:
            return self._solve(problem, None if limits is None else max(limits), goal)
        parts = [
            self._solve(
                problem.pair(index),
                None if limits is None else limits[index],
                None if goal is None else goal[index : index + 1],
            )
            for index in range(problem.n_pairs)
        ]
        return Run(
            torch.cat([part.z for part in parts]),
            [trace for part in parts for trace in part.traces],
            [number for part in parts for number in part.evaluations],
            [done for part in parts for done in part.converged],
        )

    def _solve(self, problem: Problem, limit: int | None, goal: Tensor | None) -> Run:
        from stochman import DiscreteCurve
        from stochman.geodesic import geodesic_minimizing_energy
        from stochman.manifold import EmbeddedManifold

        generator = problem.manifold.generator

        class Image(EmbeddedManifold):  # type: ignore[misc]  # the library has no types
            def embed(self, points: Tensor, jacobian: bool = False) -> Tensor:
                return generator(points.reshape(-1, points.shape[-1])).reshape(*points.shape[:-1], -1)

        manifold = Image()
        with problem.start.device:  # where else it would make a part of the curve on the processor
            curve = DiscreteCurve(problem.start, problem.end, num_nodes=problem.n_points)
        traces: list[Tensor] = []
        evaluations = [0]

        def one_step(parameters: Iterator[Tensor], lr: float) -> torch.optim.Optimizer:
            return _Recorded(parameters, note, evaluations)

        def all_steps(parameters: Iterator[Tensor], lr: float) -> torch.optim.Optimizer:
            assert limit is not None
            return torch.optim.LBFGS(
                parameters, max_iter=limit, max_eval=100 * limit, history_size=20, line_search_fn="strong_wolfe"
            )

        def note() -> None:
            x = manifold.embed(_path(curve)).detach()
            traces.append((x[:, 1:] - x[:, :-1]).square().sum(dim=(1, 2)) * (problem.n_points - 1) / 2)
            if goal is not None and (torch.stack(traces).amin(0) <= goal).all():
                raise _WithinGap

        if limit is None:
            note()
            done = False
            with suppress(_WithinGap):
                done = geodesic_minimizing_energy(
                    curve, manifold, one_step, max_iter=self.own_limit, eval_grid=problem.n_points
                )
            values = torch.stack(traces, dim=1).tolist()
            n = problem.n_pairs
            return Run(_path(curve), values, [evaluations[0]] * n, [bool(done)] * n)
        geodesic_minimizing_energy(curve, manifold, all_steps, max_iter=1, eval_grid=problem.n_points)
        return Run(_path(curve))


class _WithinGap(Exception):
    """All pairs are within the gap, and the routine, which has no useful test of its own, need not go on."""


class _Recorded(torch.optim.LBFGS):
    """One iteration a step, with its state kept between them, and a note after each."""

    def __init__(self, parameters: Iterator[Tensor], note: Callable[[], None], evaluations: list[int]) -> None:
        super().__init__(parameters, max_iter=1, max_eval=100, history_size=20, line_search_fn="strong_wolfe")
        self.note, self.evaluations = note, evaluations

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        def counted() -> Any:
            self.evaluations[0] += 1
            return closure()

        loss = super().step(counted)
        self.note()
        return loss


def _path(curve: Any) -> Tensor:
    return torch.cat([curve.begin[:, None], curve.params.detach(), curve.end[:, None]], dim=1)


@contextmanager
def double_precision() -> Iterator[None]:
    """Torch's default type as geomstats sets it for everybody; put back afterwards."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
