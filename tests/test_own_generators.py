"""Paths on generators as people have them, against a plain quasi-Newton method from the same start."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from geodreg import LatentManifold, interpolate
from geodreg.geometry.curve import chord_energy, straight
from tests.generators import (
    GridSampler,
    MultiHead,
    NormAfterAttention,
    ScaledDotProducts,
    SineBackward,
    autoencoder,
    dcgan,
    latents,
    styled,
    transformer,
)

K = 9
MANY_VALLEYS = ("StyleGAN", "a sampler of grids")  # kinked, so that every method ends in a valley of its own
GENERATORS: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "multi-head attention": (4, MultiHead),
    "scaled dot products": (4, ScaledDotProducts),
    "norm after attention": (4, NormAfterAttention),
    "transformer": (5, lambda: transformer(5)),
    "autoencoder": (18, autoencoder),
    "DCGAN": (4, lambda: dcgan(4, nn.ReLU(inplace=True))),
    "DCGAN with leaky rectifiers": (4, lambda: dcgan(4, nn.LeakyReLU(0.2, inplace=True))),
    "StyleGAN": (6, lambda: styled(6)),
    "instance norm": (
        4,
        lambda: _sequence(nn.Linear(4, 64), nn.Unflatten(1, (4, 4, 4)), nn.InstanceNorm2d(4), nn.Flatten()),
    ),
    "layer norm": (4, lambda: _sequence(nn.Linear(4, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, 9))),
    "normalised latents": (3, lambda: _sequence(_PixelNorm(), nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 30))),
    "more latents than numbers": (6, lambda: _sequence(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))),
    "gated units": (4, lambda: _sequence(nn.Linear(4, 16), nn.GLU(), nn.Linear(8, 9))),
    "exponential units": (4, lambda: _sequence(nn.Linear(4, 16), nn.ELU(), nn.Linear(16, 9))),
    "a backward pass of its own": (4, lambda: _sequence(nn.Linear(4, 8), _Sine(), nn.Linear(8, 9))),
    "a sampler of grids": (4, GridSampler),
}


class _Sine(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return SineBackward.apply(z)


class _PixelNorm(nn.Module):
    """Latents of length one for each coordinate, as the generators of progressive GANs and of StyleGAN take them."""

    def forward(self, z: Tensor) -> Tensor:
        return z * torch.rsqrt(z.square().mean(-1, keepdim=True) + 1e-8)


def _sequence(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    for layer in layers:  # their weights were drawn before this was called
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return nn.Sequential(*layers).eval()


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_has_the_same_weights_whatever_was_drawn_before(name: str) -> None:
    assert torch.initial_seed() == 0  # as in every test
    _, make = GENERATORS[name]
    first = make().state_dict()
    torch.rand(3)
    for key, values in make().state_dict().items():
        assert torch.equal(values, first[key]), key


def quasi_newton(function: Callable[[Tensor], Tensor], z: Tensor) -> float:
    """The least value that SciPy's L-BFGS finds of a function of paths ``(1, K, d)`` with fixed endpoints."""

    def value_and_gradient(interior: np.ndarray) -> tuple[float, np.ndarray]:
        inner = torch.from_numpy(interior.copy()).view_as(z[:, 1:-1]).requires_grad_()
        value = function(torch.cat([z[:, :1], inner, z[:, -1:]], dim=1))
        (gradient,) = torch.autograd.grad(value, inner)
        return float(value.detach()), gradient.flatten().numpy()

    start = z[:, 1:-1].flatten().numpy()
    return float(minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}).fun)


RELEASE = tuple(int(number) for number in torch.__version__.split(".")[:2])


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
@pytest.mark.parametrize("name", GENERATORS)
def test_geodesics_are_no_longer_than_those_of_a_quasi_newton_method(name: str, solver: str) -> None:
    if name == "a sampler of grids" and solver == "matrix-free" and RELEASE < (2, 11):
        pytest.skip("torch differentiates the reverse pass of a sampler of grids from 2.11 on")
    d, make = GENERATORS[name]
    generator = make().double().requires_grad_(False)
    start, end = latents(1, d, 1), latents(1, d, 2)
    paths = interpolate(LatentManifold(generator), start, end, "geodesic", n_points=K, interval=1.0, solver=solver)

    def energy(z: Tensor) -> Tensor:
        return chord_energy(generator(z[0]).flatten(1).unsqueeze(0), 1.0).sum()

    if name not in MANY_VALLEYS:
        assert paths.energy.item() <= quasi_newton(energy, straight(start, end, K)) * (1 + 1e-3)
    if name not in MANY_VALLEYS or paths.converged.all():  # at the limit of iterations, along a crease, it says so
        assert paths.energy.item() <= quasi_newton(energy, paths.z) * (1 + 1e-3)
    assert paths.energy.item() <= energy(straight(start, end, K)).item()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("activation", [nn.Tanh(), nn.LeakyReLU(0.2)], ids=str)
def test_paths_of_normalised_latents_converge_and_their_length_does_not_depend_on_the_latents_own(
    activation: nn.Module, dtype: torch.dtype
) -> None:
    generator = _sequence(_PixelNorm(), nn.Linear(8, 64), activation, nn.Linear(64, 30)).to(dtype).requires_grad_(False)
    start, end = latents(16, 8, 1, dtype), latents(16, 8, 2, dtype)
    paths = interpolate(generator, start, end, "geodesic")
    scaled = interpolate(generator, 3.0 * start, 3.0 * end, "geodesic")
    longer = (scaled.length / paths.length - 1.0).abs()
    if isinstance(activation, nn.Tanh):
        # Without damping no pair converges. A few may creep to where the latents' own length is that of the epsilon.
        assert (paths.converged & scaled.converged & (longer < 1e-6)).sum() >= 14
        assert longer.max() < 5e-3
        assert interpolate(LatentManifold(generator, noise=0.1), start, end, mu=0.1).converged.sum() >= 14
    else:  # creases are valleys of their own, and which one a path comes to rest in depends on the last bit of a sum
        assert paths.converged.sum() >= 13
        assert paths.iterations.double().median() < 100
        assert longer.median() < 2e-3
        assert longer.max() < 0.05


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*kink:UserWarning")  # the density of a DCGAN of rectifiers is one on pieces
@pytest.mark.parametrize("name", ["multi-head attention", "transformer", "layer norm", "exponential units", "DCGAN"])
def test_regularised_paths_are_no_worse_than_those_of_a_quasi_newton_method(name: str) -> None:
    d, make = GENERATORS[name]
    generator = make().double().requires_grad_(False)
    start, end, mu = latents(1, d, 1), latents(1, d, 2), 0.1
    manifold, plain = LatentManifold(generator, noise=0.3), LatentManifold(generator, noise=0.3, derivatives="rows")
    settings = {"n_points": K, "interval": 1.0}
    geodesic = interpolate(manifold, start, end, "geodesic", **settings)  # type: ignore[arg-type]
    paths = interpolate(manifold, start, end, mu=mu, **settings)  # type: ignore[arg-type]

    def objective(z: Tensor) -> Tensor:
        energy = chord_energy(generator(z[0]).flatten(1).unsqueeze(0), 1.0).sum()
        return energy + mu / (K - 1) * plain.nll(z[:, 1:-1]).sum()

    assert paths.objective.item() == pytest.approx(objective(paths.z).item(), rel=1e-6)
    least = quasi_newton(objective, geodesic.z)
    gained = objective(geodesic.z).item() - least
    assert paths.objective.item() <= least + 1e-2 * gained + 1e-9


def test_a_function_whose_weights_are_in_half_precision_is_told_where_they_must_be() -> None:
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 9)).to(torch.bfloat16)
    start, end = torch.randn(2, 1, 3, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    with pytest.raises(ValueError, match=r"weights behind a function must be in torch\.float32 themselves"):
        interpolate(lambda z: module(z), start, end, "geodesic")
    assert interpolate(module, start, end, "geodesic").converged.all()
    single = copy.deepcopy(module).float()
    assert interpolate(lambda z: single(z), start, end, "geodesic").converged.all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "settings", [{}, {"latent_shape": (3,)}, {"ambient": torch.sin}], ids=["flat", "shaped", "ambient"]
)
@pytest.mark.parametrize("kind", ["wide end", "narrow end", "half of it in half precision"])
def test_modules_in_half_precision_are_solved_in_single_whatever_their_last_layer(
    kind: str, settings: dict[str, Any], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4 if kind == "narrow end" else 20)).to(dtype)
    if kind.startswith("half of it"):
        module[2].float()
    single = copy.deepcopy(module).float()
    start, end = torch.randn(2, 2, 3).to(dtype)
    found = interpolate(LatentManifold(module, **settings), start, end, "geodesic")
    wanted = interpolate(LatentManifold(single, **settings), start.float(), end.float(), "geodesic")
    assert found.converged.all()
    assert found.z.dtype == dtype
    torch.testing.assert_close(found.energy.float(), wanted.energy, rtol=1e-3, atol=0.0)
