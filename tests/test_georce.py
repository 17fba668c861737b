"""GEORCE, as the benchmark has it, against closed forms and against another minimiser of the same left-point sums."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from benchmarks.georce import Georce, ProbGeorce, _place, _points
from benchmarks.problems import Problem, plain_problem, random_problem, regularised_problem
from geodreg import LatentManifold

SIZES = (2, 16, 8)
SOLVERS = pytest.mark.parametrize(("solver", "mu"), [(Georce(), 0.0), (ProbGeorce(), 0.1)], ids=["plain", "density"])


def problem(mu: float, n_pairs: int = 2, gain: float = 1.2) -> Problem:
    plain = random_problem(SIZES, gain, seed=0, n_pairs=n_pairs)
    return regularised_problem(plain, mu) if mu else plain


def left_point(given: Problem, interior: Tensor) -> Tensor:
    """The left-point objective of one pair, from the full Jacobian of each point."""
    z = torch.cat([given.start, interior, given.end])
    step = given.interval[0] / (given.n_points - 1)
    total = torch.zeros((), dtype=torch.float64)
    for index, (here, there) in enumerate(pairwise(z)):
        jacobian = torch.func.jacrev(lambda point: given.manifold.generator(point[None])[0])(here)
        total = total + (jacobian @ (there - here)).square().sum() / (2 * step)
        if index > 0 and given.mu > 0.0:
            total = total + given.mu * step * given.manifold.nll(here)
    return total


@SOLVERS
@pytest.mark.slow
def test_it_minimises_the_left_point_sum(solver: Georce, mu: float) -> None:
    plain = replace(random_problem(SIZES, 1.2, seed=0), n_points=17)
    given = regularised_problem(plain, mu, n_points=17) if mu else plain
    run = solver.solve(given)
    assert run.converged == [True]

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        interior = torch.from_numpy(flat).view(-1, 2).requires_grad_()
        value = left_point(given, interior)
        (gradient,) = torch.autograd.grad(value, interior)
        return value.item(), gradient.numpy().ravel()

    start = run.z[0, 1:-1].numpy().ravel()
    ours, gradient = value_and_gradient(start)
    assert run.own[0][-1] == pytest.approx(ours, rel=1e-9)
    assert np.abs(gradient).max() < 1e-3
    found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9})
    assert ours == pytest.approx(found.fun, rel=1e-6)


@SOLVERS
def test_its_own_value_falls_and_pairs_do_not_touch_each_other(solver: Georce, mu: float) -> None:
    given = problem(mu, n_pairs=3)
    run = solver.solve(given)
    for index in range(3):
        assert (np.diff(run.own[index]) <= 0.0).all()
        alone = solver.solve(given.pair(index))
        torch.testing.assert_close(run.z[index], alone.z[0], rtol=1e-6, atol=1e-6)
        assert run.traces[index][-1] == pytest.approx(given.objective.value(run.z)[index].item(), rel=1e-9)
        assert len(run.clock[index]) == len(run.traces[index])


@SOLVERS
def test_a_run_cut_at_an_iteration_is_where_the_recorded_one_was(solver: Georce, mu: float) -> None:
    given = problem(mu)
    recorded = solver.solve(given)
    for limit in (0, 1, 3):
        cut = given.objective.value(solver.solve(given, [limit, limit]).z).tolist()
        assert cut == pytest.approx([trace[min(limit, len(trace) - 1)] for trace in recorded.traces], rel=1e-9)


def test_controls_lead_from_endpoint_to_endpoint() -> None:
    given = problem(0.0)
    place = _place(given, given.line.diff(dim=1))
    controls = place.controls()
    torch.testing.assert_close(controls.sum(1), given.end - given.start)
    assert torch.equal(_points(given, controls)[:, -1], given.end)


def test_on_a_linear_generator_one_step_is_the_straight_line() -> None:
    generator = torch.nn.Linear(3, 5, bias=False, dtype=torch.float64).requires_grad_(False)
    z = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = plain_problem("linear", 0.0, LatentManifold(generator), z[0], z[1])
    bent = plain.line.clone()
    bent[:, 1:-1] += torch.randn(bent[:, 1:-1].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    run = Georce().solve(replace(plain, curve=bent), [1, 1])
    torch.testing.assert_close(run.z, plain.line)
