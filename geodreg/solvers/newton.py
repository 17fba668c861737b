"""The default solver: limited-memory quasi-Newton, preconditioned by Gauss-Newton on the chord energy."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from geodreg.objective import Derivatives, PathObjective
from geodreg.solvers.block_tridiagonal import BlockTridiagonal
from geodreg.solvers.curvature_pairs import CurvaturePairs
from geodreg.solvers.solution import Solution, Status

__all__ = ["Newton"]

SUFFICIENT_DECREASE = 1e-4  # Armijo's constant
MAX_BACKTRACKS = 20
PATIENCE = 10  # iterations without a decrease above rounding before a pair is given up
NEGLIGIBLE = 1e3  # times rounding: a predicted decrease below it may well be lost in rounding
DAMPING = 1e-8  # of the mean diagonal of the Gauss-Newton matrix; keeps it definite where the generator is flat
COLLAPSE = 1e-2  # a metric whose smallest eigenvalue fell to this share of the start's has fallen into a well,
SINGULAR = 1e-8  # and so has one that has this condition number


@dataclass(frozen=True)
class Newton:
    r"""Minimise the path objective of a batch of pairs, each with its own step length and its own stop.

    The Gauss-Newton matrix of the chord energy is block-tridiagonal, :math:`2 J_k^\top J_k / \Delta t` on the
    diagonal and :math:`-J_k^\top J_{k+1} / \Delta t` beside it. With the curvature of a normal prior added it is the
    start matrix of L-BFGS, new in every iteration. A pair has converged when the decrease that the
    quadratic model still predicts is below ``tolerance`` times the energy (plain geodesic) or times what the
    regulariser has changed against the plain geodesic; neither depends on additive constants of the nll. Pairs that
    have stopped leave the batch.

    Attributes:
        tolerance: relative decrease below which a pair has converged.
        max_iterations: limit of iterations.
        memory: number of iterations that L-BFGS remembers.

    Raises:
        ValueError: if a setting is negative.
    """

    tolerance: float = 1e-7
    max_iterations: int = 300
    memory: int = 12

    def __post_init__(self) -> None:
        for setting in fields(self):
            if not getattr(self, setting.name) >= 0:
                raise ValueError(f"{setting.name} is {getattr(self, setting.name)}; pass zero or a positive number.")

    def solve(self, objective: PathObjective, start: Tensor, reference: Tensor | None = None) -> Solution:
        """Paths that minimise the objective, from start curves with the same ends.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser.
        """
        first = objective.trial(start)
        z, status = start.detach().clone(), np.full(len(start), Status.ITERATIONS, dtype=object)
        iterations = torch.zeros(len(start), dtype=torch.long, device=z.device)
        history = [first.value]
        status[(~first.value.isfinite()).cpu().numpy()] = Status.NOT_FINITE
        status[(first.value == -torch.inf).cpu().numpy()] = Status.UNBOUNDED
        rows = first.value.isfinite().nonzero().squeeze(-1)  # the pairs at work, as indices into the whole batch
        if len(rows) == 0:
            return Solution(z, iterations, status, first.value[:, None])
        state = _State(first.value[rows], first.energy[rows], first.rounding()[rows], first.derivatives(rows))
        del first  # and with it the graph of the whole batch
        pairs = CurvaturePairs(self.memory)
        stuck = torch.zeros_like(rows, dtype=torch.bool)
        can_collapse = objective.mu > 0.0 and objective.manifold.noise == 0.0
        floor = COLLAPSE * _eigenvalues(state.derivatives)[0] if can_collapse else torch.zeros_like(state.value)

        for iteration in range(self.max_iterations + 1):
            finite = state.derivatives.are_finite()
            if not finite.all():
                status[rows[~finite].cpu().numpy()] = Status.NOT_FINITE
                rows, floor, stuck, state = rows[finite], floor[finite], stuck[finite], state.select(finite)
                pairs.select(finite)
            step = self._direction(objective.select(rows), z, state.derivatives, pairs)
            slope = (step * state.derivatives.gradient).sum((-2, -1))
            predicted = -0.5 * slope
            scale = state.energy
            if reference is not None:
                gained = (reference[rows] - state.value).abs() + 1e-9 * state.energy
                scale = torch.where(reference[rows].isfinite(), gained, scale)
            converged = predicted <= self.tolerance * scale
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
            going = ~(converged | exhausted | at_limit)
            if not going.any():
                break

            rows, floor, step, slope, state = rows[going], floor[going], step[going], slope[going], state.select(going)
            pairs.select(going)
            iterations[rows] += 1
            before = state.derivatives.gradient.clone()
            length = _line_search(objective.select(rows), z[rows], step, slope, state)
            advance = length[:, None, None] * step
            z[rows, 1:-1] += advance.to(z.dtype)
            failed = length == 0.0
            stuck = failed & pairs.is_empty(len(rows), z.device)
            pairs.append(advance.flatten(1), (state.derivatives.gradient - before).flatten(1))
            pairs.forget(failed)  # try again with Gauss-Newton alone before giving up
            history.append(history[-1].clone())
            history[-1][rows] = state.value
        return Solution(z, iterations, status, torch.stack(history, dim=1))

    @staticmethod
    def _direction(objective: PathObjective, like: Tensor, derivatives: Derivatives, pairs: CurvaturePairs) -> Tensor:
        """Quasi-Newton direction ``(R, K-2, d)``."""
        diagonal = derivatives.diagonal
        precision = objective.manifold.prior_precision(like).double()
        prior = (objective.mu * objective.interval / (diagonal.shape[1] + 1))[:, None, None] * precision  # R x 1 x d
        mean = diagonal.diagonal(dim1=-2, dim2=-1).mean((-2, -1))
        damping = DAMPING * mean + torch.finfo(mean.dtype).tiny
        matrix = BlockTridiagonal(diagonal + torch.diag_embed(prior + damping[:, None, None]), derivatives.upper)

        def precondition(q: Tensor) -> Tensor:
            return matrix.solve(q.view_as(derivatives.gradient)).flatten(1)

        return pairs.direction(derivatives.gradient.flatten(1), precondition).view_as(derivatives.gradient)


@dataclass(frozen=True)
class _State:
    """Where the pairs at work are: value, energy and rounding ``(R,)``, and their derivatives."""

    value: Tensor
    energy: Tensor
    rounding: Tensor
    derivatives: Derivatives

    def select(self, rows: Tensor) -> _State:
        return _State(self.value[rows], self.energy[rows], self.rounding[rows], self.derivatives.select(rows))


def _eigenvalues(derivatives: Derivatives) -> tuple[Tensor, Tensor]:
    """Smallest and largest eigenvalue of the metric along each path, ``(R,)`` each."""
    eigenvalues = torch.linalg.eigvalsh(derivatives.metric)
    return eigenvalues[..., 0].amin(-1), eigenvalues[..., -1].amax(-1)


def _line_search(objective: PathObjective, z: Tensor, step: Tensor, slope: Tensor, state: _State) -> Tensor:
    """Backtrack every pair by itself until its objective has decreased enough.

    The state is overwritten by that of the points reached; a pair that finds no decrease keeps its own.

    Returns:
        step lengths ``(R,)``, zero where there was no decrease.
    """
    length = torch.ones_like(slope)
    pending = torch.arange(len(z), device=z.device)
    for _ in range(MAX_BACKTRACKS):
        points = z[pending].clone()
        points[:, 1:-1] += (length[pending, None, None] * step[pending]).to(z.dtype)
        trial = objective.select(pending).trial(points)
        predicted = length[pending] * slope[pending]
        excess = trial.value - state.value[pending]
        enough = trial.value.isfinite() & (excess <= SUFFICIENT_DECREASE * predicted + state.rounding[pending])
        if enough.any():
            accepted = pending[enough]
            state.value[accepted], state.energy[accepted] = trial.value[enough], trial.energy[enough]
            state.rounding[accepted] = trial.rounding()[enough]
            state.derivatives.put(accepted, trial.derivatives(enough.nonzero().squeeze(-1)))
        # The minimum of the parabola through both values and the slope, kept within a tenth and a half.
        shrink = (-0.5 * predicted / (excess - predicted)).nan_to_num(0.1).clamp(0.1, 0.5)
        length[pending] *= torch.where(enough, 1.0, shrink)
        pending = pending[~enough]
        if len(pending) == 0:
            break
    length[pending] = 0.0
    return length
