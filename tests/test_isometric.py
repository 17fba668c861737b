"""Fewer coordinates of data space change nothing that a path is made of."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from geodreg import LatentManifold, Newton, interpolate
from geodreg.geometry.isometric import has_wide_end
from tests.generators import latents, random_decoder


def test_narrow_manifold_has_the_same_distances_metric_and_density() -> None:
    manifold = LatentManifold(random_decoder([3, 16, 40], gain=1.5), noise=0.1)
    narrow, z = manifold.isometric(), latents(6, 3, seed=0)
    assert narrow.data_size(z) == 16
    assert torch.allclose(torch.pdist(narrow.generate(z)), torch.pdist(manifold.generate(z)))
    assert torch.allclose(narrow.metric(z), manifold.metric(z))
    assert torch.allclose(narrow.nll(z), manifold.nll(z))


def test_a_solver_finds_the_same_path_with_and_without_it() -> None:
    class Whole(nn.Module):  # hides the layers
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.inner(z)

    decoder = random_decoder([3, 16, 40], gain=1.5)
    decoder[-1].bias = nn.Parameter(torch.linspace(-1.0, 1.0, 40, dtype=torch.float64))
    start, end = latents(4, 3, seed=1), latents(4, 3, seed=2)
    assert has_wide_end(decoder)
    assert not has_wide_end(Whole(decoder))
    for method in ("geodesic", "geodreg"):
        narrow, whole = (
            interpolate(
                LatentManifold(generator, noise=0.1), start, end, method, mu=0.1, solver=Newton(tolerance=1e-10)
            )
            for generator in (decoder, Whole(decoder))
        )
        assert narrow.converged.all()
        assert torch.allclose(narrow.z, whole.z, atol=1e-5)
        assert narrow.x.shape == whole.x.shape == (4, 35, 40)
        assert torch.allclose(narrow.objective, whole.objective, rtol=1e-9)


def test_weights_that_change_are_noticed() -> None:
    decoder = random_decoder([2, 8, 20], gain=1.0)
    manifold, z = LatentManifold(decoder), latents(3, 2, seed=0)
    first = manifold.isometric()
    assert manifold.isometric() is first
    next(decoder[-1].parameters()).data.mul_(2.0)
    assert torch.allclose(manifold.isometric().metric(z), manifold.metric(z))
    assert torch.allclose(manifold.isometric().metric(z), 4.0 * first.metric(z))


@pytest.mark.parametrize("place", [0, 2])
def test_layers_that_are_replaced_are_noticed(place: int) -> None:
    decoder = random_decoder([2, 8, 20], gain=1.0)
    manifold, z = LatentManifold(decoder), latents(3, 2, seed=0)
    manifold.isometric()
    decoder[place] = random_decoder([2, 8, 20], gain=1.0, seed=1)[place]
    assert torch.allclose(manifold.isometric().metric(z), manifold.metric(z))


def test_what_only_arranges_at_the_end_is_looked_through() -> None:
    flat = random_decoder([2, 8, 20], gain=1.0)
    images = nn.Sequential(*flat, nn.Unflatten(1, (4, 5)))
    z = latents(3, 2, seed=0)
    assert torch.allclose(LatentManifold(images).isometric().metric(z), LatentManifold(images).metric(z))
    assert LatentManifold(images).isometric().data_size(z) == 8
    hooked = nn.Sequential(*flat)
    hooked.register_forward_hook(lambda *arguments: 2.0 * arguments[-1])
    assert LatentManifold(hooked).isometric().data_size(z) == 20


def with_hook(net: nn.Sequential) -> nn.Sequential:
    net[-1].register_forward_pre_hook(lambda _, given: (given[0] ** 3,))
    return net


def with_forward_of_its_own(net: nn.Sequential) -> nn.Sequential:
    usual = net[-1].forward
    net[-1].forward = lambda h: usual(h) ** 2
    return net


def with_hook_at_the_end(net: nn.Sequential) -> nn.Sequential:
    net.append(nn.Flatten())
    net[-1].register_forward_hook(lambda *each: each[-1] ** 2)
    return net


@pytest.mark.parametrize("alter", [with_hook, with_forward_of_its_own, with_hook_at_the_end])
def test_what_is_attached_to_the_last_layers_is_not_left_out(alter: Callable[[nn.Sequential], nn.Sequential]) -> None:
    net = alter(random_decoder([2, 8, 20], gain=1.0))
    start, end = latents(3, 2, seed=1), latents(3, 2, seed=2)

    def whole(z: Tensor) -> Tensor:
        return net(z)

    assert not has_wide_end(net)
    assert torch.equal(interpolate(net, start, end, "geodesic").z, interpolate(whole, start, end, "geodesic").z)


def test_a_wide_end_made_in_inference_mode_is_copied_like_any_other() -> None:
    with torch.inference_mode():
        made = random_decoder([2, 8, 20], gain=1.0)
    start, end = latents(3, 2, seed=1), latents(3, 2, seed=2)
    expected = interpolate(random_decoder([2, 8, 20], gain=1.0), start, end, "geodesic")
    assert torch.allclose(interpolate(made, start, end, "geodesic").z, expected.z, atol=1e-6)
