"""Numbers about paths and samples, against closed forms."""

import math

import pytest
import torch

from geodreg import LatentManifold, interpolate
from geodreg.paper.metrics import (
    condition_numbers,
    cosine_dissimilarity,
    distance_from_segment,
    excess_length,
    high_frequency_energy,
    high_frequency_ratios,
    mean_cosine_dissimilarity,
)
from tests.generators import cylinder, latents, random_decoder


@pytest.mark.parametrize("method", ["straight", "geodesic", "geodreg"])
def test_mean_cosine_dissimilarity_is_one_minus_chord_over_length(method: str) -> None:
    decoder = random_decoder([3, 32, 32, 40], gain=2.0)
    start, end = latents(5, 3, seed=1), latents(5, 3, seed=2)
    profile = interpolate(LatentManifold(decoder, noise=0.1), start, end, method, mu=0.1).resample(2000)
    chord = (profile.x[:, -1] - profile.x[:, 0]).norm(dim=-1)
    identity = 1.0 - chord / profile.arc_length[:, -1]
    assert torch.allclose(mean_cosine_dissimilarity(profile), identity, atol=1e-3)
    assert identity.min() > 0.01  # the paths are curved, so the test is of something


def test_half_a_circle_has_its_excess_and_its_distance() -> None:
    start, end = torch.tensor([0.0, 0.0]).double(), torch.tensor([math.pi, 0.0]).double()
    profile = interpolate(cylinder, start, end, "straight", n_points=400).resample(401)
    assert excess_length(profile).item() == pytest.approx(math.pi / 2 - 1, abs=1e-4)
    assert distance_from_segment(profile).item() == pytest.approx(0.5, abs=1e-4)
    assert cosine_dissimilarity(profile)[[0, 200, 400]].tolist() == pytest.approx([1.0, 0.0, 1.0], abs=1e-2)


def test_straight_paths_have_none() -> None:
    matrix = latents(3, 7, seed=0)
    start, end = latents(2, 3, seed=1)
    profile = interpolate(lambda z: z @ matrix, start, end, "straight").resample(50)
    for measure in (cosine_dissimilarity, excess_length, distance_from_segment):
        assert measure(profile).abs().max() < 1e-9


def test_condition_number_is_the_square_of_the_ratio_of_singular_values() -> None:
    scales = torch.tensor([1.0, 10.0, 1000.0])
    assert condition_numbers(LatentManifold(lambda z: z * scales), torch.zeros(2, 3)).tolist() == pytest.approx(
        [1e6] * 2
    )


def test_high_frequencies_are_those_beyond_a_quarter_of_the_sampling_rate() -> None:
    x = torch.arange(64.0)
    for periods, counts in ((8, False), (15, False), (17, True), (21, True)):
        wave = torch.cos(2 * math.pi * periods * x / 64).expand(64, 64)
        assert high_frequency_energy(wave).item() == pytest.approx(0.5 if counts else 0.0, abs=1e-6)


def test_ratios_are_taken_among_lit_and_among_shadowed_images() -> None:
    chance = torch.Generator().manual_seed(0)
    real = 0.1 * torch.randn(20, 16, 16, generator=chance) + torch.linspace(0, 1, 20)[:, None, None]
    mottled = real.clone()
    noise = 0.1 * torch.randn(9, 16, 16, generator=chance)
    mottled[:9] += noise - noise.mean((-2, -1), keepdim=True)  # the darker half
    ratios = high_frequency_ratios(mottled, real)
    assert ratios["lit"] == pytest.approx(1.0, abs=0.05)
    assert ratios["shadowed"] == pytest.approx(2.0, abs=0.3)
