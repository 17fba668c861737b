"""Which pairs a figure shows, and what their strips of images show, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from geodreg.interpolation.paths import Paths
from geodreg.paper.labels import names_of
from geodreg.paper.wording import percent

__all__ = ["describe_fading", "fading", "pairs_to_show"]

CLEAR = 0.6  # of the median contrast and distance; pairs with less cannot be told apart at the size of a strip
PALE = 0.8  # of the contrast of the paler endpoint; below that a strip is said to fade


def pairs_to_show(start: Tensor, end: Tensor, n: int) -> list[int]:
    """The first pairs of images that can be told apart; if they are too few, the first others behind them.

    A pair can be told apart if both its images have at least three fifths of the contrast, and are at least three
    fifths as far from each other, as the median of all images and pairs. The contrast of an image is the standard
    deviation of its values.

    Args:
        start: first images of the pairs, ``(P, ...)``.
        end: last images, ``(P, ...)``.
        n: how many pairs are wanted; fewer are given where there are fewer.

    Example:
        >>> bright = torch.tensor([0.0, 1.0, 0.0, 1.0])
        >>> start = torch.stack([0.1 * bright, bright, bright])
        >>> pairs_to_show(start, 1 - start, 2)
        [1, 2]
    """
    first, last = start.flatten(1).double(), end.flatten(1).double()
    contrast = torch.stack([first.std(-1), last.std(-1)])
    distance = (last - first).norm(dim=-1)
    clear = (contrast.amin(0) >= CLEAR * contrast.median()) & (distance >= CLEAR * distance.median())
    order = torch.cat([clear.nonzero()[:, 0], (~clear).nonzero()[:, 0]])
    return order[:n].tolist()


def fading(images: Tensor) -> Tensor:
    """Contrast of the palest image of each strip over that of its paler endpoint: ``(..., n, h, w)`` to ``(...)``."""
    contrast = images.flatten(-2).std(-1)
    return contrast.amin(-1) / torch.minimum(contrast[..., 0], contrast[..., -1])


def describe_fading(paths: Mapping[str, Paths], pairs: Sequence[int], n_images: int = 200) -> str:
    """Which strips fade to grey on the way, as a sentence with the contrast that is left.

    Args:
        paths: paths of grey images ``(P, K, h, w)`` by method.
        pairs: which of the ``P`` pairs are shown; they are counted from one, in this order.
        n_images: of each path, evenly spaced by arc length, that are looked at.
    """
    names = names_of(paths)
    said = []
    for method in names:
        left = torch.stack([fading(paths[method][pair].resample(n_images).x) for pair in pairs])
        pale = [f"{number} ({percent(value)})" for number, value in enumerate(left.tolist(), 1) if value < PALE]
        if pale:
            said.append(f"{names[method]} in panel{'s' if len(pale) > 1 else ''} {_listed(pale)}")
    given = f"less than {percent(PALE)} of the paler endpoint's contrast"
    return f"Some images have {given}: {'; '.join(said)}." if said else f"No image that is shown has {given}."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
