"""The descent step by step: its state, its memory, and what the pairs of a batch have to do with each other."""

import math
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from geodreg import LatentManifold, MatrixFree
from geodreg.geometry.curve import straight
from geodreg.objectives.dense import PathObjective
from geodreg.objectives.fixed_metric import FixedMetricObjective
from geodreg.objectives.matrix_free import MatrixFreeObjective
from geodreg.objectives.mean_metric import MeanMetric
from geodreg.solvers.curvature_pairs import CurvaturePairs
from geodreg.solvers.density_curvature import FORGETTING, DensityCurvature
from geodreg.solvers.descent import RELEASE, descend, quasi_newton, start_matrix, updated
from geodreg.solvers.descent_state import DescentState
from geodreg.solvers.line_search import Reached, line_search
from geodreg.solvers.protocol import Trial
from geodreg.solvers.solution import Solution, Status
from geodreg.solvers.stopping import Rest, stopping_tests
from tests.generators import latents, random_decoder

N_PAIRS, N_POINTS, D = 5, 7, 3
LINES = straight(latents(N_PAIRS, D, 0), latents(N_PAIRS, D, 1), N_POINTS)
INTERVAL = torch.linspace(2.0, 6.0, N_PAIRS, dtype=torch.float64)


def tried(mu: float, kind: str = "dense", noise: float = 0.2) -> Trial:
    manifold = LatentManifold(random_decoder([D, 32, 32, 20], gain=2.0), noise=noise)
    objective = PathObjective(manifold, mu, INTERVAL)
    if kind == "dense":
        return objective.trial(LINES)
    if kind == "mean metric":
        metric = MeanMetric.exact(manifold, LINES[:, [0, -1]])
        return FixedMetricObjective.of(objective, LINES, metric, n_rows=8, keep=True).trial(LINES)
    solver = MatrixFree(n_probes=3)
    return MatrixFreeObjective.of(objective, solver.view(manifold), LINES, solver.history_size)[0].trial(LINES)


def begun(first: Trial, history_size: int = 4) -> DescentState:
    reference = first.value + torch.arange(1.0, N_PAIRS + 1)
    return DescentState.at_start(first, torch.arange(N_PAIRS), reference, torch.full((N_PAIRS,), 50), history_size)


def iterated(state: DescentState, n: int) -> DescentState:
    for _ in range(n):
        direction = quasi_newton(state)
        reached = line_search(state.objective, state.z, direction.step, direction.slope, state.place)
        state = updated(state, direction, reached)
    return state


def assert_same_pairs(one: Solution, other: Solution) -> None:
    """Equal to rounding, with one history as long as it need be."""
    n = one.history.shape[1]
    assert list(one.status) == list(other.status)
    assert torch.equal(one.iterations, other.iterations)
    assert torch.equal(one.evaluations, other.evaluations)
    assert torch.allclose(one.z, other.z, atol=1e-7, equal_nan=True)
    assert torch.allclose(one.gradient_norm, other.gradient_norm, rtol=1e-2, atol=1e-7, equal_nan=True)
    assert torch.allclose(one.history, other.history[:, :n], rtol=1e-9, equal_nan=True)
    assert torch.equal(other.history[:, n:].isnan(), one.history[:, -1:].isnan().expand(-1, other.history.shape[1] - n))


@pytest.mark.parametrize(("mu", "kind"), [(0.0, "dense"), (0.1, "dense"), (0.0, "mean metric"), (0.1, "matrix-free")])
def test_pairs_selected_on_the_way_go_on_as_if_nobody_had_left(mu: float, kind: str) -> None:
    rows = torch.tensor([4, 0, 2])  # neither the first ones nor in their order
    halfway = iterated(begun(tried(mu, kind)), 2)
    some, all_of_them = iterated(halfway.select(rows), 2), iterated(halfway, 2)
    assert torch.equal(some.rows, rows)
    assert (all_of_them.history[:, -1] < halfway.history[:, -1]).all()
    assert torch.allclose(some.z, all_of_them.z[rows], atol=1e-9)
    assert torch.allclose(some.history, all_of_them.history[rows], rtol=1e-10)
    for field in fields(DescentState):
        value, expected = getattr(some, field.name), getattr(all_of_them, field.name)
        if isinstance(value, Tensor):
            assert torch.allclose(value, expected[rows], rtol=1e-6, atol=1e-9), field.name
    assert torch.allclose(some.memory.weights, all_of_them.memory.weights[rows], rtol=1e-6)
    assert torch.allclose(some.density.diagonal(), all_of_them.density.diagonal()[rows], rtol=1e-6)
    assert torch.equal(some.objective.interval, INTERVAL[rows])


@pytest.mark.parametrize("mu", [0.0, 0.1])
def test_each_pair_of_a_batch_is_solved_as_if_alone_up_to_its_own_limit(mu: float) -> None:
    limits = torch.tensor([50, 3, 0, 50, 1])
    stopped: list[int] = []
    first = tried(mu)
    batch = descend(first, None, Rest(1e-6), limits, 10, stopped.append)
    assert sum(stopped) == N_PAIRS
    assert (batch.iterations <= limits).all()
    assert {Status.CONVERGED, Status.ITERATIONS} <= set(batch.status)
    for pair in torch.arange(N_PAIRS).split(1):
        alone = descend(first.objective.select(pair).trial(LINES[pair]), None, Rest(1e-6), limits[pair], 10)
        assert_same_pairs(alone, batch.select(pair))


def test_a_pair_that_loses_its_derivatives_on_the_way_leaves_alone() -> None:
    def wall(z: Tensor) -> Tensor:  # a hill that pushes up, into a region of finite values without derivatives
        hill = 2.0 * torch.exp(-4.0 * (z[:, :1] ** 2 + (z[:, 1:] + 0.3) ** 2))
        return torch.cat([z, hill, 0.1 * (0.25 - z[:, 1:]).clamp_min(0.0).sqrt()], dim=-1)

    start = torch.tensor([[-1.0, 0.0], [-1.0, -1.5], [math.nan, 0.0], [-0.7, -2.0]], dtype=torch.float64)
    lines = straight(start, start * torch.tensor([-1.0, 1.0]), 12)
    objective = PathObjective(LatentManifold(wall), 0.0, torch.ones(4, dtype=torch.float64))
    batch = descend(objective.trial(lines), None, Rest(1e-9), torch.full((4,), 50), 10)
    assert list(batch.status) == [Status.NOT_FINITE, Status.CONVERGED, Status.NOT_FINITE, Status.CONVERGED]
    assert batch.iterations[0] > 0
    assert batch.iterations[2] == 0
    for pair in torch.arange(4).split(1):
        alone = descend(objective.select(pair).trial(lines[pair]), None, Rest(1e-9), torch.full((1,), 50), 10)
        assert_same_pairs(alone, batch.select(pair))


def test_a_last_step_is_taken_by_those_that_converge_and_lowers_their_objective() -> None:
    first, limits = tried(0.1), torch.tensor([50, 50, 0, 50, 1])
    without = descend(first, None, Rest(1e-2), limits, 10)
    first = tried(0.1)
    taken = descend(first, None, Rest(1e-2), limits, 10, last_step=True)
    converged = torch.tensor([status == Status.CONVERGED for status in without.status])
    assert 0 < converged.sum() < N_PAIRS
    assert list(taken.status) == list(without.status)
    assert torch.equal(taken.evaluations, without.evaluations + converged)
    assert torch.equal(taken.z[~converged], without.z[~converged])
    before, after = (first.objective.trial(solution.z).value for solution in (without, taken))
    assert (after[converged] < before[converged]).all()


def test_what_has_converged_is_so_at_the_limit_too_and_the_others_are_not() -> None:
    matrix = torch.randn(2, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lines = straight(torch.zeros(2, 2, dtype=torch.float64), torch.ones(2, 2, dtype=torch.float64), 7)
    lines[1, 3] += 0.5
    objective = PathObjective(LatentManifold(lambda z: z @ matrix), 0.0, torch.ones(2, dtype=torch.float64))
    state = DescentState.at_start(objective.trial(lines), torch.arange(2), None, torch.zeros(2), 4)
    direction = quasi_newton(state)
    stops = stopping_tests(state, direction, Rest(1e-8))
    assert stops.converged.tolist() == [True, False]
    assert stops.at_limit.tolist() == [False, True]
    assert not stops.going.any()
    # A quadratic energy: the model's predicted decrease is what the whole step brings.
    reached = line_search(objective, lines, direction.step, direction.slope, state.place)
    assert (state.place.value - reached.place.value)[1].item() == pytest.approx(direction.predicted[1].item(), rel=1e-6)


def test_decreases_are_measured_by_what_was_gained_on_the_reference() -> None:
    first = tried(0.1)
    rows, limits = torch.arange(N_PAIRS), torch.full((N_PAIRS,), 50)
    by_energy = DescentState.at_start(first, rows, None, limits, 4)
    direction = quasi_newton(by_energy)
    fraction = (direction.predicted / by_energy.place.energy).amax().item()
    assert stopping_tests(by_energy, direction, Rest(1.001 * fraction)).converged.all()
    little = by_energy.place.value + 1e-3 * by_energy.place.energy
    little[0] = math.inf  # no reference to measure by
    state = DescentState.at_start(tried(0.1), rows, little, limits, 4)
    assert stopping_tests(state, direction, Rest(1.001 * fraction)).converged.tolist() == [
        True,
        *[False] * (N_PAIRS - 1),
    ]


def test_a_pair_whose_line_search_fails_is_tried_without_memory_before_it_is_stuck() -> None:
    state = iterated(begun(tried(0.1)), 2)
    failed = torch.tensor([True, False, False, True, False])
    for stuck in (torch.zeros_like(failed), failed):
        direction = quasi_newton(state)
        reached = line_search(state.objective, state.z, direction.step, direction.slope, state.place)
        length = reached.length.masked_fill(failed, 0.0)
        rows = torch.arange(N_PAIRS)
        place = type(state.place).joined(
            [state.place.select(rows[failed]), reached.place.select(rows[~failed])],
            torch.cat([rows[failed], rows[~failed]]).argsort(),
        )
        after = updated(state, direction, Reached(length, reached.trials, place))
        assert torch.equal(after.z[failed], state.z[failed])
        assert torch.equal(after.memory.are_empty(), failed)
        assert torch.equal(after.stuck, stuck)
        state = after
    direction = quasi_newton(state)
    assert torch.equal(stopping_tests(state, direction, Rest(0.0)).exhausted, failed)
    gauss_newton = -start_matrix(state)(state.place.gradient.flatten(1)).view_as(direction.step)
    assert torch.equal(direction.step[failed], gauss_newton[failed])


def quadratic(n: int, m: int, seed: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Positive definite matrices ``(n, m, m)``, and products with a diagonal start matrix."""
    root = torch.randn(n, m, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.mT + torch.eye(m), lambda q: q / torch.arange(1.0, m + 1.0)


@pytest.mark.parametrize("limit", [1, 3])
def test_the_memory_maps_the_last_change_of_gradient_to_its_step(limit: int) -> None:
    matrices, precondition = quadratic(4, 6, seed=0)
    memory = CurvaturePairs.none(4, limit, torch.device("cpu"))
    for seed in range(5):
        step = latents(4, 6, seed)
        change = (matrices @ step.unsqueeze(-1)).squeeze(-1)
        memory = memory.appended(step, change)
    assert len(memory.steps) == len(memory.changes) == memory.weights.shape[1] == limit
    assert torch.allclose(memory.direction(change, precondition), -step)
    alone = CurvaturePairs.none(4, 9, torch.device("cpu")).appended(step, change)
    gradient = latents(4, 6, 9)
    same = torch.allclose(memory.direction(gradient, precondition), alone.direction(gradient, precondition))
    assert same is (limit == 1)  # the others are forgotten, or not


def test_a_memory_without_room_or_use_leaves_the_start_matrix() -> None:
    matrices, precondition = quadratic(3, 6, seed=0)
    step, gradient = latents(3, 6, 1), latents(3, 6, 2)
    change = (matrices @ step.unsqueeze(-1)).squeeze(-1)
    change[1] *= -1.0  # negative curvature
    memory = CurvaturePairs.none(3, 5, torch.device("cpu"))
    assert memory.are_empty().all()
    memory = memory.appended(step, change)
    assert memory.are_empty().tolist() == [False, True, False]
    memory = memory.forgotten(torch.tensor([False, False, True]))
    assert memory.are_empty().tolist() == [False, True, True]
    direction, plain = memory.direction(gradient, precondition), -precondition(gradient)
    assert torch.equal(direction[1:], plain[1:])
    assert (direction[0] - plain[0]).norm() > 1e-3
    none = CurvaturePairs.none(3, 0, torch.device("cpu")).appended(step, change)
    assert torch.equal(none.direction(gradient, precondition), plain)


def test_the_densitys_curvature_is_the_largest_shown_slowly_forgotten_and_at_least_the_priors() -> None:
    prior = torch.distributions.Normal(0.0, torch.tensor([1.0, 2.0], dtype=torch.float64))
    objective = PathObjective(LatentManifold(lambda z: z, prior), 0.5, torch.tensor([2.0, 4.0], dtype=torch.float64))
    density = DensityCurvature.at_start(objective, torch.zeros(2, 5, 2, dtype=torch.float64))
    least = 0.5 * torch.tensor([[0.5], [1.0]], dtype=torch.float64) * torch.tensor([1.0, 0.25])  # mu dt / scale^2
    assert torch.allclose(density.diagonal(), least[:, None].expand(2, 3, 2))
    step = latents(6, 2, 0).view(2, 3, 2)
    step[0, 0] = 0.0  # did not move: nothing is shown, nothing lost
    density = density.after(step, 7.0 * step).after(step, 2.0 * step)
    expected = torch.full((2, 3), 7.0 * FORGETTING, dtype=torch.float64)
    expected[0, 0] = 0.0
    assert torch.allclose(density.shown, expected)
    assert torch.allclose(density.diagonal()[0, 0], least[0])
    assert torch.allclose(density.after(step, 9.0 * step).shown[1], torch.tensor(9.0, dtype=torch.float64))
    assert (density.after(step, -step).shown >= 0.0).all()


@pytest.mark.parametrize("kind", ["dense", "mean metric"])
def test_a_step_that_was_cut_to_a_tenth_or_less_is_damped_and_a_whole_one_lets_go(kind: str) -> None:
    state = begun(tried(0.0, kind))
    direction = quasi_newton(state)
    lengths = torch.tensor([1.0, 0.5, 0.1, 0.02, 0.0], dtype=torch.float64)
    reached = Reached(lengths, torch.ones_like(lengths), state.place)
    damping = updated(state, direction, reached).damping
    curvature = -direction.slope / direction.step.square().sum((-2, -1))
    expected = torch.tensor([0.0, 0.0, 10.0, 50.0, 0.0], dtype=torch.float64) * curvature
    assert torch.allclose(damping, expected if kind == "dense" else torch.zeros_like(expected))
    again = updated(replace(state, damping=expected), direction, replace(reached, length=torch.ones_like(lengths)))
    assert torch.allclose(again.damping, (RELEASE if kind == "dense" else 1.0) * expected)


def test_damping_shortens_steps_and_is_not_taken_for_rest() -> None:
    state = begun(tried(0.0))
    free = quasi_newton(state)
    strength = 30.0 * -free.slope / free.step.square().sum((-2, -1))
    damped = quasi_newton(replace(state, damping=strength))
    assert (damped.step.flatten(1).norm(dim=1) < 0.5 * free.step.flatten(1).norm(dim=1)).all()
    assert (damped.slope < 0.0).all()
    assert (damped.predicted > -0.5 * damped.slope).all()  # what the step itself gains says less
    # The most that the model without damping gains along the step: no more than along its own.
    gauss_newton = damped.held * -damped.slope / strength
    assert torch.allclose(gauss_newton, damped.step.square().sum((-2, -1)))
    assert (damped.predicted <= free.predicted * (1.0 + 1e-9)).all()
