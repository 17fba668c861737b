"""The objective of the benchmark's solvers over time: it begins at the start, and ends where the solver does."""

import os
import subprocess
import sys

import pytest

from benchmarks.contenders import Adam, Contender, Lbfgs, Ours
from benchmarks.device import forget_peak, peak_mib
from benchmarks.georce import Georce, ProbGeorce
from benchmarks.problems import Problem, random_problem, regularised_problem
from benchmarks.trajectories import PROBLEMS, SOLVERS, competing, followed


def problem(mu: float) -> Problem:
    plain = random_problem((2, 16, 8), 1.5, seed=0)
    return regularised_problem(plain, mu) if mu else plain


@pytest.mark.parametrize(
    ("solver", "mu"),
    [(Ours(), 0.0), (Ours(), 0.1), (Lbfgs(), 0.0), (Lbfgs(), 0.1), (Adam(), 0.0), (Georce(), 0.0), (ProbGeorce(), 0.1)],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.slow
def test_it_begins_at_the_start_and_ends_where_the_solver_does(solver: Contender, mu: float) -> None:
    given = problem(mu)
    rows = followed(given, solver, budget=60.0)
    assert rows[0]["iterations"] == 0
    assert rows[0]["objective"] == pytest.approx(given.objective.value(given.line).item(), rel=1e-9)
    own = solver.solve(given, [rows[-1]["iterations"]]).z
    assert rows[-1]["objective"] == pytest.approx(given.objective.value(own).item(), rel=1e-6)
    iterations = [row["iterations"] for row in rows]
    assert iterations == sorted(set(iterations))
    assert all(row["seconds"] > 0.0 for row in rows[1:])


def test_ours_is_cut_later_and_later_until_it_is_at_rest() -> None:
    rows = followed(problem(0.0), Ours(), budget=60.0)
    assert [row["iterations"] for row in rows] == [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32][: len(rows)]
    values = [row["objective"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(rows) < 12


@pytest.mark.parametrize("solver", [Ours(), Lbfgs(), Georce()], ids=lambda solver: solver.name)
def test_a_budget_that_is_spent_ends_it(solver: Contender) -> None:
    few, all_of_it = (followed(problem(0.0), solver, budget) for budget in (0.0, 60.0))
    assert 1 <= len(few) <= 2 < len(all_of_it)
    assert not any(row["at_rest"] for row in few)
    assert all(row["at_rest"] for row in all_of_it)


def test_every_problem_has_solvers_that_are_there() -> None:
    for name in PROBLEMS:
        assert set(competing(name)) <= set(SOLVERS)
        assert {"geodreg", "L-BFGS (SciPy)"} <= set(competing(name, pair=1)) <= set(competing(name))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not forget a peak of memory")
def test_a_peak_of_memory_is_forgotten() -> None:
    block = bytearray(300 * 2**20)
    before = peak_mib()
    del block
    forget_peak()
    assert peak_mib() < before - 200


@pytest.mark.slow
def test_a_device_that_is_not_there_is_refused_in_a_sentence() -> None:
    command = [sys.executable, "-c", "import benchmarks.device"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"DEVICE": "cuda:99"})
    assert run.returncode == 1
    assert run.stderr.startswith("There is no device 'cuda:99' here; choose one of cpu")
    assert run.stderr.count("\n") == 1
