r"""GEORCE and ProbGEORCE as contenders: the geodesic as a problem of optimal control, with left-point sums.

After Rygaard and Hauberg, "GEORCE: a fast new control algorithm for computing geodesics", arXiv 2505.05961, and
Rygaard, Zhu, Jin, Hauberg and Fletcher, "A likely geometry of generative models", arXiv 2510.26266. Both minimise

.. math:: \sum_{s=0}^{N-1} u_s^T g(z_s)\, u_s + \lambda \sum_{s=1}^{N-1} \mathrm{nll}(z_s),
          \qquad z_{s+1} = z_s + u_s,

with :math:`\lambda = 0` for GEORCE. With the metrics and the slopes :math:`\nu_s` of the s-th term at :math:`z_s` held
fixed, the best controls are :math:`u_s = -\frac12 g_s^{-1} (m + \sum_{j>s} \nu_j)`, and :math:`m` follows from the sum
of all, which must lead from one endpoint to the other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.contenders import Run
from benchmarks.device import clock
from benchmarks.problems import Problem
from benchmarks.sizes import SIZES

__all__ = ["Georce", "ProbGeorce"]

SHRINK, DECREASE, TRIALS = 0.5, 1e-4, 30  # of the backtracking line search
TOLERANCE = 1e-4  # of the norm of the gradient, as in the authors' code


@dataclass(frozen=True)
class Place:
    """Some pairs at the curves where they are.

    Attributes:
        u: the controls, ``(P, N, d)``, double precision.
        value: of the sums above, ``(P,)``; twice the step of the interval times the left-point objective.
        metric: ``(P, N, d, d)``.
        slope: of each term at its point, ``(P, N, d)``; zero at the first one, which stays.
    """

    u: Tensor
    value: Tensor
    metric: Tensor
    slope: Tensor

    def select(self, rows: list[int]) -> Place:
        """Some of the pairs."""
        return Place(self.u[rows], self.value[rows], self.metric[rows], self.slope[rows])

    @property
    def gradient(self) -> Tensor:
        """With respect to the interior points, ``(P, N-1, d)``."""
        momentum = 2.0 * (self.metric @ self.u[..., None])[..., 0]
        return self.slope[:, 1:] + momentum[:, :-1] - momentum[:, 1:]

    def controls(self) -> Tensor:
        """The best ones for metrics and slopes as they are."""
        inverse = torch.linalg.inv(self.metric)
        from_here = self.slope.flip(1).cumsum(1).flip(1)
        later = torch.cat([from_here[:, 1:], torch.zeros_like(from_here[:, :1])], dim=1)
        carried = (inverse @ later[..., None]).sum(1)
        last = torch.linalg.solve(inverse.sum(1), -2.0 * self.u.sum(1)[..., None] - carried)
        return -0.5 * (inverse @ (last[:, None] + later[..., None]))[..., 0]


class Georce:
    """All pairs at once, each with its own step length; what it minimises itself is noted beside the objective."""

    name, together, most = "GEORCE", True, sys.maxsize

    def solve(
        self,
        problem: Problem,
        limits: Sequence[int] | None = None,
        goal: Tensor | None = None,
        deadline: float | None = None,
    ) -> Run:
        """As :class:`~benchmarks.contenders.Contender`; it goes on to its own end, whatever the goal."""
        n = problem.n_pairs
        run = Run(problem.line.clone(), [[] for _ in range(n)], [0.0] * n, [False] * n)
        run.own, run.clock = [[] for _ in range(n)], [[] for _ in range(n)]
        began, apart = clock(), 0.0
        rows, place = list(range(n)), _place(problem, problem.line.double().diff(dim=1))
        for iteration in range((SIZES.georce if limits is None else max(limits)) + 1):
            if limits is None:
                paused = clock()
                spent = paused - began - apart
                self._note(problem, rows, place, spent, run)
                apart += clock() - paused
                if deadline is not None and spent > deadline:
                    break
            rest = (place.gradient.flatten(1).norm(dim=-1) <= TOLERANCE).tolist()
            for row, at_rest in zip(rows, rest, strict=True):
                run.converged[row] = at_rest
            going = [
                index
                for index, row in enumerate(rows)
                if not rest[index] and iteration < (SIZES.georce if limits is None else limits[row])
            ]
            if not going:
                break
            rows, place = [rows[index] for index in going], place.select(going)
            trials, u = _searched(problem.select(rows), place)
            for row in rows:
                run.evaluations[row] += trials
            moving = (u != place.u).flatten(1).any(-1).nonzero().flatten().tolist()
            if not moving:
                break
            rows = [rows[index] for index in moving]
            place = _place(problem.select(rows), u[moving])
            run.z[rows] = _points(problem.select(rows), place.u)
        return run

    def _note(self, problem: Problem, rows: list[int], place: Place, seconds: float, run: Run) -> None:
        values = problem.select(rows).objective.value(_points(problem.select(rows), place.u)).tolist()
        step = 2.0 * problem.interval[rows] / (problem.n_points - 1)
        for row, value, own in zip(rows, values, (place.value / step).tolist(), strict=True):
            run.traces[row].append(value)
            run.own[row].append(own)
            run.clock[row].append(seconds)


class ProbGeorce(Georce):
    """The same with the density, at the problem's weight, which the authors' code scales by the energy instead."""

    name = "ProbGEORCE"


def _points(problem: Problem, u: Tensor) -> Tensor:
    """Curves ``(P, K, d)`` of controls, from endpoint to endpoint."""
    interior = problem.start.double()[:, None] + u[:, :-1].cumsum(1)
    return torch.cat([problem.start[:, None], interior.to(problem.start.dtype), problem.end[:, None]], dim=1)


def _weight(problem: Problem) -> Tensor:
    """The weight of the density beside the left-point sum, ``(P,)``."""
    return 2.0 * problem.mu * (problem.interval / (problem.n_points - 1)).square()


def _place(problem: Problem, u: Tensor) -> Place:
    z = _points(problem, u)[:, :-1]
    if problem.mu == 0.0:
        with torch.no_grad():
            jacobian = problem.jacobian(z)
            metric = jacobian.mT @ jacobian
        z = z.clone().requires_grad_()
        pushed = torch.func.jvp(problem.generated, (z,), (u.to(z.dtype),))[1]
        value = pushed.double().square().sum(dim=(1, 2))
    else:
        z = z.clone().requires_grad_()
        jacobian = problem.jacobian(z)
        metric = jacobian.mT @ jacobian
        energy = (u[..., None, :] @ metric @ u[..., None]).sum(dim=(1, 2, 3))
        value = energy + _weight(problem) * problem.nll(z, metric)[:, 1:].sum(-1)
    (slope,) = torch.autograd.grad(value.sum(), z)
    slope = torch.cat([torch.zeros_like(slope[:, :1]), slope[:, 1:]], dim=1)
    return Place(u, value.detach(), metric.detach(), slope.double())


@torch.no_grad()
def _value(problem: Problem, u: Tensor) -> Tensor:
    z = _points(problem, u)[:, :-1]
    if problem.mu > 0.0:
        jacobian = problem.jacobian(z)
        metric = jacobian.mT @ jacobian
        energy = (u[..., None, :] @ metric @ u[..., None]).sum(dim=(1, 2, 3))
        return energy + _weight(problem) * problem.nll(z, metric)[:, 1:].sum(-1)
    return torch.func.jvp(problem.generated, (z,), (u.to(z.dtype),))[1].double().square().sum(dim=(1, 2))


def _searched(problem: Problem, place: Place) -> tuple[int, Tensor]:
    """Trials, and the controls after a backtracking line search; where nothing decreases they stay as they are."""
    try:
        direction = place.controls() - place.u
    except RuntimeError:  # a metric that has no inverse
        return 0, place.u
    slope = (place.gradient * direction[:, :-1].cumsum(1)).sum(dim=(1, 2))
    u, pending, length = place.u.clone(), list(range(len(place.u))), 1.0
    for trial in range(TRIALS):
        tried = place.u[pending] + length * direction[pending]
        value = _value(problem.select(pending), tried)
        fine = (value <= place.value[pending] + DECREASE * length * slope[pending]).tolist()
        for index, row in enumerate(pending):
            if fine[index]:
                u[row] = tried[index]
        pending = [row for row, done in zip(pending, fine, strict=True) if not done]
        if not pending:
            return trial + 1, u
        length *= SHRINK
    return TRIALS, u
