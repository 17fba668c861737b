"""Latents of any shape, one start with many ends."""

import math
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from geodreg import Algorithm1, GraphStart, LatentManifold, MatrixFree, chain, geodesic_distance, interpolate, invert
from tests.generators import latents, random_decoder

SHAPES = [(6,), (6, 1, 1), (2, 3), (1, 6)]


def shaped_decoder(shape: tuple[int, ...]) -> nn.Module:
    """One that takes latents of that shape and no other."""

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = random_decoder([6, 16, 12], gain=1.0)

        def forward(self, z: Tensor) -> Tensor:
            if z.shape[1:] != shape:
                raise RuntimeError(f"expected latents {shape}, got {tuple(z.shape[1:])}")
            return self.layers(z.flatten(1)).unflatten(1, (3, 4))

    return Decoder()


@pytest.mark.parametrize("method", ["straight", "slerp", "geodesic", "geodreg"])
@pytest.mark.parametrize("batch", [(), (2, 2)])
@pytest.mark.parametrize("shape", SHAPES)
def test_shaped_and_flat_latents_give_the_same_paths_in_the_shape_given(
    shape: tuple[int, ...], batch: tuple[int, ...], method: str
) -> None:
    n = math.prod(batch)
    start, end = (latents(n, 6, seed).reshape(*batch, 6) for seed in (0, 1))
    expected = interpolate(LatentManifold(random_decoder([6, 16, 12], gain=1.0), noise=0.1), start, end, method)
    manifold = LatentManifold(shaped_decoder(shape), noise=0.1, latent_shape=shape)
    given = interpolate(manifold, start.reshape(*batch, *shape), end.reshape(*batch, *shape), method)
    assert given.z.shape == (*batch, 35, *shape)
    assert given.x.shape == (*batch, 35, 3, 4)
    assert torch.allclose(given.flat_latents, expected.z, atol=1e-8)
    assert torch.allclose(given.length, expected.length)
    profile = given.resample(5)
    assert profile.z.shape == (*batch, 5, *shape)
    assert profile.x.shape == (*batch, 5, 3, 4)
    if find_spec("pandas"):
        assert given.to_frame(5).equals(given.with_flat_latents().to_frame(5))
    flat = interpolate(manifold, start, end, method)
    assert torch.equal(flat.flat_latents, given.flat_latents)
    if n != 1 or shape[0] != 1:  # one row of vectors has the shape of a latent there
        assert flat.z.shape == (*batch, 35, 6)


def test_curves_and_known_geodesics_are_taken_in_both_shapes() -> None:
    shape = (2, 3)
    manifold = LatentManifold(shaped_decoder(shape), noise=0.1, latent_shape=shape)
    start, end = (latents(2, 6, seed).reshape(2, *shape) for seed in (0, 1))
    geodesic = interpolate(manifold, start, end, "geodesic")
    usual = interpolate(manifold, start, end)
    for known in (geodesic, geodesic.with_flat_latents()):
        assert torch.equal(interpolate(manifold, start, end, geodesic=known).z, usual.z)
        assert interpolate(manifold, start, end, init=known.z).z.shape == usual.z.shape


@pytest.mark.parametrize(
    "solver", ["newton", "matrix-free", Algorithm1(max_iterations=20)], ids=["newton", "matrix-free", "algorithm1"]
)
def test_a_dcgan_with_latents_of_one_pixel_is_interpolated(solver: str | Algorithm1) -> None:
    torch.manual_seed(0)
    layers = [nn.ConvTranspose2d(100, 8, 4), nn.Tanh(), nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()]
    generator = nn.Sequential(*layers).eval().requires_grad_(False)
    manifold = LatentManifold(generator, latent_shape=(100, 1, 1))
    start, end = latents(1, 100, 0, torch.float32)[0], latents(1, 100, 1, torch.float32)[0]
    paths = interpolate(manifold, start.view(100, 1, 1), end, "geodesic", n_points=5, solver=solver)
    assert paths.z.shape == (5, 100, 1, 1)
    assert paths.x.shape == (5, 3, 8, 8)
    straight = interpolate(manifold, start, end, "straight", n_points=5)
    assert paths.length < straight.length


@pytest.mark.parametrize("given", ["flat", "shaped"])
@pytest.mark.parametrize("shape", [(16, 1, 1), (2, 4, 4)])
def test_a_generator_of_shaped_latents_is_told_of_latent_shape(shape: tuple[int, ...], given: str) -> None:
    generator = nn.Conv2d(shape[0], 3, 1).eval().requires_grad_(False)
    start, end = (latents(2, math.prod(shape), seed, torch.float32) for seed in (0, 1))
    if given == "shaped":
        start, end = (z.reshape(2, *shape) for z in (start, end))
    elif shape != (16, 1, 1):  # a vector says nothing of height and width
        with pytest.raises(ValueError, match="latent_shape"):
            interpolate(generator, start, end, "geodesic")
        return
    sentence = rf"pass LatentManifold\(generator, latent_shape=\({', '.join(map(str, shape))}\)\)"
    with pytest.raises(ValueError, match=sentence) as caught:
        interpolate(generator, start, end, "geodesic")
    assert "\n" not in str(caught.value)


def test_a_generator_in_training_mode_sees_no_latents_of_other_shapes() -> None:
    generator = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8)).double()
    before = generator[1].running_mean.clone()  # type: ignore[operator]
    with pytest.raises(ValueError, match="training mode"):
        interpolate(generator, latents(2, 3, 0), latents(2, 3, 1))
    assert torch.equal(generator[1].running_mean, before)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["straight", "slerp", "geodesic", "geodreg"])
def test_one_start_has_many_ends(method: str) -> None:
    manifold = LatentManifold(random_decoder([3, 16, 9], gain=1.5), noise=0.2)
    start, ends = latents(1, 3, 0)[0], latents(6, 3, 1).view(2, 3, 3)
    paths = interpolate(manifold, start, ends, method, mu=0.1)
    assert paths.z.shape == (2, 3, 35, 3)
    expected = interpolate(manifold, start.expand(2, 3, 3).clone(), ends, method, mu=0.1)
    assert torch.equal(paths.z, expected.z)
    back = interpolate(manifold, ends, start, method, mu=0.1)
    assert torch.equal(back.z[..., -1, :], start.expand(2, 3, 3))
    crossed = interpolate(manifold, ends[:, :1], ends[:1], method, mu=0.1)
    assert crossed.z.shape == (2, 3, 35, 3)


@pytest.mark.parametrize(
    ("start", "end"), [((2, 3), (3, 3)), ((3,), (4,)), ((1,), (3,)), ((2, 1), (2, 3))], ids=lambda shape: str(shape)
)
def test_endpoints_that_do_not_broadcast_are_refused(start: tuple[int, ...], end: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="start and end differ in shape"):
        interpolate(lambda z: 1.0 * z, torch.zeros(start), torch.zeros(end))


@pytest.mark.parametrize("shape", [(), (0, 3), (2.5, 2), "ab", 6, (True, -1)])
def test_what_is_no_shape_is_refused(shape: object) -> None:
    with pytest.raises(ValueError, match=r"latent_shape is .*; pass the shape of one latent"):
        LatentManifold(lambda z: z, latent_shape=shape)  # type: ignore[arg-type]


def test_endpoints_of_neither_shape_are_refused() -> None:
    manifold = LatentManifold(shaped_decoder((2, 3)), latent_shape=(2, 3))
    with pytest.raises(ValueError, match=r"start has shape \(4, 5\); pass \(..., 6\) or \(..., 2, 3\)"):
        interpolate(manifold, torch.zeros(4, 5).double(), torch.zeros(4, 5).double())


def test_everything_else_takes_flat_latents_of_a_shaped_generator() -> None:
    manifold = LatentManifold(shaped_decoder((2, 3)), noise=0.1, latent_shape=(2, 3))
    flat = LatentManifold(random_decoder([6, 16, 12], gain=1.0), noise=0.1)
    z = latents(3, 6, 0)
    assert torch.allclose(manifold.metric(z), flat.metric(z))
    assert torch.allclose(manifold.nll(z), flat.nll(z))
    assert torch.allclose(geodesic_distance(manifold, z[0], z[1]), geodesic_distance(flat, z[0], z[1]))
    assert torch.allclose(
        invert(manifold, manifold.generate(z).detach(), 6).residual, torch.zeros(3).double(), atol=1e-4
    )
    assert manifold.sample_prior(4, z, 0).shape == (4, 6)
    graph = interpolate(manifold, z[0], z[1], init=GraphStart(n_samples=50))
    assert graph.converged
    free = interpolate(manifold, z[0].view(2, 3), z[1].view(2, 3), solver=MatrixFree())
    assert free.z.shape == (35, 2, 3)
    path = chain(manifold, z.view(3, 2, 3), "geodesic")
    assert path.z.shape == (69, 2, 3)
    assert path.resample(4).z.shape == (4, 2, 3)
    assert chain(manifold, z, "geodesic").z.shape == (69, 6)
