"""The default solver: limited-memory quasi-Newton, preconditioned by Gauss-Newton on the chord energy."""

from __future__ import annotations

from dataclasses import dataclass

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
DAMPING = 1e-8  # of the mean diagonal of the Gauss-Newton matrix; keeps it definite where the generator is flat
COLLAPSE = 1e-2  # a metric whose smallest eigenvalue fell to this share of the start's has fallen into a well


@dataclass(frozen=True)
class Newton:
    r"""Minimise the path objective of a batch of pairs, each with its own step length and its own stop.

    The Gauss-Newton matrix of the chord energy is block-tridiagonal, :math:`2 J_k^\top J_k / \Delta t` on the
    diagonal and :math:`-J_k^\top J_{k+1} / \Delta t` beside it. With the curvature of a standard normal prior added
    it is the start matrix of L-BFGS, new in every iteration. A pair has converged when the decrease that the
    quadratic model still predicts is below ``tolerance`` times the energy (plain geodesic) or times what the
    regulariser has changed against the plain geodesic; neither depends on additive constants of the nll. Pairs that
    have stopped leave the batch.

    Attributes:
        tolerance: relative decrease below which a pair has converged.
        max_iterations: limit of iterations.
        memory: number of iterations that L-BFGS remembers.
    """

    tolerance: float = 1e-7
    max_iterations: int = 300
    memory: int = 12

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
        finite = first.value.isfinite()
        status[~finite.cpu().numpy()] = Status.NOT_FINITE

        rows = finite.nonzero().squeeze(-1)  # the pairs at work, as indices into the whole batch
        if len(rows) == 0:
            return Solution(z, iterations, status, first.value[:, None])
        derivatives = first.derivatives(rows)
        value, energy = first.value[rows], first.energy[rows]
        del first  # and with it the graph of the whole batch
        floor = COLLAPSE * _smallest_eigenvalue(derivatives.metric)
        pairs = CurvaturePairs(self.memory)
        stuck = torch.zeros_like(rows, dtype=torch.bool)
        can_collapse = objective.mu > 0.0 and objective.manifold.noise == 0.0

        for iteration in range(self.max_iterations + 1):
            step = self._direction(objective.mu * objective.interval[rows], derivatives, pairs)
            slope = (step * derivatives.gradient).sum((-2, -1))
            scale = energy if reference is None else (reference[rows] - value).abs() + 1e-9 * energy
            rounding = torch.finfo(z.dtype).eps * (energy + (value - energy).abs())
            converged = -0.5 * slope <= self.tolerance * scale
            exhausted = (stuck | (-0.5 * slope <= rounding)) & ~converged
            at_limit = torch.full_like(stuck, iteration == self.max_iterations) & ~converged & ~exhausted
            collapsed = (exhausted | at_limit) & can_collapse & (_smallest_eigenvalue(derivatives.metric) < floor)
            for stopped, reason in (
                (converged, Status.CONVERGED),
                (exhausted, Status.PRECISION),
                (at_limit, Status.ITERATIONS),
                (collapsed, Status.UNBOUNDED),
            ):
                status[rows[stopped].cpu().numpy()] = reason
            going = ~(converged | exhausted | at_limit)
            if not going.any():
                break

            rows, value, energy, floor = rows[going], value[going], energy[going], floor[going]
            step, slope, derivatives = step[going], slope[going], derivatives.select(going)
            pairs.select(going)
            iterations[rows] += 1
            before = derivatives.gradient.clone()
            length = _line_search(
                objective.select(rows), z[rows], step, slope, value, energy, derivatives, rounding[going]
            )
            advance = length[:, None, None] * step
            z[rows, 1:-1] += advance.to(z.dtype)
            failed = length == 0.0
            stuck = failed & pairs.is_empty(len(rows), z.device)
            pairs.append(advance.flatten(1), (derivatives.gradient - before).flatten(1))
            pairs.forget(failed)  # try again with Gauss-Newton alone before giving up
            history.append(history[-1].clone())
            history[-1][rows] = value
        return Solution(z, iterations, status, torch.stack(history, dim=1))

    @staticmethod
    def _direction(weight: Tensor, derivatives: Derivatives, pairs: CurvaturePairs) -> Tensor:
        """Quasi-Newton direction ``(R, K-2, d)``; ``weight (R,)`` is mu times the interval."""
        diagonal = derivatives.diagonal
        mean = diagonal.diagonal(dim1=-2, dim2=-1).mean((-2, -1))
        shift = weight / (diagonal.shape[1] + 1) + DAMPING * mean + torch.finfo(mean.dtype).tiny
        identity = torch.eye(diagonal.shape[-1], dtype=diagonal.dtype, device=diagonal.device)
        matrix = BlockTridiagonal(diagonal + shift[:, None, None, None] * identity, derivatives.upper)

        def precondition(q: Tensor) -> Tensor:
            return matrix.solve(q.view_as(derivatives.gradient)).flatten(1)

        return pairs.direction(derivatives.gradient.flatten(1), precondition).view_as(derivatives.gradient)


def _smallest_eigenvalue(metric: Tensor) -> Tensor:
    return torch.linalg.eigvalsh(metric)[..., 0].amin(-1)


def _line_search(
    objective: PathObjective,
    z: Tensor,
    step: Tensor,
    slope: Tensor,
    value: Tensor,
    energy: Tensor,
    derivatives: Derivatives,
    rounding: Tensor,
) -> Tensor:
    """Backtrack every pair by itself until its objective has decreased enough.

    ``value``, ``energy`` and ``derivatives`` are overwritten by those of the points reached; a pair that finds no
    decrease keeps its own.

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
        excess = trial.value - value[pending]
        enough = trial.value.isfinite() & (excess <= SUFFICIENT_DECREASE * predicted + rounding[pending])
        if enough.any():
            accepted = pending[enough]
            value[accepted], energy[accepted] = trial.value[enough], trial.energy[enough]
            derivatives.put(accepted, trial.derivatives(enough.nonzero().squeeze(-1)))
        # The minimum of the parabola through both values and the slope, kept within a tenth and a half.
        shrink = (-0.5 * predicted / (excess - predicted)).nan_to_num(0.1).clamp(0.1, 0.5)
        length[pending] *= torch.where(enough, 1.0, shrink)
        pending = pending[~enough]
        if len(pending) == 0:
            break
    length[pending] = 0.0
    return length
