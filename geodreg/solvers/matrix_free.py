"""The solver for large latents and large data: quasi-Newton by conjugate gradients, with an estimated log-volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from geodreg.manifold import LatentManifold
from geodreg.matrix_free_objective import MatrixFreeObjective, MatrixFreeTrial
from geodreg.objective import PathObjective
from geodreg.solvers.conjugate_gradients import conjugate_gradients
from geodreg.solvers.curvature_pairs import CurvaturePairs
from geodreg.solvers.solution import Solution, Status
from geodreg.stochastic_volume import MatrixFreeManifold, StochasticVolume

__all__ = ["MatrixFree"]

SUFFICIENT_DECREASE = 1e-4  # Armijo's constant
MAX_BACKTRACKS = 20
PATIENCE = 10  # iterations without a decrease above rounding before a pair is given up
NEGLIGIBLE = 1e3  # times rounding: a predicted decrease below it may well be lost in rounding
COLLAPSE, SINGULAR = 1e-2, 1e-8  # shares of the start's smallest and of the largest eigenvalue: a well
CG_TOLERANCE, CG_ITERATIONS = 0.1, 50  # of the start matrix of L-BFGS; more accuracy saves no iterations


@dataclass(frozen=True)
class MatrixFree:
    r"""Minimise the path objective where the Jacobians do not fit into memory, by products with them alone.

    The Gauss-Newton system, whose matrix takes tangents :math:`v_k` at the points to

    .. math:: \frac{1}{\Delta t} J_k^\top (2 J_k v_k - J_{k-1} v_{k-1} - J_{k+1} v_{k+1}),

    is solved by preconditioned conjugate gradients, every pair with its own stop, and its solution is the start matrix
    of L-BFGS, as in :class:`~geodreg.Newton`. The log-volume and its gradient are estimated by stochastic Lanczos
    quadrature (Ubaru, Chen and Saad 2017) with the same probes in every evaluation, so the objective is a
    deterministic function, the same seed gives the same path, and every pair has its own step length and its own stop.
    The path minimises the *estimated* objective: compare seeds, or look at the errors that
    :func:`~geodreg.log_volume_estimate` reports, to see what that means for it. Give the generator noise: without it
    small eigenvalues ask for many products. ``init="graph"`` asks for the density at thousands of edges, and pays here
    for each.

    Attributes:
        tolerance: relative decrease below which a pair has converged, as for :class:`~geodreg.Newton`.
        max_iterations: limit of iterations.
        memory: number of iterations that L-BFGS remembers.
        n_probes: random probes of the log-volume, at least 2; as many as latents, or more, leave no chance.
        n_lanczos: products with the metric per probe. They should bring ``truncation`` of the estimate near to zero:
            gradient and value agree only then, and a pair may stop early with ``no further decrease`` or
            ``no decrease found``.
        seed: of the probes.
        budget: memory to work in, in GiB, beyond what the model and the paths themselves take. Pairs, points and probes
            are taken as many at a time as fit.

    Raises:
        ValueError: if a setting is out of range.
    """

    tolerance: float = 1e-6
    max_iterations: int = 100
    memory: int = 12
    n_probes: int = 16
    n_lanczos: int = 32
    seed: int = 0
    budget: float = 1.0

    def __post_init__(self) -> None:
        for name in ("tolerance", "max_iterations", "memory"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; pass zero or a positive number.")
        self.volume  # noqa: B018  the other settings are checked there

    @property
    def volume(self) -> StochasticVolume:
        """How the log-volume is estimated."""
        return StochasticVolume(self.n_probes, self.n_lanczos, self.seed, self.budget)

    def view(self, manifold: LatentManifold) -> MatrixFreeManifold:
        """The manifold as this solver works on it: no Jacobian, within the budget."""
        exact = manifold.exact if isinstance(manifold, MatrixFreeManifold) else manifold
        return MatrixFreeManifold(exact, self.volume)

    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Paths that minimise the objective, from start curves with the same ends.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser.
            on_stop: called with the number of pairs that have just stopped.
        """
        solutions, first = [], 0
        for part in MatrixFreeObjective.of(objective, self.view(objective.manifold), start):
            rows = slice(first, first + len(part.interval))
            part_reference = None if reference is None else reference[rows]
            solutions.append(self._solve(part, start[rows], part_reference, on_stop))
            first = rows.stop
        return Solution.joined(solutions)

    def _solve(
        self,
        objective: MatrixFreeObjective,
        start: Tensor,
        reference: Tensor | None,
        on_stop: Callable[[int], object] | None,
    ) -> Solution:
        state = _State.of(objective.trial(start))
        solution = Solution.at_start(start, state.value)
        z, status = solution.z, solution.status
        history = [state.value.clone()]
        rows = torch.arange(len(start), device=z.device)  # the pairs at work, as indices into the whole batch
        pairs = CurvaturePairs(self.memory)
        stuck = torch.zeros_like(rows, dtype=torch.bool)
        may_collapse = objective.mu > 0.0 and objective.manifold.noise == 0.0
        floor = COLLAPSE * state.smallest

        for iteration in range(self.max_iterations + 1):
            finite = state.value.isfinite() & state.gradient.isfinite().flatten(1).all(-1)
            status[rows[~finite].cpu().numpy()] = Status.NOT_FINITE
            status[rows[state.value == -torch.inf].cpu().numpy()] = Status.UNBOUNDED
            if on_stop is not None:
                on_stop(int((~finite).sum()))
            rows, floor, stuck, state = rows[finite], floor[finite], stuck[finite], state.select(finite)
            pairs.select(finite)
            if len(rows) == 0:
                break
            step = _direction(state.trial, state.gradient, pairs)
            slope = (step * state.gradient).sum((-2, -1))
            predicted = -0.5 * slope
            scale = state.trial.energy
            if reference is not None:
                gained = (reference[rows] - state.value).abs() + 1e-9 * state.trial.energy
                scale = torch.where(reference[rows].isfinite(), gained, scale)
            converged = (predicted <= self.tolerance * scale) & (predicted >= 0)
            rounding = state.trial.rounding()
            if iteration >= PATIENCE:
                stuck = stuck | (history[-1 - PATIENCE][rows] - state.value <= rounding)
            exhausted = (stuck | (predicted <= rounding)) & ~converged
            at_limit = torch.full_like(stuck, iteration == self.max_iterations) & ~converged & ~exhausted
            stalled = exhausted & (predicted > NEGLIGIBLE * rounding)
            well = (state.smallest < floor) | (state.smallest < SINGULAR * state.trial.extremes()[1])
            collapsed = (exhausted | at_limit) & well if may_collapse else torch.zeros_like(stuck)
            for stopped, reason in (
                (converged, Status.CONVERGED),
                (exhausted, Status.PRECISION),
                (stalled, Status.STALLED),
                (at_limit, Status.ITERATIONS),
                (collapsed, Status.UNBOUNDED),
            ):
                status[rows[stopped].cpu().numpy()] = reason
            solution.gradient_norm[rows] = state.gradient.flatten(1).norm(dim=1)
            going = ~(converged | exhausted | at_limit)
            if on_stop is not None:
                on_stop(int((~going).sum()))
            if not going.any():
                break

            rows, floor, step, slope, state = rows[going], floor[going], step[going], slope[going], state.select(going)
            pairs.select(going)
            solution.iterations[rows] += 1
            before = state.gradient
            length, trials, state = _line_search(state, step, slope)
            solution.evaluations[rows] += trials
            advance = length[:, None, None] * step
            z[rows] = state.trial.z
            failed = length == 0.0
            stuck = failed & pairs.is_empty(len(rows), z.device)
            pairs.append(advance.flatten(1), (state.gradient - before).flatten(1))
            pairs.forget(failed)  # try again with Gauss-Newton alone before giving up
            history.append(history[-1].clone())
            history[-1][rows] = state.value
        return replace(solution, history=torch.stack(history, dim=1))


@dataclass(frozen=True)
class _State:
    """Where the pairs at work are: the last evaluation that was accepted, and the gradient ``(R, K-2, d)`` there."""

    trial: MatrixFreeTrial
    gradient: Tensor

    @classmethod
    def of(cls, trial: MatrixFreeTrial) -> _State:
        return cls(trial, trial.gradient())

    @property
    def value(self) -> Tensor:
        return self.trial.value

    @property
    def smallest(self) -> Tensor:
        return self.trial.extremes()[0]

    def select(self, rows: Tensor) -> _State:
        if rows.all():
            return self
        return _State(self.trial.select(rows.nonzero().squeeze(-1)), self.gradient[rows])


def _direction(trial: MatrixFreeTrial, gradient: Tensor, pairs: CurvaturePairs) -> Tensor:
    """Quasi-Newton direction ``(R, K-2, d)``."""
    matrix = trial.gauss_newton()

    def precondition(q: Tensor) -> Tensor:
        return conjugate_gradients(matrix.product, q, matrix.precondition, CG_TOLERANCE, CG_ITERATIONS)

    return pairs.direction(gradient.flatten(1), precondition).view_as(gradient)


def _line_search(state: _State, step: Tensor, slope: Tensor) -> tuple[Tensor, Tensor, _State]:
    """Backtrack every pair by itself until its objective has decreased enough.

    Returns:
        step lengths ``(R,)``, zero where there was no decrease; numbers of trials ``(R,)``; where the pairs are then.
    """
    z, rounding = state.trial.z, state.trial.rounding()
    length, trials = torch.ones_like(slope), torch.zeros_like(slope)
    pending = torch.arange(len(z), device=z.device)
    reached: list[tuple[Tensor, MatrixFreeTrial]] = []
    for _ in range(MAX_BACKTRACKS):
        points = z[pending].clone()
        points[:, 1:-1] += (length[pending, None, None] * step[pending]).to(z.dtype)
        trial = state.trial.objective.select(pending).trial(points)
        trials[pending] += 1
        predicted = length[pending] * slope[pending]
        excess = trial.value - state.value[pending]
        enough = trial.value.isfinite() & (excess <= SUFFICIENT_DECREASE * predicted + rounding[pending])
        if enough.any():
            reached.append((pending[enough], trial.select(enough.nonzero().squeeze(-1))))
        # The minimum of the parabola through both values and the slope, kept within a tenth and a half.
        shrink = (-0.5 * predicted / (excess - predicted)).nan_to_num(0.1).clamp(0.1, 0.5)
        length[pending] *= torch.where(enough, 1.0, shrink)
        pending = pending[~enough]
        if len(pending) == 0:
            break
    length[pending] = 0.0
    gradients = [trial.gradient() for _, trial in reached]
    if len(pending) > 0:
        reached.append((pending, state.trial.select(pending)))
        gradients.append(state.gradient[pending])
    order = torch.cat([rows for rows, _ in reached]).argsort()
    joined = MatrixFreeTrial.joined([trial for _, trial in reached], order)
    return length, trials, _State(joined, torch.cat(gradients)[order])
