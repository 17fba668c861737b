"""The default solver: limited-memory quasi-Newton, preconditioned by Gauss-Newton on the chord energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
from torch import Tensor

from geodreg.curve import along
from geodreg.objective import Derivatives, PathObjective, Trial
from geodreg.solvers.block_tridiagonal import BlockTridiagonal
from geodreg.solvers.curvature_pairs import CurvaturePairs
from geodreg.solvers.line_search import State, line_search
from geodreg.solvers.solution import Solution, Status

__all__ = ["Newton"]

PATIENCE = 10  # iterations without a decrease above rounding before a pair is given up
NEGLIGIBLE = 1e3  # times rounding: a predicted decrease below it may well be lost in rounding
DAMPING = 1e-8  # of the mean diagonal of the Gauss-Newton matrix; keeps it definite where the generator is flat
COLLAPSE = 1e-2  # a metric whose smallest eigenvalue fell to this share of the start's has fallen into a well,
SINGULAR = 1e-8  # and so has one that has this condition number
FORGETTING = 0.9  # of the density's curvature, in one iteration
PLAIN_TOLERANCE, REGULARISED_TOLERANCE = 1e-7, 1e-5  # a plain geodesic's length names the interval of the other
COARSE_TOLERANCE, COARSE_ITERATIONS = 1e-3, 40  # a coarse path is only a start


@dataclass(frozen=True)
class Newton:
    r"""Minimise the path objective of a batch of pairs, each with its own step length and its own stop.

    The Gauss-Newton matrix of the chord energy is block-tridiagonal, :math:`2 J_k^\top J_k / \Delta t` on the
    diagonal and :math:`-J_k^\top J_{k+1} / \Delta t` beside it. With a multiple of the identity added at every point
    for the density it is the start matrix of L-BFGS, new in every iteration. That multiple is the largest curvature
    that the density's gradient has lately shown there along a step, forgotten slowly, and at least that of a normal
    prior: the density is stiff in directions that differ from point to point, more of them than L-BFGS can remember.

    A path is solved with half of the points first (and that one with half of them, down to ``coarsest``), and its
    result is the start where it has a lower objective than the start curve.

    A pair has converged when the decrease that the quadratic model still predicts is below ``tolerance`` times the
    energy (plain geodesic) or times what the regulariser has changed against the plain geodesic; neither depends on
    additive constants of the nll. Pairs that have stopped leave the batch.

    Attributes:
        tolerance: relative decrease below which a pair has converged; by default 1e-7 for a plain geodesic, and 1e-5
            with a regulariser.
        max_iterations: limit of iterations, with all of the points.
        memory: number of iterations that L-BFGS remembers.
        coarsest: least number of points of a coarse path; a number above half of the path's solves no coarse one.

    Raises:
        ValueError: if a setting is negative.
    """

    tolerance: float | None = None
    max_iterations: int = 300
    memory: int = 40
    coarsest: int = 17

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if value is not None and not value >= 0:
                raise ValueError(f"{setting.name} is {value}; pass zero or a positive number.")

    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | Literal["start"] | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Paths that minimise the objective, from start curves with the same ends.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser; or "start"
                for that of the start curves.
            on_stop: called with the number of pairs that have just stopped.
        """
        if self.tolerance is None:
            usual = PLAIN_TOLERANCE if objective.mu == 0.0 else REGULARISED_TOLERANCE
            return replace(self, tolerance=usual).solve(objective, start, reference, on_stop)
        start = start.detach()
        n_points = start.shape[1]
        n_coarse = (n_points + 1) // 2
        if n_coarse < max(3, self.coarsest) or self.max_iterations == 0:
            return self._descend(objective.trial(start), reference, on_stop)
        quick = replace(self, tolerance=max(self.tolerance, COARSE_TOLERANCE), max_iterations=COARSE_ITERATIONS)
        coarse = quick.solve(objective, _with_points(start, n_coarse), None if reference is None else "start")
        refined = _with_points(coarse.z, n_points)
        refined[:, [0, -1]] = start[:, [0, -1]]
        before, trial = objective.value(start), objective.trial(refined)
        worse = ~((trial.value < before) & coarse.succeeded(start.device))
        if worse.any():
            trial = objective.trial(torch.where(worse[:, None, None], start, refined))
        solution = self._descend(trial, before if isinstance(reference, str) else reference, on_stop)
        spent = 1.0 + worse.double() + coarse.evaluations * (n_coarse - 2) / (n_points - 2)
        later = solution.history[:, 1:] if solution.history.shape[1] > 1 else solution.history
        history = torch.cat([before[:, None], later], dim=1)
        return replace(solution, evaluations=solution.evaluations + spent, history=history)

    def _descend(
        self,
        first: Trial,
        reference: Tensor | Literal["start"] | None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Paths from start curves that have been tried, with all of their points at once."""
        tolerance, objective = self.tolerance or 0.0, first.objective
        solution = Solution.at_start(first.z, first.value)
        reference = first.value if isinstance(reference, str) else reference
        z, status, history = solution.z, solution.status, [first.value]
        status[(~first.value.isfinite()).cpu().numpy()] = Status.NOT_FINITE
        status[(first.value == -torch.inf).cpu().numpy()] = Status.UNBOUNDED
        rows = first.value.isfinite().nonzero().squeeze(-1)  # the pairs at work, as indices into the whole batch
        if on_stop is not None:
            on_stop(len(z) - len(rows))
        if len(rows) == 0:
            return solution
        state = State(first.value[rows], first.energy[rows], first.rounding()[rows], first.derivatives(rows))
        first.release()
        pairs = CurvaturePairs(self.memory)
        stuck = torch.zeros_like(rows, dtype=torch.bool)
        can_collapse = objective.mu > 0.0 and objective.manifold.noise == 0.0
        floor = COLLAPSE * _eigenvalues(state.derivatives)[0] if can_collapse else torch.zeros_like(state.value)
        least = objective.mu * objective.manifold.prior_precision(z).double()  # of the density's curvature, d
        curvature = torch.zeros(state.derivatives.gradient.shape[:2], dtype=torch.float64, device=z.device)

        for iteration in range(self.max_iterations + 1):
            finite = state.derivatives.are_finite()
            if not finite.all():
                status[rows[~finite].cpu().numpy()] = Status.NOT_FINITE
                rows, floor, stuck, state = rows[finite], floor[finite], stuck[finite], state.select(finite)
                curvature = curvature[finite]
                pairs.select(finite)
            step_length = objective.interval[rows] / (z.shape[1] - 1)
            diagonal = torch.maximum(curvature.unsqueeze(-1), step_length[:, None, None] * least)  # R x K-2 x d
            step = _direction(state.derivatives, diagonal, pairs)
            slope = (step * state.derivatives.gradient).sum((-2, -1))
            predicted = -0.5 * slope
            scale = state.energy
            if reference is not None:
                gained = (reference[rows] - state.value).abs() + 1e-9 * state.energy
                scale = torch.where(reference[rows].isfinite(), gained, scale)
            converged = predicted <= tolerance * scale
            if iteration >= PATIENCE:
                stuck = stuck | (history[-1 - PATIENCE][rows] - state.value <= state.rounding)
            exhausted = (stuck | (predicted <= state.rounding)) & ~converged
            at_limit = torch.full_like(stuck, iteration == self.max_iterations) & ~converged & ~exhausted
            stalled = exhausted & (predicted > NEGLIGIBLE * state.rounding)
            collapsed = torch.zeros_like(stuck)
            if can_collapse and (exhausted | at_limit).any():
                smallest, largest = _eigenvalues(state.derivatives)
                collapsed = (exhausted | at_limit) & ((smallest < floor) | (smallest < SINGULAR * largest))
            for stopped, reason in (
                (converged, Status.CONVERGED),
                (exhausted, Status.PRECISION),
                (stalled, Status.STALLED),
                (at_limit, Status.ITERATIONS),
                (collapsed, Status.UNBOUNDED),
            ):
                status[rows[stopped].cpu().numpy()] = reason
            solution.gradient_norm[rows] = state.derivatives.gradient.flatten(1).norm(dim=1)
            going = ~(converged | exhausted | at_limit)
            if on_stop is not None:
                on_stop(int((~going).sum()))
            if not going.any():
                break

            rows, floor, step, slope, state = rows[going], floor[going], step[going], slope[going], state.select(going)
            curvature = curvature[going]
            pairs.select(going)
            solution.iterations[rows] += 1
            before = state.derivatives
            length, trials, state = line_search(objective.select(rows), z[rows], step, slope, state)
            solution.evaluations[rows] += trials
            advance = length[:, None, None] * step
            z[rows, 1:-1] += advance.to(z.dtype)
            failed = length == 0.0
            stuck = failed & pairs.is_empty(len(rows), z.device)
            pairs.append(advance.flatten(1), (state.derivatives.gradient - before.gradient).flatten(1))
            pairs.forget(failed)  # try again with Gauss-Newton alone before giving up
            change = state.derivatives.density_gradient - before.density_gradient
            shown = (advance * change).sum(-1) / advance.square().sum(-1)  # 0 / 0 where nothing moved
            curvature = torch.maximum(FORGETTING * curvature, shown.nan_to_num(0.0, 0.0, 0.0))
            history.append(history[-1].clone())
            history[-1][rows] = state.value
        return replace(solution, history=torch.stack(history, dim=1))


def _with_points(z: Tensor, n_points: int) -> Tensor:
    """Paths with another number of points, at equal distances of their index: ``(P, K, d)`` to ``(P, n, d)``."""
    positions = torch.linspace(0.0, z.shape[1] - 1, n_points, dtype=torch.float64, device=z.device)
    return along(z, positions.expand(len(z), -1))


def _direction(derivatives: Derivatives, density: Tensor, pairs: CurvaturePairs) -> Tensor:
    """Quasi-Newton direction ``(R, K-2, d)``, with a diagonal ``(R, K-2, d)`` for the density."""
    mean = derivatives.diagonal.diagonal(dim1=-2, dim2=-1).mean((-2, -1))
    damping = DAMPING * mean + torch.finfo(mean.dtype).tiny
    added = torch.diag_embed(density + damping[:, None, None])
    matrix = BlockTridiagonal(derivatives.diagonal + added, derivatives.upper)

    def precondition(q: Tensor) -> Tensor:
        return matrix.solve(q.view_as(derivatives.gradient)).flatten(1)

    return pairs.direction(derivatives.gradient.flatten(1), precondition).view_as(derivatives.gradient)


def _eigenvalues(derivatives: Derivatives) -> tuple[Tensor, Tensor]:
    """Smallest and largest eigenvalue of the metric along each path, ``(R,)`` each."""
    eigenvalues = torch.linalg.eigvalsh(derivatives.metric)
    return eigenvalues[..., 0].amin(-1), eigenvalues[..., -1].amax(-1)
