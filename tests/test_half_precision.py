"""Generators and latents in half precision: solved in single, given back in half, and trained through."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from geodreg import (
    LatentManifold,
    chain,
    exponential_map,
    frechet_mean,
    geodesic_distance,
    geodesic_distances,
    interpolate,
    logarithm_map,
    parallel_transport,
)
from tests.generators import latents, random_decoder

HALF = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)


def both(dtype: torch.dtype) -> tuple[nn.Module, nn.Module, Tensor, Tensor]:
    """A decoder in half precision and its copy in single, and endpoints in half."""
    half = random_decoder([3, 16, 784], gain=1.5, dtype=torch.float32).to(dtype)
    start, end = (
        latents(2, 3, seed=1, dtype=torch.float32).to(dtype),
        latents(2, 3, seed=2, dtype=torch.float32).to(dtype),
    )
    return half, copy.deepcopy(half).float(), start, end


@HALF
def test_what_is_read_off_a_path_is_computed_in_single_precision(dtype: torch.dtype) -> None:
    half, single, start, end = both(dtype)
    paths = interpolate(half, start, end, "geodesic", n_points=9)
    expected = interpolate(single, start.float(), end.float(), "geodesic", n_points=9)
    assert paths.z.dtype == paths.x.dtype == dtype
    profile, other = paths.resample(7), expected.resample(7)
    assert profile.z.dtype == profile.x.dtype == dtype
    assert torch.allclose(profile.nll, other.nll, atol=0.3)  # of rounded points, and finite
    assert torch.allclose(profile.tangent, other.tangent, atol=0.1)
    assert paths.to_frame().notna().all(axis=None)
    assert paths.to_frame(5).notna().all(axis=None)
    assert "converged" in str(paths.report())
    assert chain(half, torch.stack([start[0], end[0], start[1]]), "straight").resample(9).nll.isfinite().all()


@HALF
def test_geometry_is_that_of_single_precision_rounded(dtype: torch.dtype) -> None:
    half, single, start, end = both(dtype)
    rounding = 4 * torch.finfo(dtype).eps
    a, b = start.float(), end.float()
    velocity = logarithm_map(half, start, end)
    assert velocity.dtype == dtype
    assert torch.allclose(velocity.float(), logarithm_map(single, a, b), rtol=rounding, atol=rounding)
    reached = exponential_map(half, start, velocity)
    assert reached.dtype == dtype
    assert torch.allclose(reached.float(), exponential_map(single, a, velocity.float()), rtol=rounding, atol=rounding)
    assert torch.allclose(geodesic_distances(half, start, end).matrix, geodesic_distances(single, a, b).matrix)
    curve = torch.lerp(a[0], b[0], torch.linspace(0, 1, 5)[:, None]).to(dtype)
    carried = parallel_transport(half, curve, velocity[0], n_sub=8)
    expected = parallel_transport(single, curve.float(), velocity[0].float(), n_sub=8)
    assert carried.dtype == dtype
    assert torch.allclose(carried.float(), expected, rtol=rounding, atol=rounding)
    mean = frechet_mean(half, torch.lerp(start, end, 0.1))
    assert mean.point.dtype == dtype
    assert mean.converged


@HALF
def test_parameters_in_half_precision_get_their_gradient(dtype: torch.dtype) -> None:
    half, single, start, end = both(dtype)
    for module in (half, single):
        module.requires_grad_()
    for _ in range(2):
        distance = geodesic_distance(half, start, end)
        distance.sum().backward()
        expected = geodesic_distance(single, start.float(), end.float())
        expected.sum().backward()
        assert distance.dtype == dtype
        assert torch.allclose(distance.float(), expected, rtol=4 * torch.finfo(dtype).eps)
        for ours, theirs in zip(half.parameters(), single.parameters(), strict=True):
            assert ours.grad is not None
            assert theirs.grad is not None
            assert (ours.grad.float() - theirs.grad).norm() <= 0.03 * theirs.grad.norm() + 1e-6
            ours.grad, theirs.grad = None, None
        with torch.no_grad():  # as an optimiser does; what was copied is copied again
            for ours, theirs in zip(half.parameters(), single.parameters(), strict=True):
                theirs.copy_(ours.mul_(1.25))


def test_layers_that_share_a_parameter_share_its_gradient() -> None:
    shared, last = nn.Linear(4, 4), nn.Linear(4, 9)
    other = nn.Linear(4, 4)
    other.weight = shared.weight
    net = nn.Sequential(shared, nn.Tanh(), other, nn.Tanh(), last).bfloat16()
    start, end = latents(2, 4, seed=1, dtype=torch.float32).bfloat16()
    single = copy.deepcopy(net).float()
    geodesic_distance(net, start, end).backward()
    geodesic_distance(single, start.float(), end.float()).backward()
    ours, theirs = shared.weight.grad, next(single.parameters()).grad
    assert ours is not None
    assert theirs is not None
    assert (ours.float() - theirs).norm() < 0.03 * theirs.norm()


class Truncated(nn.Module):
    """A decoder with a setting of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.truncation = random_decoder([3, 8, 6], gain=1.0, dtype=torch.float32), 1.0

    def forward(self, z: Tensor) -> Tensor:
        return self.inner(self.truncation * z)


def _by_its_data(net: Truncated) -> None:
    next(net.parameters()).data.mul_(2.0)


def _in_inference_mode(net: Truncated) -> None:
    with torch.inference_mode():
        next(net.parameters()).mul_(2.0)


def _by_a_setting(net: Truncated) -> None:
    net.truncation = 0.5


def _by_another_layer(net: Truncated) -> None:
    net.inner[1] = nn.Sigmoid()


def _by_a_hook(net: Truncated) -> None:
    net.inner[0].register_forward_hook(lambda _, __, x: 2.0 * x)


def _by_its_precision(net: Truncated) -> None:
    net.float()


@HALF
@pytest.mark.parametrize(
    "change", [_by_its_data, _in_inference_mode, _by_a_setting, _by_another_layer, _by_a_hook, _by_its_precision]
)
def test_a_generator_in_half_precision_is_what_it_is_now(
    dtype: torch.dtype, change: Callable[[Truncated], None]
) -> None:
    net, z = Truncated().to(dtype), latents(2, 3, seed=0, dtype=torch.float32)
    manifold = LatentManifold(net)
    before = manifold.generate(z)
    change(net)
    after = manifold.generate(z)
    assert torch.equal(after, LatentManifold(net).generate(z))
    assert torch.equal(after, before) == (change is _by_its_precision)


@HALF
def test_a_generator_that_was_frozen_gets_its_gradient_later(dtype: torch.dtype) -> None:
    net, z = random_decoder([3, 8, 6], gain=1.0, dtype=torch.float32).to(dtype), latents(2, 3, 0, torch.float32)
    manifold = LatentManifold(net)
    manifold.generate(z)
    net.requires_grad_(True)
    manifold.generate(z).sum().backward()
    gradient = next(net.parameters()).grad
    assert gradient is not None
    assert gradient.any()


@HALF
def test_a_generator_that_was_used_is_copied_and_pickled(dtype: torch.dtype) -> None:
    net, z = random_decoder([3, 8, 6], gain=1.0, dtype=torch.float32).to(dtype), latents(2, 3, 0, torch.float32)
    manifold = LatentManifold(net.requires_grad_(True))
    x = manifold.generate(z)
    assert torch.equal(copy.deepcopy(manifold).generate(z), x)
    assert torch.equal(pickle.loads(pickle.dumps(manifold)).generate(z), x)  # noqa: S301 - our own
