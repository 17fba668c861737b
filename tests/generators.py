"""Generators with known geometry, and random ones."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor


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
) -> Callable[[Tensor], Tensor]:
    """Fully connected hyperbolic tangents with normal weights of standard deviation gain / sqrt(inputs)."""
    chance = torch.Generator().manual_seed(seed)
    weights = [
        (torch.randn(a, b, generator=chance, dtype=torch.float64) * gain / a**0.5).to(dtype) for a, b in pairwise(sizes)
    ]

    def decoder(z: Tensor) -> Tensor:
        for weight in weights[:-1]:
            z = torch.tanh(z @ weight.to(z.device))
        return z @ weights[-1].to(z.device)

    return decoder


def latents(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal latents ``(n, d)``; the same numbers in every dtype."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)
