"""Kinds of fake digits: what a judge of realism is trained to refuse, and what it is tested on unseen."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample

__all__ = ["SEEN_FAKES", "UNSEEN_FAKES", "Fake", "gaussian_blur", "seen_fakes"]

LEAST_CHANGE = 4.5  # data units; two images of one digit by different hands are about ten apart

Fake = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Takes real images ``(n, 28, 28)``, their labels ``(n,)`` and a source of chance to fake images ``(n, 28, 28)``."""


def _partners(labels: Tensor, chance: torch.Generator) -> Tensor:
    """For each image the index of another one, of a different class.

    Raises:
        ValueError: if all images are of one class.
    """
    order = torch.randperm(len(labels), generator=chance)
    for _ in range(20):
        same = labels[order] == labels
        if not same.any():
            return order
        order[same] = torch.randint(len(labels), (int(same.sum()),), generator=chance)
    for image in (labels[order] == labels).nonzero().flatten().tolist():  # of a class that nearly all images are of
        others = (labels != labels[image]).nonzero().flatten()
        if not len(others):
            raise ValueError(
                f"A fake made of two digits needs two classes, and all digits given ({len(labels)}) are of class "
                f"{int(labels[image])}; give digits of another class, too."
            )
        order[image] = others[int(torch.randint(len(others), (1,), generator=chance))]
    return order


def _uniform(n: int, low: float, high: float, chance: torch.Generator) -> Tensor:
    return (low + (high - low) * torch.rand(n, generator=chance))[:, None, None]


def gaussian_blur(images: Tensor, width: float) -> Tensor:
    """Images ``(n, 28, 28)`` under a Gaussian blur; ``width`` is its standard deviation in pixels, above zero."""
    offsets = torch.arange(-8.0, 9.0)
    kernel = torch.exp(-(offsets**2) / (2 * width**2))
    kernel = kernel / kernel.sum()
    rows = conv2d(images[:, None], kernel[None, None, None], padding=(0, 8))
    return conv2d(rows, kernel[None, None, :, None], padding=(8, 0))[:, 0]


def mean_of_two(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Weighted means of two digits of different classes."""
    weight = _uniform(len(images), 0.35, 0.65, chance)
    return weight * images + (1 - weight) * images[_partners(labels, chance)]


def maximum_of_two(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Pixel-wise maxima of two digits of different classes."""
    return torch.maximum(images, images[_partners(labels, chance)])


def noisy(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits under strong pixel noise."""
    noise = torch.randn(images.shape, generator=chance)
    return (images + _uniform(len(images), 0.25, 0.7, chance) * noise).clamp(0, 1)


def blurred(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits under a wide Gaussian blur."""
    return gaussian_blur(images, 1.8 + 1.2 * torch.rand(1, generator=chance).item())


def shuffled(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits cut in 16 squares, the squares in another order."""
    squares = images.unfold(1, 7, 7).unfold(2, 7, 7).reshape(len(images), 16, 7, 7)
    order = torch.argsort(torch.rand(len(images), 16, generator=chance), dim=1)
    squares = torch.gather(squares, 1, order[:, :, None, None].expand_as(squares)).reshape(-1, 4, 4, 7, 7)
    return squares.permute(0, 1, 3, 2, 4).reshape(-1, 28, 28)


def patched(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits with a rectangle in the middle from one of another class; where that changes little, their maximum."""
    other = images[_partners(labels, chance)]
    mixed = torch.where(_rectangles(len(images), 9, 16, chance), other, images)
    return _changed(mixed, images, torch.maximum(images, other))


def erased(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits with a rectangle in the middle blanked out; where that changes little, the rest blanked out."""
    hole = _rectangles(len(images), 9, 14, chance)
    return _changed(images.masked_fill(hole, 0.0), images, images.masked_fill(~hole, 0.0))


def swirled(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits turned about their middle, the more the nearer to it; where that changes little, the maximum of two."""
    y, x = _square()
    angle = _uniform(len(images), 1.8, 3.0, chance) * (1.0 - x.hypot(y)).clamp_min(0.0)
    turned = _sample(images, x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos())
    return _changed(turned, images, maximum_of_two(images, labels, chance))


def faded(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits of too little ink."""
    return _uniform(len(images), 0.1, 0.5, chance) * images


def halves(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Left half of one digit, right half of another; or the upper and the lower."""
    other = images[_partners(labels, chance)]
    joined = torch.cat([images[:, :, :14], other[:, :, 14:]], dim=2)
    stacked = torch.cat([images[:, :14], other[:, 14:]], dim=1)
    return torch.where(torch.rand(len(images), 1, 1, generator=chance) < 0.5, joined, stacked)


def ghosts(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits with a weaker copy of themselves beside them."""
    shift = 5 + int(3 * torch.rand(1, generator=chance).item())
    copy = torch.roll(images, shifts=(shift, -shift), dims=(1, 2))
    return torch.maximum(images, 0.7 * copy)


def waves(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits whose rows are displaced along four waves; with two or three of them a one becomes a passable three."""
    y, x = _square()
    phase = _uniform(len(images), 0, 2 * math.pi, chance)
    x = x + 0.25 * torch.sin(4.0 * math.pi * y + phase)
    return _sample(images, x, y.expand_as(x))


def mean_of_three(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Means of three digits."""
    return (images + images[_partners(labels, chance)] + images[_partners(labels, chance)]) / 3


def torn_rows(images: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Digits in bands of four rows, each band moved sideways."""
    moves = torch.randint(-7, 8, (len(images), 7), generator=chance).repeat_interleave(4, dim=1)  # n x 28
    columns = (torch.arange(28) - moves[:, :, None]) % 28
    return torch.gather(images, 2, columns)


def _square() -> tuple[Tensor, Tensor]:
    """Coordinates of the pixels in [-1, 1], downwards and to the right, ``(28, 28)`` each."""
    line = torch.linspace(-1, 1, 28)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return y, x


def _sample(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values of images ``(n, 28, 28)`` at places ``(n, 28, 28)``, blank outside."""
    return grid_sample(images[:, None], torch.stack([x, y], dim=-1), align_corners=True)[:, 0]


def _changed(made: Tensor, images: Tensor, otherwise: Tensor) -> Tensor:
    """What was made of images ``(n, 28, 28)``, or something else where it is still nearly the same image."""
    distance = (made - images).flatten(1).norm(dim=1)
    return torch.where((distance > LEAST_CHANGE)[:, None, None], made, otherwise)


def _rectangles(n: int, least: int, most: int, chance: torch.Generator) -> Tensor:
    """Masks of rectangles about the middle, ``(n, 28, 28)``."""
    sides = torch.randint(least, most + 1, (n, 2, 1), generator=chance)
    middles = torch.randint(11, 18, (n, 2, 1), generator=chance)
    inside = (torch.arange(28) - middles).abs() <= sides // 2  # n x 2 x 28
    return inside[:, 0, :, None] & inside[:, 1, None, :]


SEEN_FAKES: dict[str, Fake] = {
    "mean of two": mean_of_two,
    "maximum of two": maximum_of_two,
    "noisy": noisy,
    "blurred": blurred,
    "shuffled": shuffled,
    "patched": patched,
    "erased": erased,
    "swirled": swirled,
    "faded": faded,
}
"""Kinds that a judge's reject class may be trained on."""

UNSEEN_FAKES: dict[str, Fake] = {
    "halves": halves,
    "ghosts": ghosts,
    "waves": waves,
    "mean of three": mean_of_three,
    "torn rows": torn_rows,
}
"""Kinds that every judge is only tested on."""


def seen_fakes(*, blurred: bool) -> dict[str, Fake]:
    """The seen kinds, all of them or all but the blurred one, which is the only one that blurs."""
    return {name: fake for name, fake in SEEN_FAKES.items() if blurred or name != "blurred"}
