"""Numbers that say how good a path is, how good a generator's samples are, and how well its metric is conditioned."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.paths import Profile

__all__ = [
    "condition_numbers",
    "cosine_dissimilarity",
    "distance_from_segment",
    "excess_length",
    "high_frequency_energy",
    "high_frequency_ratios",
    "mean_cosine_dissimilarity",
]


def cosine_dissimilarity(profile: Profile) -> Tensor:
    r"""One minus the cosine between the tangent of a path and the line between its endpoints: ``(..., n)``.

    With :math:`u` the unit vector from end to end and :math:`\dot x` the tangent at unit speed, it is
    :math:`1 - u \cdot \dot x` (Kim and Zhang 2019, Figure 4). The tangents add up to the line itself, so its mean over
    the length :math:`L` of the path is :math:`1 - |x_b - x_a| / L`, whatever the path.
    """
    x = profile.x.flatten(profile.z.ndim - 1).double()  # ... x n x D
    line = normalize(x[..., -1, :] - x[..., 0, :], dim=-1)
    return 1.0 - (profile.tangent.double() @ line.unsqueeze(-1)).squeeze(-1)


def mean_cosine_dissimilarity(profile: Profile) -> Tensor:
    """Mean of the cosine dissimilarity over the length of a path: ``(...)``."""
    values = cosine_dissimilarity(profile)
    return torch.trapezoid(values, dx=1.0 / (values.shape[-1] - 1), dim=-1)


def excess_length(profile: Profile) -> Tensor:
    """By how much a path is longer than the straight line between its endpoints, as a fraction of it: ``(...)``."""
    x = profile.x.flatten(profile.z.ndim - 1).double()
    return profile.arc_length[..., -1] / (x[..., -1, :] - x[..., 0, :]).norm(dim=-1) - 1.0


def distance_from_segment(profile: Profile) -> Tensor:
    """Largest distance of a path from the straight line between its endpoints, over that line's length: ``(...)``."""
    x = profile.x.flatten(profile.z.ndim - 1).double()
    line = x[..., -1:, :] - x[..., :1, :]
    length = line.norm(dim=-1, keepdim=True)
    beside = x - x[..., :1, :]
    along = (beside @ line.mT / length.square()).clamp(0.0, 1.0)
    return (beside - along * line).norm(dim=-1).amax(-1) / length[..., 0, 0]


def condition_numbers(manifold: LatentManifold, z: Tensor) -> Tensor:
    """Condition numbers of the pull-back metric: ``(..., d)`` to ``(...)``, double precision.

    They are squares of those of the Jacobian, whose columns are computed in the precision of the latents.
    """
    return torch.linalg.cond(manifold.jacobian(z).detach().double()).square()


def high_frequency_energy(images: Tensor) -> Tensor:
    """Energy of the upper half of the spatial frequencies, per pixel: ``(..., n, n)`` to ``(...)``.

    That is what lies beyond half the Nyquist frequency of either axis, as distance in the frequency plane.

    Example:
        >>> checkers = (torch.arange(8)[:, None] + torch.arange(8)) % 2 - 0.5
        >>> high_frequency_energy(checkers), high_frequency_energy(torch.ones(8, 8))
        (tensor(0.2500, dtype=torch.float64), tensor(0., dtype=torch.float64))
    """
    n = images.shape[-1]
    spectrum = torch.fft.fft2(images.double(), norm="forward").abs().square()
    frequency = torch.fft.fftfreq(n, dtype=torch.float64, device=images.device)
    return spectrum[..., frequency[:, None].hypot(frequency) > 0.25].sum(-1)


def high_frequency_ratios(samples: Tensor, real: Tensor) -> dict[str, float]:
    """High-frequency energy of samples over that of real images, in the mean over lit and over shadowed ones.

    An image counts as lit if its mean is above the median of the real images' means.

    Args:
        samples: ``(m, n, n)``.
        real: ``(l, n, n)``.

    Returns:
        the ratios by name: ``"lit"``, ``"shadowed"``.
    """
    threshold = real.mean((-2, -1)).median()

    def mean(images: Tensor, lit: bool) -> float:
        chosen = images[(images.mean((-2, -1)) > threshold) == lit]
        return high_frequency_energy(chosen).mean().item() if len(chosen) else float("nan")

    return {name: mean(samples, lit) / mean(real, lit) for name, lit in (("lit", True), ("shadowed", False))}
