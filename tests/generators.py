"""Generators with known geometry, and random ones."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from geodreg.models import load_model


def sphere(z: Tensor) -> Tensor:
    """Unit sphere by polar angle and azimuth."""
    theta, phi = z.unbind(-1)
    return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], dim=-1)


def cylinder(z: Tensor) -> Tensor:
    """Unit cylinder by angle and height."""
    return torch.stack([z[:, 0].cos(), z[:, 0].sin(), z[:, 1]], dim=-1)


def swiss_roll(z: Tensor) -> Tensor:
    """The spiral r = angle, times a height."""
    angle, height = z.unbind(-1)
    return torch.stack([angle * angle.cos(), height, angle * angle.sin()], dim=-1)


def unrolled(z: Tensor) -> Tensor:
    """Isometric coordinates of the Swiss roll: arc length of the spiral, and height."""
    angle = z[..., 0]
    arc = 0.5 * (angle * (1.0 + angle**2).sqrt() + angle.asinh())
    return torch.stack([arc, z[..., 1]], dim=-1)


def random_decoder(
    sizes: Sequence[int], gain: float, seed: int = 0, dtype: torch.dtype = torch.float64
) -> nn.Sequential:
    """Fully connected hyperbolic tangents with normal weights of standard deviation gain / sqrt(inputs)."""
    chance = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        weight = torch.randn(a, b, generator=chance, dtype=torch.float64) * gain / a**0.5
        linear = nn.Linear(a, b, bias=False, dtype=dtype).requires_grad_(False)
        linear.weight.copy_(weight.mT)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def random_convolutional(channels: Sequence[int], latent_dim: int, seed: int = 0) -> nn.Module:
    """Transposed convolutions and SiLU, as a DCGAN has them, to images in three colours.

    Args:
        channels: of the layers of 4 x 4, 8 x 8, ...; the image is twice as wide as the last one.
        latent_dim: latent size.
        seed: of the normal weights, which keep the size of what passes.
    """
    layers: list[nn.Module] = [nn.Unflatten(1, (latent_dim, 1, 1))]
    for place, (n_in, n_out) in enumerate(pairwise([latent_dim, *channels])):
        stride, padding = (1, 0) if place == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(n_in, n_out, 4, stride, padding), nn.SiLU()]
    layers += [nn.ConvTranspose2d(channels[-1], 3, 4, 2, 1), nn.Tanh()]
    chance = torch.Generator().manual_seed(seed)
    for layer in layers:
        if isinstance(layer, nn.ConvTranspose2d):
            inputs = layer.in_channels * (1 if layer.stride == (1, 1) else 4)  # that meet in one output
            nn.init.normal_(layer.weight, std=(2.0 / inputs) ** 0.5, generator=chance)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(*layers).eval().requires_grad_(False)


def trained(name: str) -> nn.Module:
    """A trained generator of the book in double precision; without safetensors, which reads it, its test is skipped."""
    pytest.importorskip("safetensors")
    return load_model(name).generator.double()


def latents(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal latents ``(n, d)``; the same numbers in every dtype."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)
