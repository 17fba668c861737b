"""Latents of given data."""

import copy

import pytest
import torch
from torch import Tensor

from geodreg import LatentManifold, invert
from geodreg.derivatives.jacobian_products import Allocated
from tests.generators import latents, random_decoder


def test_images_of_latents_are_inverted() -> None:
    decoder = random_decoder([4, 64, 50], gain=1.0)
    z = latents(6, 4, seed=0)
    found = invert(decoder, decoder(z), latent_dim=4)
    assert found.converged.all()
    assert found.residual.max() < 1e-6
    assert torch.allclose(found.x, decoder(z), atol=1e-6)
    assert torch.allclose(found.z, z, atol=1e-5)


def test_residual_is_the_distance_to_the_manifold() -> None:
    matrix = torch.randn(2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    data = torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = invert(lambda z: z @ matrix, data, latent_dim=2)
    projector = torch.eye(5, dtype=torch.float64) - torch.linalg.pinv(matrix) @ matrix
    assert torch.allclose(found.residual, (data @ projector).norm(dim=-1))
    assert (found.agreement == 1.0).all()  # one minimum only


def test_shapes_follow_the_data_and_the_seed_decides() -> None:
    decoder = random_decoder([3, 32, 12], gain=2.0)
    images = decoder(latents(4, 3, seed=0)).reshape(2, 2, 3, 4)
    runs = [invert(lambda z: decoder(z).unflatten(-1, (3, 4)), images, latent_dim=3, seed=1) for _ in range(2)]
    assert runs[0].z.shape == (2, 2, 3)
    assert runs[0].residual.shape == (2, 2)
    assert torch.equal(runs[0].z, runs[1].z)


def test_data_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x has shape \(2, 4\); this generator's data have shape \(..., 3\)"):
        invert(lambda z: z, torch.zeros(2, 4), latent_dim=3)
    with pytest.raises(ValueError, match="x is empty or holds a NaN or an infinity; pass finite data"):
        invert(lambda z: z, torch.full((2, 3), torch.nan), latent_dim=3)


def test_a_module_leaves_no_gradients_behind() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 6))
    found = invert(net, net(torch.randn(3, 2, generator=torch.Generator().manual_seed(0))), latent_dim=2)
    assert not found.z.requires_grad
    assert not found.residual.requires_grad
    assert found.residual.max() < 1e-3


@pytest.mark.parametrize(
    ("data", "settings", "sentence"),
    [
        (torch.zeros(2, 3, dtype=torch.uint8), {}, "x is a tensor of torch.uint8; pass floating-point data"),
        ([0.0], {}, "x is a list; pass floating-point data"),
        (torch.zeros(2, 3), {"latent_dim": 0}, "latent_dim is 0; pass at least 1"),
        (torch.zeros(2, 3), {"n_starts": 0}, "n_starts is 0; pass at least 1"),
        (torch.zeros(2, 3), {"latent_dim": 4}, "The generator does not take latents of shape"),
        (torch.zeros(0, 3), {}, "x is empty"),
    ],
)
def test_bad_input_is_refused(data: object, settings: dict[str, int], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        invert(torch.nn.Linear(3, 3), data, **{"latent_dim": 3, **settings})  # type: ignore[arg-type]


def test_the_jacobians_of_all_starts_are_not_held_together() -> None:
    n, n_starts, d, size = 40, 8, 8, 2000
    matrix, z = latents(d, size, seed=0, dtype=torch.float32), latents(n, d, seed=1, dtype=torch.float32)
    with Allocated() as allocated:
        found = invert(lambda z: z @ matrix, z @ matrix, d, n_starts=n_starts, n_candidates=1000)
    assert torch.allclose(found.z, z, atol=1e-3)
    assert allocated.largest < (8 * n * n_starts * d * size) / 3


def half_space(first_is_inside: bool = False) -> tuple[LatentManifold, Tensor]:
    """A manifold of a logarithm that does not take the first candidate, or does, and on which side zero begins."""
    first = LatentManifold(lambda z: z).sample_prior(2000, torch.zeros(2).double(), seed=0)[0, :1]
    side = first.sign() if first_is_inside else -first.sign()
    return LatentManifold(lambda z: torch.cat([z, (side * z[:, :1]).log()], dim=1)), side


@pytest.mark.parametrize("first_is_inside", [False, True])
def test_a_generator_that_is_not_finite_everywhere_is_inverted_where_it_is(first_is_inside: bool) -> None:
    manifold, side = half_space(first_is_inside)
    z = torch.cat([side * 1.2, torch.tensor([0.4]).double()])
    found = invert(manifold, manifold.generate(z), latent_dim=2)
    assert torch.allclose(found.z, z, atol=1e-5)
    assert found.agreement == 1.0  # no start was a latent that has no image


def test_too_few_finite_images_are_told_of() -> None:
    manifold, side = half_space()
    data = manifold.generate(torch.cat([side, side]))
    with pytest.raises(ValueError, match=r"images are finite at \d of 8 samples of the prior, and n_starts is 8; pass"):
        invert(manifold, data, latent_dim=2, n_candidates=8)
    with pytest.raises(ValueError, match=r"images are finite at 0 of 2000 samples"):
        invert(lambda z: (0.0 * z).log(), torch.zeros(2), latent_dim=2)


def test_a_generator_in_training_mode_sees_no_candidates() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8))
    before = net[1].running_mean.clone()  # type: ignore[operator]
    with pytest.raises(ValueError, match="training mode"):
        invert(net, torch.zeros(8), latent_dim=3)
    assert torch.equal(net[1].running_mean, before)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_data_in_half_precision_are_inverted_in_single(dtype: torch.dtype) -> None:
    half = random_decoder([3, 16, 50], gain=1.0, dtype=torch.float32).to(dtype)
    single = copy.deepcopy(half).float()
    data = single(latents(2, 3, seed=1, dtype=torch.float32)).to(dtype)
    found, expected = invert(half, data, latent_dim=3), invert(single, data.float(), latent_dim=3)
    for name in ("z", "x", "residual", "agreement"):
        assert torch.equal(getattr(found, name), getattr(expected, name).to(dtype))
    assert torch.equal(found.converged, expected.converged)


def test_transforms_are_refused_in_one_sentence() -> None:
    with pytest.raises(RuntimeError, match=r"^Solves do not run inside torch\.func"):
        torch.func.vmap(lambda x: invert(lambda z: z, x, latent_dim=2).z)(torch.zeros(3, 2))
