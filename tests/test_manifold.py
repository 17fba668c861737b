"""Metric, volume and density against autograd's own."""

import inspect
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

from geodreg import LatentManifold, interpolate
from tests.generators import latents, random_decoder


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_log_volume_is_half_the_log_determinant_of_autograds_jacobian(noise: float) -> None:
    decoder = random_decoder([4, 16, 16, 12], gain=1.5)
    manifold = LatentManifold(decoder, noise=noise)
    for z in latents(5, 4, seed=0):
        jacobian = torch.autograd.functional.jacobian(lambda v: decoder(v[None])[0], z)
        expected = 0.5 * torch.linalg.slogdet(jacobian.T @ jacobian + noise**2 * torch.eye(4)).logabsdet
        assert torch.allclose(manifold.jacobian(z), jacobian, atol=1e-12)
        assert torch.allclose(manifold.log_volume(z), expected, atol=1e-10)


def test_leading_dimensions_are_batch() -> None:
    decoder = random_decoder([3, 16, 12], gain=1.0)
    manifold = LatentManifold(lambda z: decoder(z).unflatten(-1, (3, 4)), noise=0.1)
    z = latents(10, 3, seed=1).reshape(2, 5, 3)
    assert manifold.generate(z).shape == (2, 5, 3, 4)
    assert manifold.jacobian(z).shape == (2, 5, 12, 3)
    assert manifold.metric(z).shape == (2, 5, 3, 3)
    assert manifold.nll(z).shape == (2, 5)
    assert torch.allclose(manifold.nll(z)[1, 2], manifold.nll(z[1, 2]))


def test_density_of_a_scaling_is_the_pushed_forward_normal() -> None:
    manifold = LatentManifold(lambda z: 3.0 * z)
    z = latents(6, 2, seed=2)
    expected = -MultivariateNormal(torch.zeros(2), 9.0 * torch.eye(2)).log_prob((3.0 * z).float())
    assert torch.allclose(manifold.nll(z).float(), expected, atol=1e-5)


def test_priors_over_a_coordinate_and_over_the_vector_agree() -> None:
    z = latents(6, 3, seed=3)
    one = LatentManifold(lambda v: v, prior=Normal(0.5, 2.0))
    other = LatentManifold(lambda v: v, prior=MultivariateNormal(torch.full((3,), 0.5), 4.0 * torch.eye(3)))
    assert torch.allclose(one.nll(z).float(), other.nll(z.float()), atol=1e-5)
    for manifold in (one, other):
        draws = manifold.sample_prior(4000, z, seed=0)
        assert draws.shape == (4000, 3)
        assert draws.mean().item() == pytest.approx(0.5, abs=0.1)
        assert draws.std().item() == pytest.approx(2.0, abs=0.1)


def test_sampling_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    LatentManifold(lambda z: z).sample_prior(10, torch.zeros(2), seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_a_singular_generator_has_log_volume_minus_infinity_without_noise() -> None:
    z = latents(2, 2, seed=4)
    assert LatentManifold(lambda v: v * torch.tensor([1.0, 0.0])).log_volume(z).tolist() == [-math.inf, -math.inf]
    assert LatentManifold(lambda v: v * torch.tensor([1.0, 0.0]), noise=0.1).log_volume(z).isfinite().all()


@pytest.mark.parametrize("noise", [-1.0, math.nan, math.inf])
def test_noise_is_a_standard_deviation(noise: float) -> None:
    with pytest.raises(ValueError, match=r"noise is .*; pass a standard deviation"):
        LatentManifold(lambda z: z, noise=noise)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_where_there_is_no_derivative_there_is_no_density(noise: float) -> None:
    manifold = LatentManifold(lambda z: torch.cat([z, (z[:, :1].square() - 0.25).relu().sqrt()], dim=1), noise=noise)
    assert manifold.nll(torch.tensor([[0.0, 0.0], [1.0, 0.0]])).isfinite().tolist() == [False, True]
    assert manifold.nll(torch.zeros(1, 2)).isnan().all()


def test_data_space_is_drawn_from_like_what_is_measured() -> None:
    manifold = LatentManifold(lambda z: z, density=Normal(5.0, 0.1), ambient=lambda x: 2.0 * x)
    like = torch.zeros(2)
    assert torch.equal(manifold.of_data().sample_prior(4, like, 0), manifold.sample_prior(4, like, 0))


@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
@pytest.mark.parametrize("method", ["geodesic", "geodreg"])
def test_a_prior_that_is_learned_is_a_constant_to_the_solver(method: str, solver: str) -> None:
    def manifold(scale: Tensor) -> LatentManifold:
        prior = Independent(Normal(torch.zeros(2, dtype=torch.float64), scale), 1)
        return LatentManifold(random_decoder([2, 8, 5], gain=1.0), prior, noise=0.1)

    scale, (start, end) = torch.full((2,), 1.5, dtype=torch.float64), latents(2, 2, seed=0)
    learned, fixed = (
        interpolate(manifold(each), start, end, method, mu=0.1, n_points=9, solver=solver)
        for each in (scale.clone().requires_grad_(), scale)
    )
    assert not learned.z.requires_grad
    assert torch.equal(learned.z, fixed.z)
    assert learned.to_frame().notna().all(axis=None)


def test_generator_is_callable() -> None:
    with pytest.raises(TypeError, match="generator is a str; pass a callable"):
        LatentManifold("decoder")  # type: ignore[arg-type]


def test_help_shows_the_arguments_of_a_manifold() -> None:
    shown = list(inspect.signature(LatentManifold).parameters)
    assert shown[0] == "generator"
    assert {"noise", "density", "ambient", "latent_shape"} <= set(shown)
