"""The objective's gradient, its Gauss-Newton matrix, and the linear solver under it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from geodreg import LatentManifold
from geodreg.linear_algebra.block_tridiagonal import BlockTridiagonal
from geodreg.objectives.dense import PathObjective
from tests.generators import latents, random_decoder


def objective(mu: float, noise: float = 0.2, n_pairs: int = 2) -> PathObjective:
    manifold = LatentManifold(random_decoder([3, 10, 8], gain=1.5), noise=noise)
    return PathObjective(manifold, mu, torch.linspace(1.0, 2.0, n_pairs, dtype=torch.float64))


def paths(n_points: int = 6) -> Tensor:
    return latents(2 * n_points, 3, seed=0).reshape(2, n_points, 3)


@pytest.mark.parametrize("mu", [0.0, 0.1])
def test_gradient_passes_gradcheck(mu: float) -> None:
    problem, z = objective(mu), paths()

    class Objective(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, interior: Tensor) -> Tensor:
            whole = torch.cat([z[:, :1], interior, z[:, -1:]], dim=1)
            trial = problem.trial(whole)
            ctx.save_for_backward(trial.place(torch.arange(2)).gradient)
            return trial.value

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return upstream[:, None, None] * ctx.saved_tensors[0]

    assert torch.autograd.gradcheck(Objective.apply, (z[:, 1:-1].clone().requires_grad_(),), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("mu", [0.0, 0.1])
def test_gradient_is_the_limit_of_finite_differences(mu: float) -> None:
    problem, z = objective(mu), paths()
    direction = torch.zeros_like(z)
    direction[:, 1:-1] = latents(8, 3, seed=1).reshape(2, 4, 3)
    slope = (problem.trial(z).place(torch.arange(2)).gradient * direction[:, 1:-1]).sum((-2, -1))
    errors = []
    for step in (1e-2, 5e-3):
        difference = (problem.value(z + step * direction) - problem.value(z - step * direction)) / (2 * step)
        errors.append((difference - slope).abs())
    ratio = errors[0] / errors[1]
    assert ((ratio > 3.5) & (ratio < 4.5)).all()  # central differences: the error falls as the step squared


def test_derivatives_of_some_pairs_are_those_of_all() -> None:
    trial = objective(0.1).trial(paths())
    one = objective(0.1).trial(paths()).place(torch.tensor([1]))
    assert torch.allclose(one.gradient[0], trial.place(torch.arange(2)).gradient[1])


def test_gauss_newton_matrix_is_the_hessian_where_the_generator_is_linear() -> None:
    matrix = torch.randn(2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    problem = PathObjective(LatentManifold(lambda z: z @ matrix), 0.0, torch.tensor([1.3], dtype=torch.float64))
    z = latents(5, 2, seed=2)[None]

    def energy(interior: Tensor) -> Tensor:
        x = torch.cat([z[0, :1], interior.view(3, 2), z[0, -1:]]) @ matrix
        return x.diff(dim=0).square().sum() * 4 / (2 * 1.3)

    hessian = torch.autograd.functional.hessian(energy, z[0, 1:-1].flatten())
    derivatives = problem.trial(z).place(torch.tensor([0]))
    assert torch.allclose(_dense(derivatives.diagonal[0], derivatives.upper[0]), hessian)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 33])
def test_block_tridiagonal_solves_as_the_dense_matrix_does(n: int) -> None:
    chance = torch.Generator().manual_seed(n)
    upper = torch.randn(2, n - 1, 3, 3, generator=chance, dtype=torch.float64)
    root = torch.randn(2, n, 3, 3, generator=chance, dtype=torch.float64)
    diagonal = root @ root.mT + 8.0 * torch.eye(3)
    right = torch.randn(2, n, 3, generator=chance, dtype=torch.float64)
    solution = BlockTridiagonal(diagonal, upper).solve(right)
    for pair in range(2):
        expected = torch.linalg.solve(_dense(diagonal[pair], upper[pair]), right[pair].flatten())
        assert torch.allclose(solution[pair].flatten(), expected, atol=1e-10)


def _dense(diagonal: Tensor, upper: Tensor) -> Tensor:
    dense = torch.block_diag(*diagonal)
    d = diagonal.shape[-1]
    for k, block in enumerate(upper):
        dense[k * d : (k + 1) * d, (k + 1) * d : (k + 2) * d] = block
        dense[(k + 1) * d : (k + 2) * d, k * d : (k + 1) * d] = block.T
    return dense
