"""The circular data set of Figure 2."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["ring"]


def ring(n: int, spread: float, generator: torch.Generator) -> Tensor:
    """Points near the unit circle, uniform in angle, the radius normal about 1: ``(n, 2)``.

    Args:
        n: number of points.
        spread: standard deviation of the radius.
        generator: source of chance.

    Example:
        >>> ring(1000, 0.0, torch.Generator().manual_seed(0)).norm(dim=1).allclose(torch.ones(1000))
        True
    """
    angle = 2.0 * math.pi * torch.rand(n, generator=generator)
    radius = 1.0 + spread * torch.randn(n, generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)
