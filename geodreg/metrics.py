"""How good a generator's samples are, and how well its metric is conditioned."""

from __future__ import annotations

import torch
from torch import Tensor

from geodreg.manifold import LatentManifold

__all__ = ["condition_numbers", "high_frequency_energy", "high_frequency_ratios"]


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
        return high_frequency_energy(chosen).mean().item()

    return {name: mean(samples, lit) / mean(real, lit) for name, lit in (("lit", True), ("shadowed", False))}
