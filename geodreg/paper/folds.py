"""Where a generator between spaces of the same size folds over, so that points have several latents."""

from __future__ import annotations

import torch
from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.paths import Paths

__all__ = ["crosses_fold", "folded_share", "nearest_fold", "orientation"]


def orientation(manifold: LatentManifold, z: Tensor) -> Tensor:
    """Sign of the Jacobian's determinant: ``(..., d)`` to ``(...)``; it changes where the map folds over.

    Raises:
        ValueError: if data space and latent space have different sizes.
    """
    jacobian = manifold.jacobian(z)
    if jacobian.shape[-1] != jacobian.shape[-2]:
        raise ValueError(
            f"The generator takes {jacobian.shape[-1]} latents to {jacobian.shape[-2]} numbers; "
            "it has an orientation only where both are as many."
        )
    return torch.linalg.det(jacobian).sign()


def folded_share(manifold: LatentManifold, z: Tensor) -> float:
    """Fraction of latents ``(n, d)`` with the orientation of the minority.

    Example:
        >>> folded_share(LatentManifold(lambda z: z**2), torch.tensor([[1.0], [2.0], [3.0], [-1.0]]))
        0.25
    """
    positive = (orientation(manifold, z) > 0).double().mean().item()
    return min(positive, 1.0 - positive)


def crosses_fold(paths: Paths, n: int = 200) -> Tensor:
    """Whether a path changes its orientation on the way, ``(...)``, looked at in ``n`` points."""
    signs = orientation(paths.manifold, paths.resample(n).z)
    return (signs != signs[..., :1]).any(-1)


def nearest_fold(manifold: LatentManifold, z: Tensor, n_halvings: int = 50) -> tuple[Tensor, Tensor]:
    """A point on a fold, between the two closest latents of different orientation, found by halving their segment.

    Args:
        manifold: of a generator between spaces of the same size.
        z: latents ``(n, d)``, in double precision.
        n_halvings: of the segment.

    Returns:
        the point ``(d,)``, and the direction of the segment as a unit vector ``(d,)``.

    Raises:
        ValueError: if all latents have the same orientation, or the spaces have different sizes.

    Example:
        >>> nearest_fold(LatentManifold(lambda z: z**2), torch.tensor([[1.0], [-2.0]]).double())[0].abs() < 1e-12
        tensor([True])
    """
    signs = orientation(manifold, z)
    one, other = z[signs > 0], z[signs <= 0]
    if not (len(one) and len(other)):
        raise ValueError(f"All {len(z)} latents have the same orientation, so no fold lies between them; give more.")
    distances = torch.cdist(one, other)
    index = distances.argmin()
    left, right = one[index // len(other)], other[index % len(other)]
    direction = (right - left) / (right - left).norm()
    for _ in range(n_halvings):
        middle = torch.lerp(left, right, 0.5)
        if orientation(manifold, middle) > 0:
            left = middle
        else:
            right = middle
    return torch.lerp(left, right, 0.5), direction
