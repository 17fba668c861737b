"""Random changes of images that can be differentiated."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

__all__ = ["cut_out", "move"]


def move(
    images: Tensor, chance: torch.Generator, *, angle: float = 0.0, scale: float = 0.0, shift: float = 0.0
) -> Tensor:
    """Turn, scale and shift every image by a random amount; what comes in from outside repeats the border.

    Args:
        images: ``(n, h, w)``.
        chance: source of chance.
        angle: standard deviation in radians.
        scale: standard deviation of the factor about one.
        shift: standard deviation as a fraction of half the image.
    """
    n = len(images)
    turn = angle * torch.randn(n, generator=chance)
    factor = 1.0 + scale * torch.randn(n, generator=chance)
    offset = shift * torch.randn(n, 2, generator=chance)
    cosine, sine = factor * turn.cos(), factor * turn.sin()
    rows = [
        torch.stack([cosine, -sine, offset[:, 0]], dim=-1),
        torch.stack([sine, cosine, offset[:, 1]], dim=-1),
    ]
    grid = affine_grid(torch.stack(rows, dim=1).to(images), [n, 1, *images.shape[1:]], align_corners=False)
    return grid_sample(images.unsqueeze(1), grid, padding_mode="border", align_corners=False).squeeze(1)


def cut_out(images: Tensor, chance: torch.Generator, share: float) -> Tensor:
    """Blank a square of every image ``(n, h, w)``, its side a ``share`` of theirs, at a random place."""
    n, height, width = images.shape
    top, left = (torch.rand(n, 1, generator=chance) * (1.0 + share) - share for _ in range(2))
    y, x = (torch.arange(size) / size for size in (height, width))
    rows, columns = (y >= top) & (y < top + share), (x >= left) & (x < left + share)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :]).to(images.device), 0.0)
