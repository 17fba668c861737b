"""Another metric of data space: closed forms on spheres, of Bernoulli variables, and of several decoders."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from geodreg import (
    LatentManifold,
    Newton,
    exponential_map,
    fisher_rao_bernoulli,
    fisher_rao_logits,
    geodesic_distances,
    interpolate,
    invert,
    logarithm_map,
    stacked,
)
from tests.generators import latents, random_decoder, sphere

TIGHT = Newton(tolerance=1e-14)
Map = Callable[[Tensor], Tensor]


def angles(z: Tensor) -> Tensor:
    """A generator whose data are the two angles themselves, as a picture of 2 x 1."""
    return z.unsqueeze(-1) * 1.0


def onto_sphere(x: Tensor) -> Tensor:
    return sphere(x.squeeze(-1))


@pytest.mark.slow
def test_a_sphere_as_the_ambient_image_gives_great_circles() -> None:
    start, end = torch.tensor([1.0, 0.2]).double(), torch.tensor([1.8, 2.0]).double()
    manifold = LatentManifold(angles, ambient=onto_sphere)
    paths = interpolate(manifold, start, end, "geodesic", n_points=41, solver=TIGHT)
    a, b = sphere(start[None])[0], sphere(end[None])[0]
    angle = torch.arccos(a @ b)
    t = torch.linspace(0, 1, 41).double()[:, None]
    great_circle = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    assert paths.x.shape == (41, 2, 1)  # the data stay what they are
    assert torch.equal(paths.x.squeeze(-1), paths.z)
    assert (paths.measured - great_circle).norm(dim=-1).max() < 1e-6
    assert paths.length.item() == pytest.approx(angle.item(), rel=1e-4)
    assert paths.chord_length.item() == pytest.approx(80 * math.sin(angle / 80), rel=1e-9)
    assert paths.energy.item() == pytest.approx(0.5 * angle.item(), rel=1e-3)  # run through in a time of its length
    profile = paths.resample(5)
    assert profile.x.shape == (5, 2, 1)
    assert profile.tangent.shape == (5, 3)
    assert torch.allclose((profile.tangent * onto_sphere(profile.x)).sum(-1), torch.zeros(5).double(), atol=1e-12)


@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
@pytest.mark.parametrize("method", ["geodesic", "geodreg"])
@pytest.mark.slow
def test_an_ambient_map_is_the_composed_generator_but_for_the_data(method: str, solver: str) -> None:
    decoder, bend = random_decoder([3, 16, 9], gain=1.5), random_decoder([9, 16, 12], gain=1.0, seed=3)
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    ambient = LatentManifold(decoder, noise=0.2, ambient=bend)
    composed = LatentManifold(nn.Sequential(decoder, bend), noise=0.2)
    one, other = (interpolate(m, start, end, method, mu=0.1, n_points=17, solver=solver) for m in (ambient, composed))
    assert torch.allclose(one.z, other.z, atol=1e-6)
    assert torch.allclose(one.length, other.length)
    assert torch.allclose(one.nll, other.nll)
    assert torch.allclose(one.energy, other.energy)
    assert torch.allclose(one.gap, other.gap)
    assert torch.allclose(one.x, decoder(one.z.flatten(0, 1)).view_as(one.x))
    assert torch.allclose(ambient.metric(start), composed.metric(start))
    assert torch.allclose(ambient.log_volume(start), composed.log_volume(start))
    assert str(one.report()).splitlines()[1:] == str(other.report()).splitlines()[1:] or solver == "matrix-free"


def test_distances_exponential_and_logarithm_are_those_of_the_ambient_image() -> None:
    start, end = torch.tensor([1.0, 0.2]).double(), torch.tensor([1.8, 2.0]).double()
    manifold = LatentManifold(angles, ambient=onto_sphere)
    angle = torch.arccos(sphere(start[None])[0] @ sphere(end[None])[0]).item()
    velocity = logarithm_map(manifold, start, end)
    assert (velocity @ manifold.metric(start) @ velocity).sqrt().item() == pytest.approx(angle, rel=1e-5)
    assert torch.allclose(exponential_map(manifold, start, velocity), end, atol=1e-4)
    matrix = geodesic_distances(manifold, torch.stack([start, end])).matrix
    assert matrix[0, 1].item() == pytest.approx(angle, rel=1e-3)


def test_data_are_inverted_in_data_space() -> None:
    manifold = LatentManifold(angles, ambient=onto_sphere)
    x = torch.tensor([[0.5], [0.25]]).double()
    assert torch.allclose(invert(manifold, x, latent_dim=2).z, x.squeeze(-1), atol=1e-4)


@pytest.mark.parametrize("form", ["probabilities", "logits"])
def test_fisher_rao_length_of_a_bernoulli_variable_is_the_difference_of_arcs(form: str) -> None:
    logits = torch.tensor([-3.0, 2.0]).double()
    generator: Map = torch.sigmoid if form == "probabilities" else (lambda z: 1.0 * z)
    ambient = fisher_rao_bernoulli if form == "probabilities" else fisher_rao_logits
    manifold = LatentManifold(generator, ambient=ambient)
    paths = interpolate(manifold, logits[:1], logits[1:], "geodesic", solver=TIGHT)
    p = torch.sigmoid(logits)
    arcs = 2.0 * p.sqrt().asin()
    assert paths.length.item() == pytest.approx((arcs[1] - arcs[0]).item(), rel=1e-9)
    even = torch.lerp(arcs[0], arcs[1], torch.linspace(0, 1, 35).double())
    assert (torch.sigmoid(paths.z.squeeze(-1)) - (even / 2).sin().square()).abs().max() < 1e-6
    information = p * (1 - p)  # of a logit
    assert torch.allclose(manifold.metric(logits[:, None]).flatten(), information)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_give_the_same_arcs_without_overflow_or_infinite_slope(dtype: torch.dtype) -> None:
    s = torch.linspace(-8, 8, 33, dtype=dtype)
    assert torch.allclose(
        fisher_rao_logits(s), fisher_rao_bernoulli(s.sigmoid()), atol=1e-3 if dtype.itemsize == 4 else 1e-9
    )
    extreme = torch.tensor([-1e4, -200.0, 0.0, 200.0, 1e4], dtype=dtype, requires_grad=True)
    arcs = fisher_rao_logits(extreme)
    (slope,) = torch.autograd.grad(arcs.sum(), extreme)
    assert torch.allclose(arcs, torch.tensor([0.0, 0.0, math.pi / 2, math.pi, math.pi], dtype=dtype), atol=1e-6)
    assert torch.allclose(slope, torch.tensor([0.0, 0.0, 0.5, 0.0, 0.0], dtype=dtype), atol=1e-6)


def test_an_infinite_slope_of_the_ambient_map_is_refused_with_the_form_in_logits() -> None:
    saturated = LatentManifold(lambda z: (60.0 * z).sigmoid(), ambient=fisher_rao_bernoulli)
    with pytest.raises(ValueError, match="fisher_rao_logits") as caught:
        interpolate(saturated, torch.ones(2), -torch.ones(2), "geodesic")
    assert "\n" not in str(caught.value)


def test_the_metric_of_stacked_decoders_is_the_mean_of_theirs() -> None:
    decoders = [random_decoder([3, 16, 9], gain=1.5, seed=seed) for seed in range(3)]
    z = latents(4, 3, 0)
    manifold = LatentManifold(stacked(decoders))
    mean = torch.stack([LatentManifold(decoder).metric(z) for decoder in decoders]).mean(0)
    assert torch.allclose(manifold.metric(z), mean)
    assert torch.allclose(manifold.generate(z) * 3**0.5, torch.stack([decoder(z) for decoder in decoders], dim=1))
    assert len(list(stacked(decoders).parameters())) == sum(len(list(decoder.parameters())) for decoder in decoders)


def test_the_same_decoder_twice_is_that_decoder() -> None:
    decoder = random_decoder([3, 16, 9], gain=1.5)
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    twice, once = (interpolate(g, start, end, "geodesic") for g in (stacked([decoder, decoder]), decoder))
    assert torch.allclose(twice.z, once.z, atol=1e-6)
    assert torch.allclose(twice.length, once.length)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (
            lambda: LatentManifold(angles, ambient=3),  # type: ignore[arg-type]
            "ambient is a int; pass a callable",
        ),
        (lambda: stacked([]), "decoders is empty"),
        (
            lambda: stacked([angles, 3]),  # type: ignore[list-item]
            "Decoder 1 is 3; pass callables",
        ),
        (lambda: LatentManifold(angles, ambient=lambda x: x.sum()), r"ambient map returns torch.float32 of shape \(\)"),
        (lambda: LatentManifold(angles, ambient=lambda x: x @ torch.ones(7, 2)), "ambient map does not take data"),
        (lambda: LatentManifold(angles, ambient=lambda x: x / 0.0), "is not finite at start or end"),
        (
            lambda: LatentManifold(angles, ambient=nn.Sequential(nn.Flatten(), nn.BatchNorm1d(2))),
            "in training mode, where its BatchNorm1d",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(build: Callable[[], Map], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        interpolate(build(), torch.tensor([1.0, 0.2]), torch.tensor([1.8, 2.0]), "geodesic")
    assert "\n" not in str(caught.value)
