"""Functions of a discrete curve: chords, energy, length, spacing, resampling."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "along",
    "chord_energy",
    "chord_length",
    "chord_norms",
    "equal_length_positions",
    "gap",
    "refine",
    "straight",
]


def straight(start: Tensor, end: Tensor, n_points: int) -> Tensor:
    """Evenly spaced points of the segment between two ends: ``(..., d)`` twice to ``(..., K, d)``.

    Example:
        >>> straight(torch.zeros(1), torch.ones(1), 3).squeeze(-1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    t = torch.linspace(0.0, 1.0, n_points, dtype=start.dtype, device=start.device).unsqueeze(-1)  # K x 1
    return torch.lerp(start.unsqueeze(-2), end.unsqueeze(-2), t)


def chord_norms(x: Tensor) -> Tensor:
    """Lengths of the chords between neighbours: ``(..., K, D)`` to ``(..., K-1)``, summed in double precision."""
    return x.diff(dim=-2).double().square().sum(-1).sqrt()


def chord_length(x: Tensor) -> Tensor:
    """Length of the polyline through the points: ``(..., K, D)`` to ``(...)``."""
    return chord_norms(x).sum(-1)


def chord_energy(x: Tensor, interval: Tensor | float) -> Tensor:
    r"""Energy of the polyline run through in ``interval``: ``(..., K, D)`` to ``(...)``.

    .. math:: E = \sum_k \frac{|x_{k+1} - x_k|^2}{2\,\Delta t}, \qquad \Delta t = \frac{T}{K-1}

    Example:
        >>> chord_energy(torch.tensor([[0.0], [1.0], [2.0]]), interval=2.0)
        tensor(1., dtype=torch.float64)
    """
    step = interval / (x.shape[-2] - 1)
    return x.diff(dim=-2).double().square().sum((-2, -1)) / (2.0 * step)


def gap(x: Tensor) -> Tensor:
    """Longest chord over mean chord, 1 for even spacing: ``(..., K, D)`` to ``(...)``; 1 for a constant curve."""
    norms = chord_norms(x)
    mean = norms.mean(-1)
    return torch.where(mean > 0, norms.amax(-1) / mean, 1.0)


def refine(z: Tensor, n_sub: int) -> Tensor:
    """The same polyline with every chord cut in ``n_sub``: ``(..., K, d)`` to ``(..., (K-1) n_sub + 1, d)``."""
    positions = torch.linspace(0, z.shape[-2] - 1, (z.shape[-2] - 1) * n_sub + 1, dtype=torch.float64, device=z.device)
    return along(z, positions.expand(*z.shape[:-2], -1))


def along(z: Tensor, positions: Tensor) -> Tensor:
    """Points of a polyline at fractional indices: ``(..., K, d)`` at ``(..., n)`` in [0, K-1] to ``(..., n, d)``.

    Example:
        >>> along(torch.tensor([[0.0], [2.0], [6.0]]), torch.tensor([0.5, 1.5])).squeeze(-1)
        tensor([1., 4.])
    """
    left = positions.floor().clamp(0, z.shape[-2] - 2).long()
    weight = (positions - left).to(z.dtype).unsqueeze(-1)  # ... x n x 1
    index = left.unsqueeze(-1).expand(*left.shape, z.shape[-1])
    return torch.lerp(torch.gather(z, -2, index), torch.gather(z, -2, index + 1), weight)


def equal_length_positions(norms: Tensor, n: int) -> Tensor:
    """Fractional indices of ``n`` points evenly spaced by length on a polyline.

    Args:
        norms: lengths of its chords, ``(..., M)``.
        n: number of points, at least 2; the first and the last are the polyline's ends.

    Returns:
        positions ``(..., n)`` in [0, M], for :func:`along`.

    Example:
        >>> equal_length_positions(torch.tensor([1.0, 3.0], dtype=torch.float64), 3)
        tensor([0.0000, 1.3333, 2.0000], dtype=torch.float64)
    """
    reached = torch.cat([torch.zeros_like(norms[..., :1]), norms.cumsum(-1)], dim=-1)  # ... x M+1
    targets = reached[..., -1:] * torch.linspace(0.0, 1.0, n, dtype=norms.dtype, device=norms.device)
    left = torch.searchsorted(reached, targets, right=True).sub(1).clamp(0, norms.shape[-1] - 1)
    chord = torch.gather(norms, -1, left)
    beyond = targets - torch.gather(reached, -1, left)
    return left + torch.where(chord > 0, beyond / chord, 0.0).clamp(0.0, 1.0)
