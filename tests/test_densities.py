"""Densities that may take the place of the push-forward density: closed forms, and through the front door."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

import geodreg
import geodreg.models
from geodreg.models.convolutional import DigitDiscriminator
from geodreg.models.denoiser import Denoiser
from geodreg.models.mlp import DecoderEnsemble
from geodreg.models.store import ModelError, read_card
from geodreg.models.zoo import load_denoiser, load_discriminator, load_model
from geodreg.paper.densities import (
    aggregated_posterior,
    agreement,
    bandwidth,
    denoising_bound,
    kernel_density,
    mean_and_disagreement,
    realism_logit,
    with_features,
)
from geodreg.paper.which_density.candidates import Everywhere
from geodreg.training.denoiser import noisy


def bowl(z: Tensor) -> Tensor:
    """A map of the plane into space, with volume sqrt(1 + |z|^2)."""
    return torch.cat([z, 0.5 * z.square().sum(-1, keepdim=True)], dim=-1)


def test_volume_and_prior_are_the_halves_of_the_push_forward_density() -> None:
    manifold = geodreg.LatentManifold(bowl, noise=0.3)
    z = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    volume = geodreg.LatentManifold(bowl, Everywhere(2), noise=0.3)
    torch.testing.assert_close(volume.nll(z) - prior, manifold.nll(z))
    bare = geodreg.LatentManifold(bowl, Everywhere(2))
    torch.testing.assert_close(bare.nll(z), 0.5 * (1 + z.square().sum(-1)).log())
    assert volume.sample_prior(5, z[0], seed=1).shape == (5, 2)


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
    chance = torch.Generator().manual_seed(3)
    points = torch.randn(30, 2, dtype=torch.float64, generator=chance)
    if name == "volume":
        seen = geodreg.LatentManifold(bowl, Everywhere(2), noise=0.3)
    else:
        seen = geodreg.LatentManifold(bowl, density=kernel_density(points))
    start, end = torch.tensor([-1.5, 0.4]).double(), torch.tensor([1.5, 0.3]).double()
    path = geodreg.interpolate(seen, start, end, mu=0.3)
    geodesic = geodreg.interpolate(seen, start, end, "geodesic")
    assert path.converged
    assert path.resample(64).nll.mean() < geodesic.resample(64).nll.mean()
    assert path.length > geodesic.length


def test_the_bound_of_a_normal_distribution_is_its_closed_form() -> None:
    """The best denoiser of normal data shrinks; what it leaves is quadratic, the cross terms cancel between signs."""
    spread, levels = 0.7, (0.2, 0.4, 0.8)

    class Shrink(Denoiser):
        def forward(self, noisy: Tensor, sigma: Tensor) -> Tensor:
            return noisy * (spread**2 / (spread**2 + sigma**2)).reshape(-1, 1, 1)

    x = torch.randn(4, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bound = denoising_bound(Shrink(), levels, n_draws=3)
    found = bound(x) - bound(torch.zeros_like(x[:1]))
    slopes = sum(math.log(2) / sigma**2 * (sigma**2 / (spread**2 + sigma**2)) ** 2 for sigma in levels)
    torch.testing.assert_close(found, -slopes * x.square().sum((-1, -2)))


def test_the_bound_is_the_same_each_time_and_holds_digits_to_be_denser_than_noise() -> None:
    bound = denoising_bound(load_denoiser())
    digits = load_model("mnist-vae").generator(torch.zeros(3, 8))
    noise = torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(bound(digits), bound(digits))
    assert bound(digits).min() > bound(noise).max()
    torch.testing.assert_close(bound(torch.cat([digits, noise]))[:3], bound(digits))


def test_features_add_their_metric_with_its_weight() -> None:
    generator = torch.nn.Linear(2, 5).double()
    features = torch.nn.Linear(5, 3).double()
    z = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    both = geodreg.LatentManifold(generator, ambient=with_features(features, 2.5)).metric(z)
    alone = geodreg.LatentManifold(generator).metric(z)
    other = geodreg.LatentManifold(generator, ambient=features).metric(z)
    torch.testing.assert_close(both, alone + 2.5 * other)


def test_disagreement_at_weight_one_makes_the_mean_of_the_metrics() -> None:
    decoders = DecoderEnsemble(3, 2, hidden=(5,), activation="Tanh").double()
    z = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    of_each = torch.stack([geodreg.LatentManifold(decoder).metric(z) for decoder in decoders.members])

    def metric(weight: float) -> Tensor:
        return geodreg.LatentManifold(decoders, ambient=lambda x: mean_and_disagreement(x, weight)).metric(z)

    torch.testing.assert_close(metric(1.0), of_each.mean(0))
    torch.testing.assert_close(metric(1.0), geodreg.LatentManifold(geodreg.stacked(decoders.members)).metric(z))
    mean = geodreg.LatentManifold(lambda z: decoders(z).mean(1)).metric(z)
    torch.testing.assert_close(metric(0.0), mean)
    torch.testing.assert_close(metric(4.0), mean + 4.0 * (of_each.mean(0) - mean))


def test_agreement_is_minus_the_variance_of_the_decoders() -> None:
    decoders = DecoderEnsemble(3, 2, hidden=(5,))
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(4))
    images = torch.stack([decoder(z) for decoder in decoders.members])
    torch.testing.assert_close(agreement(decoders)(z), -images.var(0, correction=0).sum((-1, -2)))
    same = [decoders.members[0]] * 2
    assert agreement(lambda z: torch.stack([decoder(z) for decoder in same], dim=1))(z).eq(0.0).all()


def test_the_discriminator_of_the_convolutional_gan_is_kept_with_it() -> None:
    model = load_model("mnist-dcgan")
    images = model.generator(torch.randn(40, 10, generator=torch.Generator().manual_seed(2)))
    logits = load_discriminator(model).logits(torch.cat([images, torch.rand(40, 28, 28)]))
    assert logits[:40].mean() > logits[40:].mean()
    with pytest.raises(ModelError, match=r"discriminator\.safetensors is missing"):
        load_discriminator(load_model("mnist-gan"))


@pytest.mark.parametrize(("name", "door"), [("mnist-gan", "load_denoiser"), ("mnist-denoiser", "load_model")])
def test_a_model_of_another_kind_is_refused_in_a_sentence(name: str, door: str) -> None:
    with pytest.raises(ModelError, match=r"is no denoiser|is a denoiser, not a generator; load it with load_denoiser"):
        getattr(geodreg.models, door)(name)


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0])
def test_the_denoiser_leaves_about_as_much_as_its_card_says(sigma: float) -> None:
    """On digits of the VAE, which are smoother than the test digits of the card."""
    card, denoiser = read_card("mnist-denoiser"), load_denoiser()
    left = card["measures"][f"noise {sigma:g}, test images, error left, grey values"]
    digits = load_model("mnist-vae").generator(torch.randn(200, 8, generator=torch.Generator().manual_seed(0)))
    under_noise, level = noisy(digits, sigma, sigma, torch.Generator().manual_seed(1))
    error = (denoiser(under_noise, level) - digits).square().mean().sqrt().item()
    assert left / 2 < error < min(sigma, 1.2 * left)
    assert card["command"].startswith("geodreg train mnist-denoiser")
