"""Paths without Jacobians: the estimated log-volume, its gradient, and the matrix-free solver."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from geodreg import (
    LatentManifold,
    MatrixFree,
    Newton,
    Status,
    interpolate,
    log_volume_estimate,
    log_volume_gradient_estimate,
)
from geodreg.derivatives.jacobian_products import GIB, Allocated, Linearization, bytes_of_row
from geodreg.geometry.metric_at import pushed_at, tangents_at_once
from geodreg.geometry.stochastic_volume import EXACT, MatrixFreeManifold, StochasticVolume
from geodreg.linear_algebra.conjugate_gradients import conjugate_gradients
from geodreg.linear_algebra.lanczos import lanczos, log_quadrature
from geodreg.objectives.dense import PathObjective
from geodreg.objectives.matrix_free import Batches
from tests.generators import latents, random_convolutional, random_decoder, sphere

D = 6


def model(noise: float = 0.3, d: int = D) -> LatentManifold:
    return LatentManifold(random_decoder([d, 24, 32, 20], gain=1.5), noise=noise)


def spectra(n: int, d: int) -> tuple[Tensor, Tensor]:
    """Symmetric matrices ``(n, d, d)`` with eigenvalues from 0.01 to 10, and vectors ``(n, d)``."""
    chance = torch.Generator().manual_seed(0)
    frame, _ = torch.linalg.qr(torch.randn(n, d, d, generator=chance, dtype=torch.float64))
    eigenvalues = torch.logspace(-2, 1, d, dtype=torch.float64)
    return frame @ torch.diag(eigenvalues) @ frame.mT, torch.randn(n, d, generator=chance, dtype=torch.float64)


def product_with(matrices: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda v: (matrices @ v.unsqueeze(-1)).squeeze(-1)


def logarithm(matrix: Tensor) -> Tensor:
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag_embed(eigenvalues.log()) @ vectors.mT


def test_products_are_those_of_the_jacobian() -> None:
    manifold, z = model(), latents(5, D, seed=0)
    at, jacobian = Linearization(manifold.generate_flat, z), manifold.jacobian(z)
    v, u = latents(5, D, seed=1), latents(5, 20, seed=2)
    assert torch.allclose(at.push(v), (jacobian @ v.unsqueeze(-1)).squeeze(-1))
    assert torch.allclose(at.pull(u), (jacobian.mT @ u.unsqueeze(-1)).squeeze(-1))
    point = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad((manifold.jacobian(point) @ v.unsqueeze(-1)).square().sum(), point)
    assert torch.allclose(at.metric_gradient(v), expected)


def test_gradient_of_a_linear_generators_metric_is_zero() -> None:
    at = Linearization(lambda z: z @ torch.ones(2, 3), torch.zeros(4, 2))
    assert torch.equal(at.metric_gradient(torch.ones(4, 2)), torch.zeros(4, 2))


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_quadrature_is_exact_after_as_many_steps_as_dimensions(shift: float) -> None:
    matrices, v = spectra(3, 12)
    found = log_quadrature(lanczos(product_with(matrices), v, 12), shift, rank=12)
    matrix = logarithm(matrices + shift * torch.eye(12))
    assert torch.allclose(found.value, ((matrix @ v.unsqueeze(-1)).squeeze(-1) * v).sum(-1), rtol=1e-10)
    assert torch.allclose(found.lower, found.value, rtol=1e-10)


@pytest.mark.parametrize("n_steps", [2, 4, 8])
def test_quadrature_brackets_the_truth(n_steps: int) -> None:
    matrices, v = spectra(3, 12)
    shift = 0.05
    found = log_quadrature(lanczos(product_with(matrices), v, n_steps), shift, rank=12)
    truth = ((logarithm(matrices + shift * torch.eye(12)) @ v.unsqueeze(-1)).squeeze(-1) * v).sum(-1)
    assert (found.lower < truth).all()
    assert (truth < found.value).all()


def test_quadrature_survives_a_start_vector_in_a_small_invariant_space() -> None:
    matrix, v = torch.diag(torch.tensor([2.0, 3.0, 5.0, 7.0], dtype=torch.float64)), torch.eye(4, dtype=torch.float64)
    found = log_quadrature(lanczos(product_with(matrix.expand(4, 4, 4)), v, 4), 0.0, rank=4)
    assert torch.allclose(found.value, matrix.diagonal().log())
    assert torch.allclose(found.factors.square().sum(1), torch.diag(1.0 / matrix.diagonal()))  # of 1 / theta


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_basis_vectors_as_probes_give_the_log_volume_and_its_gradient(noise: float) -> None:
    manifold, z = model(noise), latents(8, D, seed=0).view(2, 4, D)
    value, error, truncation = log_volume_estimate(manifold, z, n_probes=D)
    assert torch.allclose(value, manifold.log_volume(z), rtol=1e-9)
    assert torch.equal(error, torch.zeros(2, 4, dtype=torch.float64))
    assert truncation.abs().max() < 1e-9
    point = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(manifold.log_volume(point).sum(), point)
    gradient = log_volume_gradient_estimate(manifold, z, n_probes=D)
    assert torch.allclose(gradient.value, expected, atol=1e-6)
    assert not gradient.standard_error.any()


@pytest.mark.parametrize("noise", [0.05, 0.3])
@pytest.mark.slow
def test_errors_are_what_the_standard_errors_say(noise: float) -> None:
    manifold, z = model(noise, d=48), latents(3, 48, seed=0)
    truth = manifold.log_volume(z)
    point = z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(manifold.log_volume(point).sum(), point)
    scores, slopes = [], []
    for seed in range(12):
        volume, gradient = (
            estimate(manifold, z, n_probes=40, n_lanczos=24, seed=seed)
            for estimate in (log_volume_estimate, log_volume_gradient_estimate)
        )
        scores.append((volume.value - truth) / volume.standard_error)
        slopes.append((gradient.value - slope) / gradient.standard_error)
    for score in (torch.stack(scores), torch.stack(slopes)):
        assert score.abs().max() < 6.0
        assert 0.6 < score.square().mean().sqrt() < 1.5


def test_too_few_products_are_reported() -> None:
    manifold, z = model(noise=0.05), latents(4, D, seed=0)
    value, _, truncation = log_volume_estimate(manifold, z, n_probes=D - 1, n_lanczos=2)
    enough = log_volume_estimate(manifold, z, n_probes=D - 1, n_lanczos=D)
    assert (value > enough.value).all()
    assert (value - truncation < enough.value).all()
    assert (enough.truncation < 1e-9).all()


def test_gradient_is_that_of_the_estimate() -> None:
    manifold, z, direction = model(), latents(4, D, seed=0), latents(4, D, seed=1)

    def estimate(points: Tensor) -> Tensor:
        return log_volume_estimate(manifold, points, n_probes=3).value

    step = 1e-4
    difference = (estimate(z + step * direction) - estimate(z - step * direction)) / (2 * step)
    gradient = log_volume_gradient_estimate(manifold, z, n_probes=3)
    assert torch.allclose((gradient.value * direction).sum(-1), difference, rtol=1e-5)
    assert (gradient.standard_error > 0).all()  # three probes are not the exact gradient


def test_singular_generator_has_no_volume_without_noise() -> None:
    folded = LatentManifold(lambda z: (z.sum(-1, keepdim=True)).expand(-1, 3).sin())
    assert (log_volume_estimate(folded, latents(2, 2, seed=0), n_probes=2).value == -torch.inf).all()


def test_quadrature_of_what_is_not_finite_is_not_a_number_and_spoils_no_other() -> None:
    matrices, v = spectra(3, 12)
    alone = log_quadrature(lanczos(product_with(matrices[1:]), v[1:], 6), 0.1, rank=12)
    matrices[0, 0, 0] = torch.inf
    found = log_quadrature(lanczos(product_with(matrices), v, 6), 0.1, rank=12)
    assert found.value[0].isnan()
    assert torch.allclose(found.value[1:], alone.value)


def test_step_into_infinity_is_taken_back() -> None:
    edge = 0.9

    def steep(z: Tensor) -> Tensor:
        x = torch.cat([z, (edge - z[:, :1]).log().square()], dim=-1)
        return torch.where(z[:, :1] < edge, x, torch.inf)

    start, end = torch.tensor([[-1.0, 0.0], [0.85, 1.0]], dtype=torch.float64)
    paths = interpolate(LatentManifold(steep, noise=0.1), start, end, mu=0.1, n_points=7, solver="matrix-free")
    assert paths.converged
    assert (paths.z[:, 0] < edge).all()


def test_conjugate_gradients_solve_each_system_with_its_own_stop() -> None:
    matrices, v = spectra(3, 12)
    matrices[0] = torch.eye(12)
    calls = torch.zeros(3)

    def product(rows: Tensor, vectors: Tensor) -> Tensor:
        calls[rows] += 1
        return product_with(matrices[rows])(vectors)

    solution = conjugate_gradients(product, v, lambda _, r: r, 1e-10, 60)
    assert torch.allclose(solution, torch.linalg.solve(matrices, v), rtol=1e-6)
    assert calls[0] == 1
    assert (calls[1:] > 10).all()


@pytest.mark.parametrize("generator", [sphere, random_decoder([2, 32, 32, 20], gain=1.5)])
def test_geodesic_is_newtons(generator: Callable[[Tensor], Tensor]) -> None:
    start = torch.tensor([[1.0, 0.2], [0.8, 0.1]], dtype=torch.float64)
    end = torch.tensor([[1.8, 2.0], [1.2, 0.9]], dtype=torch.float64)
    dense = interpolate(generator, start, end, "geodesic", solver=Newton(tolerance=1e-13))
    paths = interpolate(generator, start, end, "geodesic", solver=MatrixFree(tolerance=1e-13))
    assert paths.converged.all()
    assert (paths.z - dense.z).abs().max() < 1e-4
    assert torch.allclose(paths.energy, dense.energy, rtol=1e-8)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.slow
def test_regularised_path_with_all_probes_is_newtons(noise: float) -> None:
    start, end = latents(2, D, seed=1), latents(2, D, seed=2)
    dense = interpolate(model(noise), start, end, mu=0.05, n_points=11, solver=Newton(tolerance=1e-12))
    solver = MatrixFree(tolerance=1e-9, n_probes=D, n_lanczos=D)
    paths = interpolate(model(noise), start, end, mu=0.05, n_points=11, solver=solver)
    geodesic = interpolate(model(noise), start, end, "geodesic", n_points=11, solver=solver)
    assert paths.converged.all()
    assert (paths.z - dense.z).abs().max() < 1e-3 * (dense.z - geodesic.z).abs().max()
    for name in ("energy", "length", "objective", "nll"):
        assert torch.allclose(getattr(paths, name), getattr(dense, name), rtol=1e-5)


def test_regularised_path_with_few_probes_is_near_newtons_within_its_errors() -> None:
    manifold = LatentManifold(random_decoder([16, 64, 80], gain=1.2), noise=0.5)
    start, end = latents(2, 16, seed=1)
    dense = interpolate(manifold, start, end, mu=0.05, n_points=11)
    geodesic = interpolate(manifold, start, end, "geodesic", n_points=11)
    paths = interpolate(manifold, start, end, mu=0.05, n_points=11, solver=MatrixFree(n_probes=10, n_lanczos=16))
    assert paths.converged
    assert isinstance(paths.manifold, MatrixFreeManifold)
    error = paths.manifold.log_volume_estimate(paths.z).standard_error
    assert ((paths.nll - manifold.nll(paths.z)).abs() < 4 * error).all()
    assert (paths.z - dense.z).norm() < 0.5 * (dense.z - geodesic.z).norm()
    assert ((paths.objective - dense.objective).abs() < 4 * 0.05 * paths.interval * error.mean()).all()


def test_same_seed_gives_the_same_path_and_another_one_another() -> None:
    start, end = latents(2, D, seed=1)
    one, same, other = (
        interpolate(model(), start, end, mu=0.05, n_points=7, solver=MatrixFree(n_probes=2, seed=seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(one.z, same.z)
    assert torch.equal(one.nll, same.nll)
    assert (one.z - other.z).abs().max() > 1e-4


def test_every_pair_is_solved_by_itself() -> None:
    start, end = latents(3, D, seed=1), latents(3, D, seed=2)
    end[1] = start[1] + 1e-3  # nearly nothing to do
    end[2] = start[2]
    solver = MatrixFree(n_probes=3)
    together = interpolate(model(), start, end, mu=0.05, n_points=7, solver=solver)
    alone = interpolate(model(), start[0], end[0], mu=0.05, n_points=7, solver=solver)
    assert torch.allclose(together.z[0], alone.z, atol=1e-9)
    assert together.status[2] == Status.COINCIDENT
    assert together.iterations[0] > together.iterations[1]
    assert together.converged.all()


@pytest.mark.parametrize("least", [1e-5, 1e-4, 1e-2])
def test_the_exact_volume_is_finite_as_far_as_the_dense_one(least: float) -> None:
    stretches = torch.tensor([3.0, 1.0, least])
    turned = torch.linalg.qr(torch.randn(9, 3, generator=torch.Generator().manual_seed(0)))[0]
    manifold = LatentManifold(lambda z: (z * stretches) @ turned.mT)  # in single precision, without noise
    z = latents(2, 3, seed=1, dtype=torch.float32)
    assert manifold.log_volume(z).isfinite().all()
    assert torch.allclose(log_volume_estimate(manifold, z).value, manifold.log_volume(z), atol=1e-2)


def test_iteration_limit_is_reported() -> None:
    start, end = latents(2, D, seed=1)
    paths = interpolate(model(), start, end, "geodesic", n_points=7, solver=MatrixFree(max_iterations=1))
    assert paths.status.item() == Status.ITERATIONS
    assert not paths.converged


@pytest.mark.slow
@pytest.mark.parametrize("mu", [0.0, 0.05])
def test_budget_limits_what_goes_through_the_generator_and_changes_nothing_else(mu: float) -> None:
    decoder, seen = random_decoder([D, 24, 32, 20], gain=1.5), [0]

    def watched(z: Tensor) -> Tensor:
        seen[0] = max(seen[0], len(z))
        return decoder(z)

    manifold, start, end = LatentManifold(watched, noise=0.3), latents(2, D, seed=1), latents(2, D, seed=2)
    row = bytes_of_row(manifold.generate_flat, start) / GIB
    objective = PathObjective(manifold, mu, torch.ones(2, dtype=torch.float64))
    line = torch.lerp(start[:, None], end[:, None], torch.linspace(0, 1, 9, dtype=torch.float64)[:, None])
    seen[0] = 0
    ample = MatrixFree(n_probes=4, tolerance=1e-10).solve(objective, line)
    assert seen[0] > 9
    seen[0] = 0
    memory = 12.5 * row  # half of it for the rows
    tight = MatrixFree(n_probes=4, tolerance=1e-10, memory=memory).solve(objective, line)
    at_once = tangents_at_once(manifold, start[:1], memory) if mu else 0
    assert seen[0] <= max(6, 1 + at_once)  # a point and its tangents, of which each takes less than a row
    assert torch.allclose(ample.z, tight.z, atol=1e-4)
    assert list(tight.status) == list(ample.status)


@pytest.mark.parametrize("memory", [0.001, 0.01, 1.0])
def test_tangents_of_a_point_go_together_as_many_as_fit(memory: float) -> None:
    manifold, point = LatentManifold(random_decoder([64, 128, 256, 784], gain=1.5), noise=0.3), latents(1, 64, seed=1)
    at_once = tangents_at_once(manifold, point, memory)
    directions = torch.eye(64, dtype=point.dtype)[:at_once]
    with Allocated() as allocated:
        tangents = pushed_at(manifold, point.requires_grad_(), directions)
        torch.autograd.grad(tangents, point, tangents.detach())
    assert allocated.n_bytes <= 0.5 * memory * GIB
    assert at_once >= 64 or allocated.n_bytes > 0.2 * memory * GIB


def test_matrix_free_manifold_never_makes_a_jacobian(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("a Jacobian was made")

    monkeypatch.setattr("geodreg.derivatives.ladder.Ladder.pushforward", refuse)
    start, end = latents(2, D, seed=1)
    paths = interpolate(model(), start, end, mu=0.05, n_points=5, solver="matrix-free")
    profile = paths.resample(4)
    assert profile.nll.isfinite().all()
    assert torch.allclose(profile.tangent.norm(dim=-1), torch.ones_like(profile.nll))


def test_another_solver_goes_back_to_the_exact_density() -> None:
    start, end = latents(2, D, seed=1)
    estimated = interpolate(model(), start, end, "straight", n_points=5, solver=MatrixFree(n_probes=2))
    exact = interpolate(estimated.manifold, start, end, "straight", n_points=5)
    assert torch.allclose(exact.nll, model().nll(exact.z))
    assert not torch.allclose(estimated.nll, exact.nll)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"n_probes": 1}, "n_probes is 1; pass a whole number, 2 or more"),
        ({"n_lanczos": 0}, "n_lanczos is 0; pass a whole number, 1 or more"),
        ({"seed": -1}, "seed is -1; pass a whole number, 0 or more"),
        ({"memory": 0.0}, "memory is 0.0; pass the memory to work in, in GiB"),
        ({"tolerance": float("nan")}, "tolerance is nan; pass zero or a positive number"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MatrixFree(**settings)


def test_budget_below_one_latent_is_refused() -> None:
    with pytest.raises(ValueError, match="one latent alone takes"):
        log_volume_estimate(model(), latents(1, D, seed=0), memory=1e-7)
    start, end = latents(2, D, seed=1)
    with pytest.raises(ValueError, match="too little for the 9 points of one path"):
        interpolate(model(), start, end, "geodesic", n_points=9, solver=MatrixFree(memory=1e-6))


@pytest.mark.parametrize("n_probes", [None, 2])
def test_a_value_alone_keeps_no_vectors_of_the_derivative(n_probes: int | None) -> None:
    volume, z = StochasticVolume(n_probes), latents(3, D, seed=0)
    whole, alone = volume.quadrature(model(), z), volume.quadrature(model(), z, with_factors=False)
    assert torch.allclose(whole.volumes, alone.volumes)
    assert whole.factors[0].numel() <= volume.factors_per_point(D)
    assert alone.factors.numel() == 0


def test_what_is_remembered_and_kept_counts_in_a_budget() -> None:
    manifold, n_points = MatrixFreeManifold(model(), StochasticVolume()), 35
    start = latents(1000 * n_points, D, seed=0).view(1000, n_points, D)

    def n_pairs(**kept: int) -> int:
        return Batches.of(manifold, 0.02, start, **{"history": 0, **kept}).n_pairs

    assert n_pairs(history=100) < 0.2 * n_pairs()
    assert n_pairs(factors=D**2) < 0.9 * n_pairs()
    assert n_pairs(history=10**9) == 1


@pytest.mark.parametrize("n_latents", [2, 12])
def test_an_endpoint_without_a_derivative_is_no_metric(n_latents: int) -> None:
    def cone(z: Tensor) -> Tensor:
        return torch.cat([z, z.square().sum(-1, keepdim=True).sqrt()], dim=1)

    start, end = torch.zeros(n_latents).double(), torch.ones(n_latents).double()
    for solver in (MatrixFree(), Newton(curvature="mean")):
        path = interpolate(cone, start, end, "geodesic", n_points=9, solver=solver)
        assert path.converged
        assert path.length == pytest.approx((2.0 * n_latents) ** 0.5)


def test_a_geodesic_is_as_precise_as_newtons_by_default() -> None:
    start, end = latents(4, D, seed=1), latents(4, D, seed=2)
    exact = interpolate(model(), start, end, "geodesic", n_points=9, solver=Newton(tolerance=1e-14))
    paths = interpolate(model(), start, end, "geodesic", n_points=9, solver="matrix-free")
    distance = (paths.x - exact.x).norm(dim=-1).amax(-1)
    assert (distance < 1e-4 * exact.length).all()


def test_probes_are_signs_that_the_seed_fixes() -> None:
    like = torch.zeros(3, 40)
    probes = StochasticVolume(n_probes=8, seed=3).probes(like)
    assert torch.equal(probes.abs(), torch.ones(8, 40))
    assert torch.equal(probes, StochasticVolume(n_probes=8, seed=3).probes(like.double()).float())
    assert not torch.equal(probes, StochasticVolume(n_probes=8, seed=4).probes(like))


LARGE = """
import torch
from geodreg import LatentManifold, MatrixFree, interpolate
from tests.generators import latents, random_convolutional
from tests.peak_memory import peak_memory

decoder = random_convolutional([32, 16, 8, 4, 4], latent_dim=512).requires_grad_(True)  # as a trained one has it
manifold = LatentManifold(decoder, noise=1.0)
start, end = latents(2, 512, seed=0, dtype=torch.float32)
end = torch.lerp(start, end, 0.2)
before = peak_memory()
solver = MatrixFree(n_probes=2, n_lanczos=8, memory=0.5, tolerance=1e-2)
paths = interpolate(manifold, start, end, mu=0.003, n_points=4, solver=solver)
assert paths.x.shape == (4, 3, 128, 128), paths.x.shape
assert paths.converged, paths.status
print(peak_memory() - before)
"""


@pytest.mark.slow
def test_large_generator_is_solved_in_little_memory() -> None:
    run = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 0.75, run.stdout  # GiB: the budget, and half of it for what PyTorch loads at first use


def test_peak_of_a_process_is_not_that_of_the_one_which_started_it() -> None:
    child = "from tests.peak_memory import peak_memory; print(peak_memory())"
    parent = f"""
import subprocess, sys
from tests.peak_memory import peak_memory
held = b"1" * 2**29
assert peak_memory() > 0.5
print(subprocess.run([sys.executable, "-c", {child!r}], capture_output=True, text=True, check=True).stdout)
"""
    run = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 0.25, run.stdout


def test_convolutional_generator_fits_the_description() -> None:
    assert random_convolutional([8, 4], latent_dim=6)(torch.zeros(2, 6)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("memory", [1.0, 3e-4])  # all tangents of a point together, and not
def test_nothing_is_estimated_up_to_a_thousand_latents(noise: float, memory: float) -> None:
    manifold, z = model(noise, d=20 if noise else D), latents(6, 20 if noise else D, seed=0).view(2, 3, -1)
    found = log_volume_estimate(manifold, z, memory=memory)
    assert torch.allclose(found.value, manifold.log_volume(z), rtol=1e-9)
    assert not found.standard_error.any()
    assert not found.truncation.any()
    point = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(manifold.log_volume(point).sum(), point)
    gradient = log_volume_gradient_estimate(manifold, z, memory=memory)
    assert torch.allclose(gradient.value, expected, atol=1e-8)
    assert not gradient.standard_error.any()


def test_a_singular_metric_has_no_volume() -> None:
    flat = LatentManifold(lambda z: z[:, :2] * torch.tensor([1.0, 2.0]).double())
    assert log_volume_estimate(flat, latents(2, 3, seed=0)).value.tolist() == [-torch.inf, -torch.inf]


def test_a_density_that_is_dear_says_so_and_offers_the_estimate() -> None:
    start, end = latents(2, EXACT + 1, seed=0, dtype=torch.float32)
    manifold = LatentManifold(lambda z: z * 2.0, noise=0.1)
    with pytest.warns(UserWarning, match="takes all 1025 tangents .* as much as 512 gradients .* solver='matrix-free'"):
        interpolate(manifold, start, end, n_points=3, solver=Newton(max_iterations=0))
