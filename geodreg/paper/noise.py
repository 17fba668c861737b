"""How the noise of the density is chosen: none, unless the generator nearly collapses some direction."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from geodreg.geometry.manifold import LatentManifold

__all__ = ["choose_noise", "smallest_stretch"]


def smallest_stretch(manifold: LatentManifold, z: Tensor) -> float:
    """Smallest singular value of the Jacobians at latents ``(n, d)``: data units per unit of latent."""
    with torch.no_grad():  # of the Jacobian itself, whose condition the metric squares
        jacobians = (manifold.jacobian(point).double() for point in z)
        smallest = (torch.linalg.svdvals(each)[-1] if each.shape[0] >= each.shape[1] else 0.0 for each in jacobians)
        return min(map(float, smallest))


def choose_noise(stretch: float, detail: float = 1 / 255) -> float:
    """The noise of the density: none, as in the paper, unless some direction is stretched by less than a detail.

    Without noise the density is unbounded where the generator collapses a direction; with it, stretching by less than
    the noise counts for no density.

    Args:
        stretch: the smallest, from :func:`smallest_stretch`.
        detail: size of what does not matter, in data units; by default one of 256 grey levels between 0 and 1.

    Raises:
        ValueError: if one of them is negative or not finite.
    """
    for name, value in (("stretch", stretch), ("detail", detail)):
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name} is {value}; pass a finite number of data units, zero or positive.")
    return 0.0 if stretch >= detail else detail
