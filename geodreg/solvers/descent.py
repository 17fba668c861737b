"""Limited-memory quasi-Newton descent for a batch of pairs, each with its own step length and its own stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from geodreg.solvers.curvature_pairs import CurvaturePairs
from geodreg.solvers.line_search import line_search
from geodreg.solvers.protocol import Objective, Trial
from geodreg.solvers.solution import Solution, Status

__all__ = ["descend"]

PATIENCE = 10  # iterations without a decrease above rounding before a pair is given up
NEGLIGIBLE = 1e3  # times rounding: a predicted decrease below it may well be lost in rounding
COLLAPSE = 1e-2  # a metric whose smallest eigenvalue fell to this share of the start's has fallen into a well,
SINGULAR = 1e-8  # and so has one that has this condition number
FORGETTING = 0.9  # of the density's curvature, in one iteration


def descend(
    first: Trial,
    reference: Tensor | None,
    tolerance: float,
    limits: Tensor,
    history_size: int,
    on_stop: Callable[[int], object] | None = None,
    last_step: bool = False,
) -> Solution:
    """Paths from start curves that have been tried.

    The start matrix of L-BFGS is what the trials make of the Gauss-Newton matrix of the energy, with a multiple of the
    identity added at every point for the density: the largest curvature that the density's gradient has lately shown
    there along a step, forgotten slowly, and at least that of a normal prior.

    Args:
        first: the start curves of ``P`` pairs, tried.
        reference: objective of other paths, the plain geodesics as a rule, ``(P,)``, if there is a regulariser; a
            decrease is measured by what has been gained on it, and else by the energy.
        tolerance: predicted decrease, so measured, below which a pair has converged.
        limits: of the iterations of each pair, ``(P,)``.
        history_size: number of iterations that L-BFGS remembers.
        on_stop: called with the number of pairs that have just stopped.
        last_step: whether the step that shows that a pair has converged is still taken, if it lowers the objective;
            there is no gradient at its end.
    """
    objective, stopped_now = first.objective, on_stop or (lambda _: None)
    solution = Solution.at_start(first.z, first.value)
    z, status, history = solution.z, solution.status, [first.value]
    status[(~first.value.isfinite()).cpu().numpy()] = Status.NOT_FINITE
    status[(first.value == -torch.inf).cpu().numpy()] = Status.UNBOUNDED
    rows = first.value.isfinite().nonzero().squeeze(-1)  # the pairs at work, as indices into the whole batch
    stopped_now(len(z) - len(rows))
    if len(rows) == 0:
        return solution
    place = first.place(rows)
    first.release()
    pairs = CurvaturePairs(history_size)
    stuck = torch.zeros_like(rows, dtype=torch.bool)
    can_collapse = objective.mu > 0.0 and objective.manifold.noise == 0.0
    floor = COLLAPSE * place.extremes()[0] if can_collapse else torch.zeros_like(place.value)
    least = objective.mu * objective.manifold.prior_precision(z).double()  # of the density's curvature, d
    curvature = torch.zeros(place.gradient.shape[:2], dtype=torch.float64, device=z.device)

    for iteration in range(int(limits.max()) + 1):
        finite = place.are_finite()
        if not finite.all():
            status[rows[~finite].cpu().numpy()] = Status.NOT_FINITE
            stopped_now(int((~finite).sum()))
            rows, floor, stuck, curvature = rows[finite], floor[finite], stuck[finite], curvature[finite]
            place = place.select(finite.nonzero().squeeze(-1))
            pairs.select(finite)
            if len(rows) == 0:
                break
        step_length = objective.interval[rows] / (z.shape[1] - 1)
        density = torch.maximum(curvature.unsqueeze(-1), step_length[:, None, None] * least)  # R x K-2 x d
        step = pairs.direction(place.gradient.flatten(1), place.preconditioner(density)).view_as(place.gradient)
        slope = (step * place.gradient).sum((-2, -1))
        predicted = -0.5 * slope
        scale = place.energy
        if reference is not None:
            gained = (reference[rows] - place.value).abs() + 1e-9 * place.energy
            scale = torch.where(reference[rows].isfinite(), gained, scale)
        converged = (predicted <= tolerance * scale) & (predicted >= 0.0)
        if iteration >= PATIENCE:
            stuck = stuck | (history[-1 - PATIENCE][rows] - place.value <= place.rounding)
        exhausted = (stuck | (predicted <= place.rounding)) & ~converged
        at_limit = (limits[rows] <= iteration) & ~converged & ~exhausted
        stalled = exhausted & (predicted > NEGLIGIBLE * place.rounding)
        going = ~(converged | exhausted | at_limit)
        if not going.all():
            solution.gradient_norm[rows] = place.gradient.flatten(1).norm(dim=1)
            stopped_now(int((~going).sum()))
            collapsed = torch.zeros_like(stuck)
            if can_collapse and (exhausted | at_limit).any():
                smallest, largest = place.extremes()
                collapsed = (exhausted | at_limit) & ((smallest < floor) | (smallest < SINGULAR * largest))
            for stopped, reason in (
                (converged, Status.CONVERGED),
                (exhausted, Status.PRECISION),
                (stalled, Status.STALLED),
                (at_limit, Status.ITERATIONS),
                (collapsed, Status.UNBOUNDED),
            ):
                status[rows[stopped].cpu().numpy()] = reason
            if last_step and converged.any():
                reached = converged.nonzero().squeeze(-1)
                _take(objective, solution, rows[reached], step[reached], place.value[reached])
            if not going.any():
                break
            rows, floor, step, slope, curvature = (values[going] for values in (rows, floor, step, slope, curvature))
            place = place.select(going.nonzero().squeeze(-1))
            pairs.select(going)
        solution.iterations[rows] += 1
        before = place
        length, trials, place = line_search(objective.select(rows), z[rows], step, slope, before)
        solution.evaluations[rows] += trials
        advance = length[:, None, None] * step
        z[rows, 1:-1] += advance.to(z.dtype)
        failed = length == 0.0
        stuck = failed & pairs.is_empty(len(rows), z.device)
        pairs.append(advance.flatten(1), (place.gradient - before.gradient).flatten(1))
        pairs.forget(failed)  # try again with Gauss-Newton alone before giving up
        change = place.density_gradient - before.density_gradient
        shown = (advance * change).sum(-1) / advance.square().sum(-1)  # 0 / 0 where nothing moved
        curvature = torch.maximum(FORGETTING * curvature, shown.nan_to_num(0.0, 0.0, 0.0))
        history.append(history[-1].clone())
        history[-1][rows] = place.value
    return replace(solution, history=torch.stack(history, dim=1))


def _take(objective: Objective, solution: Solution, rows: Tensor, step: Tensor, value: Tensor) -> None:
    """Take a whole step on some pairs of a solution, where that lowers the objective."""
    points = solution.z[rows]
    points[:, 1:-1] += step.to(points.dtype)
    trial = objective.select(rows).trial(points)
    lower = trial.value < value
    solution.z[rows[lower]] = points[lower]
    solution.evaluations[rows] += 1
