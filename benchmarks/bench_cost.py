"""What one evaluation of the objective and its gradient costs, and how near that is to the matrix products in it.

A solve that may take no iteration is one evaluation of the objective, its gradient and its Gauss-Newton matrix, and one
solution with that; it is what an iteration costs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from benchmarks.device import DEVICE, waiting
from benchmarks.problems import Problem, model_problem, random_problem, regularised_problem
from benchmarks.sizes import N_POINTS, SIZES
from geodreg import Newton

MU = 0.1
DIGIT_PAIRS = 16  # of the MNIST GAN, in the comparison with its matrix products
PAIRS_OF_PATHS = 4  # that the cost over the number of points is measured with
ROUNDS = 25  # of the two whose ratio is taken
SINGLE = torch.float32


def evaluate(problem: Problem) -> None:
    """One evaluation with its gradient, of all pairs."""
    Newton(max_iterations=0).solve(problem.objective, problem.line, problem.reference)


def measure(benchmark: Any, problem: Problem, axis: str, size: int) -> None:
    benchmark.pedantic(waiting(evaluate), args=(problem,), rounds=7, warmup_rounds=2)
    benchmark.extra_info.update(table="cost", axis=axis, size=size)


@pytest.mark.parametrize("size", SIZES.cost_pairs)
def bench_pairs(benchmark: Any, size: int) -> None:
    few = regularised_problem(model_problem("mnist-gan", min(size, DIGIT_PAIRS)), MU)
    measure(benchmark, few.select([row % few.n_pairs for row in range(size)]), "pairs", size)


@pytest.mark.parametrize("size", SIZES.cost_points)
def bench_points(benchmark: Any, size: int) -> None:
    problem = regularised_problem(model_problem("mnist-gan", PAIRS_OF_PATHS), MU, n_points=size)
    measure(benchmark, problem, "points", size)


@pytest.mark.parametrize("size", SIZES.cost_latents)
def bench_latents(benchmark: Any, size: int) -> None:
    problem = regularised_problem(random_problem((size, 256, 256, 784), 1.2, 0), MU)
    measure(benchmark, problem, "latents", size)


@pytest.mark.parametrize("what", ["evaluation", "products"])
def bench_machine(benchmark: Any, what: str) -> None:
    """One evaluation on the MNIST generator, and the matrix products of its tangents alone."""
    problem = regularised_problem(model_problem("mnist-gan", DIGIT_PAIRS), MU)
    layers = [module for module in problem.manifold.generator.modules() if isinstance(module, torch.nn.Linear)]  # type: ignore[attr-defined]
    widths = [layers[0].in_features, *(layer.out_features for layer in layers)]
    d = widths[0]
    rows = problem.n_pairs * (N_POINTS - 2) * d
    forward = rows * sum(a * b for a, b in pairwise(widths))
    if what == "evaluation":
        benchmark.pedantic(waiting(evaluate), args=(problem,), rounds=ROUNDS, warmup_rounds=2)
        multiply_adds = 3 * forward  # the tangents forward, and twice that in reverse
    else:
        weights = [torch.randn(a, b, device=DEVICE) for a, b in pairwise(widths)]
        inputs = [torch.randn(rows, a, device=DEVICE) for a in widths[:-1]]

        def products() -> None:
            for left, right in zip(inputs, weights, strict=True):
                torch.mm(left, right)

        benchmark.pedantic(waiting(products), rounds=ROUNDS, warmup_rounds=2)
        multiply_adds = forward
    benchmark.extra_info.update(
        table="machine",
        what=what,
        pairs=problem.n_pairs,
        widths="-".join(map(str, widths)),
        multiply_adds=multiply_adds,
    )
