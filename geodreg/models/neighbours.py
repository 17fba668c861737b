"""A judge of realism without classes: how far an image lies from real ones, in features learnt without labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

__all__ = ["NeighbourJudge"]

IMAGES_AT_ONCE = 128  # whose distances to all reference images are held at once


class NeighbourJudge(nn.Module):
    """Accepts an image as a digit if its mean distance to the nearest real images is below a threshold.

    The features are of length one, so that distances lie between zero and two. Those of the reference images are kept
    with the weights in half precision: nothing else is needed to judge (after Sun et al. 2022).

    Args:
        width: channels of the first layer.
        size: number of features ``m``.
        neighbours: number ``k`` of nearest reference images.
        n_reference: number ``n`` of reference images.

    Attributes:
        reference: features of real images, ``(n, m)``, half precision.
        threshold: distance below which an image is accepted.
    """

    reference: Tensor
    threshold: Tensor

    def __init__(self, width: int = 16, size: int = 32, neighbours: int = 5, n_reference: int = 10_000) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 5, stride=2, padding=2),  # 14 x 14
            nn.BatchNorm2d(width),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),  # 7 x 7
            nn.BatchNorm2d(2 * width),
            nn.SiLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),  # 4 x 4
            nn.BatchNorm2d(4 * width),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(64 * width, size),
        )
        self.register_buffer("reference", torch.zeros(n_reference, size, dtype=torch.float16))
        self.register_buffer("threshold", torch.tensor(1.0))

    def embed(self, images: Tensor) -> Tensor:
        """Features of length one: grey images ``(..., 28, 28)`` to ``(..., m)``."""
        return normalize(self.features(images.reshape(-1, 1, 28, 28)), dim=-1).reshape(*images.shape[:-2], -1)

    @torch.no_grad()
    def distance(self, images: Tensor) -> Tensor:
        """Mean distance to the ``k`` nearest reference images: ``(..., 28, 28)`` to ``(...)``."""
        parts = images.reshape(-1, 28, 28).split(IMAGES_AT_ONCE)
        return torch.cat([self._nearest(self.embed(part)) for part in parts]).reshape(images.shape[:-2])

    def doubt(self, images: Tensor) -> Tensor:
        """Logarithm of distance over threshold, below zero where accepted: ``(..., 28, 28)`` to ``(...)``."""
        return (self.distance(images) / self.threshold).log()

    def accepts(self, images: Tensor) -> Tensor:
        """Whether images pass as digits: ``(..., 28, 28)`` to ``(...)``."""
        return self.doubt(images) < 0

    def _nearest(self, features: Tensor) -> Tensor:
        # By products whatever the number of images, so that an image has one distance in every batch.
        found = torch.cdist(features, self.reference.to(features), compute_mode="use_mm_for_euclid_dist")
        return found.topk(self.neighbours, dim=-1, largest=False).values.mean(-1)
