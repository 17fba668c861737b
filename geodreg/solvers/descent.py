"""Limited-memory quasi-Newton descent for a batch of pairs, each with its own step length and its own stop.

Start here to read the default solver. An iteration takes one state to the next: :func:`quasi_newton` says where to go,
:func:`~geodreg.solvers.stopping.stopping_tests` which pairs need not go there,
:func:`~geodreg.solvers.line_search.line_search` how far the others go, and :func:`updated` what is known afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from geodreg.solvers.descent_state import DescentState, Direction
from geodreg.solvers.line_search import Reached, line_search, moved
from geodreg.solvers.per_pair import indices
from geodreg.solvers.protocol import Trial
from geodreg.solvers.solution import Solution, Status
from geodreg.solvers.stopping import Rest, Stops, reasons, stopping_tests

__all__ = ["descend", "quasi_newton", "start_matrix", "updated"]

GROWTH = 1.5  # of the fraction of a step that is tried, in one iteration
TOO_FAR = 0.1  # fraction of a step; one that is cut to this or less is taken to have gone where there is no curvature
RELEASE = 0.3  # of the damping, in one iteration
SHORTEST = 1e-6  # fraction of a step that decides on the damping; a shorter one asks for no more
MOST_HELD = 0.999  # fraction of the curvature


def descend(
    first: Trial,
    reference: Tensor | None,
    rest: Rest,
    limits: Tensor,
    history_size: int,
    on_stop: Callable[[int], object] | None = None,
    last_step: bool = False,
) -> Solution:
    """Paths from start curves that have been tried.

    Args:
        first: the start curves of ``P`` pairs, tried.
        reference: objective of other paths, the plain geodesics as a rule, ``(P,)``, if there is a regulariser; a
            decrease is measured by what has been gained on it, and else by the energy.
        rest: when a pair has come to rest, by decreases so measured.
        limits: of the iterations of each pair, ``(P,)``.
        history_size: number of iterations that L-BFGS remembers.
        on_stop: called with the number of pairs that have just stopped.
        last_step: whether the step that shows that a pair has converged is still taken, if it lowers the objective;
            there is no gradient at its end.
    """
    rows, solutions = [], []
    for leaving, solution in _departures(first, reference, rest, limits, history_size, last_step):
        rows.append(leaving)
        solutions.append(solution)
        if on_stop is not None:
            on_stop(len(leaving))
    return Solution.joined(solutions).select(torch.cat(rows).argsort())


def _departures(
    first: Trial, reference: Tensor | None, rest: Rest, limits: Tensor, history_size: int, last_step: bool
) -> Iterator[tuple[Tensor, Solution]]:
    """The descent itself: pairs as they leave, by their indices in the whole batch, and what they have come to."""
    yield _not_begun(first)
    begun = indices(first.value.isfinite())
    if len(begun) == 0:
        return
    state = DescentState.at_start(first, begun, reference, limits, history_size)
    first.release()
    while len(state) > 0:
        finite = state.place.are_finite()
        if not finite.all():
            yield _broken(state, indices(~finite))
            state = state.select(indices(finite))
            continue
        direction = quasi_newton(state)
        stops = stopping_tests(state, direction, rest)
        going = indices(stops.going)
        if len(going) < len(state):
            yield _stopped(state, direction, stops, last_step)
            if len(going) == 0:
                return
            state, direction = state.select(going), direction.select(going)
        reached = line_search(state.objective, state.z, direction.step, direction.slope, state.place, state.first)
        state = updated(state, direction, reached)
        del reached  # or its place would stay in memory when pairs leave


def quasi_newton(state: DescentState) -> Direction:
    """Direction of L-BFGS, from the start matrix of these pairs."""
    gradient = state.place.gradient
    step = state.memory.direction(gradient.flatten(1), start_matrix(state)).view_as(gradient)
    slope = (step * gradient).sum((-2, -1))
    held = (-state.damping * step.square().sum((-2, -1)) / slope).nan_to_num(0.0, 0.0, 0.0)
    return Direction(step, slope, held.clamp(0.0, MOST_HELD))


def start_matrix(state: DescentState) -> Callable[[Tensor], Tensor]:
    """Product with the start matrix of L-BFGS, of ``(R, (K-2) d)``; here is where it is chosen.

    It is what the place makes of the inverse Gauss-Newton matrix of the energy where these pairs are, with the
    curvature of the density and the damping added on the diagonal.
    """
    return state.place.preconditioner(state.density.diagonal() + state.damping[:, None, None])


def updated(state: DescentState, direction: Direction, reached: Reached) -> DescentState:
    """The state after one more iteration.

    Where the line search has failed the memory of L-BFGS is emptied: the next step is that of the start matrix alone,
    and when that one fails too the pair is stuck.
    """
    before, after, failed = state.place, reached.place, reached.length == 0.0
    advance = reached.length[:, None, None] * direction.step
    change = (after.gradient - before.gradient).flatten(1)
    return replace(
        state,
        z=moved(state.z, advance),
        place=after,
        memory=state.memory.appended(advance.flatten(1), change).forgotten(failed),
        density=state.density.after(advance, after.density_gradient - before.density_gradient),
        damping=_damping(state, direction, reached),
        first=_first_fraction(state, reached),
        stuck=failed & state.memory.are_empty(),
        evaluations=state.evaluations + reached.trials,
        history=torch.cat([state.history, after.value[:, None]], dim=1),
    )


def _damping(state: DescentState, direction: Direction, reached: Reached) -> Tensor:
    """Multiple of the identity that is added to the next start matrix, ``(R,)``, after Levenberg and Marquardt.

    Where the data do not change along a direction, as with latents that are normalised first, the Gauss-Newton matrix
    is singular there, and as that direction turns from iteration to iteration the memory of L-BFGS sends steps along it
    much too far. The curvature of the model along such a step, over the fraction that the line search left of it, is
    what would have made it that short. It is forgotten again while steps are not cut, and kept where a search failed.
    """
    if state.objective.cuts_steps:
        return state.damping
    failed, was_cut = reached.length == 0.0, reached.length <= TOO_FAR
    curvature = -direction.slope / direction.step.square().sum((-2, -1))
    needed = torch.maximum(curvature / reached.length.clamp(min=SHORTEST), state.damping)
    kept = torch.where(failed, state.damping, RELEASE * state.damping)
    return torch.where(was_cut & ~failed, needed, kept)


def _first_fraction(state: DescentState, reached: Reached) -> Tensor:
    """Fraction of its next step that each pair tries first, ``(R,)``.

    It is all of it, unless the metric is a mean one, as which many steps in a row have to be cut: then it is the
    fraction taken last, growing again.
    """
    if not state.objective.cuts_steps:
        return state.first
    was_cut = (reached.trials > 1) & (reached.length > 0.0)
    return torch.where(was_cut, reached.length, GROWTH * state.first).clamp(max=1.0)


def _not_begun(first: Trial) -> tuple[Tensor, Solution]:
    """Pairs whose objective is not finite on the start curve."""
    rows = indices(~first.value.isfinite())
    solution = Solution.at_start(first.z, first.value, Status.NOT_FINITE).select(rows)
    solution.status[(first.value[rows] == -torch.inf).cpu().numpy()] = Status.UNBOUNDED
    return rows, solution


def _broken(state: DescentState, leaving: Tensor) -> tuple[Tensor, Solution]:
    """Pairs that have come to a place without derivatives."""
    return state.rows[leaving], state.solution(leaving, np.full(len(leaving), Status.NOT_FINITE, dtype=object))


def _stopped(state: DescentState, direction: Direction, stops: Stops, last_step: bool) -> tuple[Tensor, Solution]:
    """Pairs that stop, those that have converged after their last step where it is asked for."""
    leaving, status = indices(~stops.going), reasons(state, direction, stops)
    if last_step and stops.converged.any():
        state = _with_last_step(state, direction, indices(stops.converged))
    return state.rows[leaving], state.solution(leaving, status[leaving.cpu().numpy()])


def _with_last_step(state: DescentState, direction: Direction, chosen: Tensor) -> DescentState:
    """The state with a whole step taken by the chosen pairs, by index, where that lowers their objective."""
    points = moved(state.z[chosen], direction.step[chosen])
    trial = state.objective.select(chosen).trial(points)
    lower = trial.value < state.place.value[chosen]
    return replace(
        state,
        z=state.z.index_copy(0, chosen[lower], points[lower]),
        evaluations=state.evaluations.index_add(0, chosen, torch.ones_like(trial.value)),
    )
