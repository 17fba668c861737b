"""Densities that may take the place of the push-forward density: closed forms, and through the front door."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

import geodreg
from geodreg.models.convolutional import DigitDiscriminator
from geodreg.paper.densities import aggregated_posterior, bandwidth, kernel_density, realism_logit, thin_volume


def bowl(z: Tensor) -> Tensor:
    """A map of the plane into space, with volume sqrt(1 + |z|^2)."""
    return torch.cat([z, 0.5 * z.square().sum(-1, keepdim=True)], dim=-1)


def test_volume_and_prior_are_the_halves_of_the_push_forward_density() -> None:
    manifold = geodreg.LatentManifold(bowl, noise=0.3)
    z = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(prior + thin_volume(manifold)(z), -manifold.nll(z))
    bare = thin_volume(geodreg.LatentManifold(bowl))
    torch.testing.assert_close(bare(z), -0.5 * (1 + z.square().sum(-1)).log())


def test_aggregated_posterior_is_the_mean_of_normal_densities() -> None:
    chance = torch.Generator().manual_seed(1)
    mean, log_variance = torch.randn(2, 7, 3, dtype=torch.float64, generator=chance)
    z = torch.randn(5, 3, dtype=torch.float64, generator=chance)
    each = [MultivariateNormal(m, v.exp().diag()).log_prob(z) for m, v in zip(mean, log_variance, strict=True)]
    expected = torch.stack(each).logsumexp(0) - math.log(7)
    torch.testing.assert_close(aggregated_posterior(mean, log_variance).log_prob(z), expected)


def test_kernel_density_integrates_to_one_and_is_highest_at_its_points() -> None:
    points = torch.tensor([[-1.0], [0.5], [2.0]], dtype=torch.float64)
    density = kernel_density(points, 0.2)
    line = torch.linspace(-4, 5, 4001, dtype=torch.float64)
    assert torch.trapezoid(density.log_prob(line[:, None]).exp(), line).item() == pytest.approx(1.0, abs=1e-9)
    assert density.log_prob(points).min() > density.log_prob(points + 0.3).max()


def test_bandwidth_is_about_that_of_silverman_for_normal_data() -> None:
    data = torch.randn(400, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    silverman = 1.06 * data.std().item() * 400 ** (-1 / 5)
    assert bandwidth(data) == pytest.approx(silverman, rel=0.5)
    assert bandwidth(3 * data) == pytest.approx(3 * bandwidth(data))
    with pytest.raises(ValueError, match="at least two"):
        bandwidth(data[:1])


def test_a_logit_does_not_depend_on_the_other_latents() -> None:
    torch.manual_seed(0)
    discriminator = DigitDiscriminator()
    pixels = torch.nn.Sequential(torch.nn.Linear(4, 784), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (28, 28)))
    z = torch.randn(6, 4)
    logit = realism_logit(pixels, discriminator, pixels(z).detach())
    torch.testing.assert_close(logit(z[:1]), logit(z)[:1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logit(z), discriminator(pixels(z)).squeeze(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["volume", "posterior"])
def test_a_path_is_denser_than_the_geodesic_in_the_density_that_it_follows(name: str) -> None:
    manifold = geodreg.LatentManifold(bowl, noise=0.3)
    chance = torch.Generator().manual_seed(3)
    points = torch.randn(30, 2, dtype=torch.float64, generator=chance)
    density = thin_volume(manifold) if name == "volume" else kernel_density(points)
    seen = geodreg.LatentManifold(bowl, density=density)
    start, end = torch.tensor([-1.5, 0.4]).double(), torch.tensor([1.5, 0.3]).double()
    path = geodreg.interpolate(seen, start, end, mu=0.3)
    geodesic = geodreg.interpolate(seen, start, end, "geodesic")
    assert path.converged
    assert path.resample(64).nll.mean() < geodesic.resample(64).nll.mean()
    assert path.length > geodesic.length
