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
    "slerp",
    "straight",
]

PARALLEL, OPPOSITE = 1e-7, 0.03  # radians from the same direction, and from the opposite one


def straight(start: Tensor, end: Tensor, n_points: int) -> Tensor:
    """Evenly spaced points of the segment between two endpoints: ``(..., d)`` twice to ``(..., K, d)``.

    Example:
        >>> straight(torch.zeros(1), torch.ones(1), 3).squeeze(-1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    t = torch.linspace(0.0, 1.0, n_points, dtype=start.dtype, device=start.device).unsqueeze(-1)  # K x 1
    return torch.lerp(start.unsqueeze(-2), end.unsqueeze(-2), t)


def slerp(start: Tensor, end: Tensor, n_points: int) -> Tensor:
    r"""Spherical linear interpolation: ``(..., d)`` twice to ``(..., K, d)``.

    .. math:: z(t) = \frac{\sin((1 - t)\,\omega)}{\sin \omega} z_a + \frac{\sin(t\,\omega)}{\sin \omega} z_b,

    with the angle :math:`\omega` between the two (Shoemake 1985; White 2016). It is the straight line where one of them
    is zero, where they have the same direction, and in one dimension. Opposite vectors, to within 0.03 radians, have no
    plane of their own: the way goes over the coordinate axis that is most nearly orthogonal to both, with a norm that
    changes evenly.

    Example:
        >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)
        tensor([[1.0000, 0.0000],
                [0.7071, 0.7071],
                [0.0000, 1.0000]])
    """
    line = straight(start, end, n_points)
    if start.shape[-1] < 2:
        return line
    a, b = start.double(), end.double()
    norm_a, norm_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    is_zero = (norm_a == 0.0) | (norm_b == 0.0)
    unit_a, unit_b = (z / torch.where(is_zero, 1.0, norm) for z, norm in ((a, norm_a), (b, norm_b)))
    # Twice the angle of a half is exact where an arc cosine would round.
    angle = 2.0 * torch.atan2(
        (unit_a - unit_b).norm(dim=-1, keepdim=True), (unit_a + unit_b).norm(dim=-1, keepdim=True)
    )
    t = torch.linspace(0.0, 1.0, n_points, dtype=torch.float64, device=start.device).unsqueeze(-1)  # K x 1
    angle, is_zero, norm_a, norm_b = (part.unsqueeze(-2) for part in (angle, is_zero, norm_a, norm_b))  # ... x 1 x 1
    sine = angle.sin()
    shares = [torch.where(angle > PARALLEL, (s * angle).sin() / sine, s) for s in (1.0 - t, t)]  # ... x K x 1
    curve = shares[0] * a.unsqueeze(-2) + shares[1] * b.unsqueeze(-2)

    axis = torch.nn.functional.one_hot(unit_a.abs().argmin(-1), a.shape[-1]).to(unit_a)
    side = axis - (axis * unit_a).sum(-1, keepdim=True) * unit_a
    side = (side / side.norm(dim=-1, keepdim=True)).unsqueeze(-2)
    norm = torch.lerp(norm_a, norm_b, t)
    half_turn = norm * ((torch.pi * t).cos() * unit_a.unsqueeze(-2) + (torch.pi * t).sin() * side)
    curve = torch.where(angle > torch.pi - OPPOSITE, half_turn, curve)
    curve = torch.where(is_zero, line.double(), curve).to(start.dtype)
    curve[..., 0, :], curve[..., -1, :] = start, end
    return curve


def chord_norms(x: Tensor) -> Tensor:
    """Lengths of the chords between neighbours: ``(..., K, D)`` to ``(..., K-1)``, summed in double precision."""
    return torch.linalg.vector_norm(x.diff(dim=-2), dim=-1, dtype=torch.float64)


def chord_length(x: Tensor) -> Tensor:
    """Length of the polyline through the points: ``(..., K, D)`` to ``(...)``."""
    return chord_norms(x).sum(-1)


def chord_energy(x: Tensor, interval: Tensor | float) -> Tensor:
    r"""Energy of the polyline traversed in ``interval``: ``(..., K, D)`` to ``(...)``.

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

    Where that has no length, or none that is finite, they are evenly spaced by their index.

    Args:
        norms: lengths of its chords, ``(..., M)``.
        n: number of points, at least 2; the first and the last are the polyline's endpoints.

    Returns:
        positions ``(..., n)`` in [0, M], for :func:`along`.

    Example:
        >>> equal_length_positions(torch.tensor([1.0, 3.0], dtype=torch.float64), 3)
        tensor([0.0000, 1.3333, 2.0000], dtype=torch.float64)
    """
    length = norms.sum(-1, keepdim=True)
    norms = torch.where(length.isfinite() & (length > 0.0), norms, 1.0)
    reached = torch.cat([torch.zeros_like(norms[..., :1]), norms.cumsum(-1)], dim=-1)  # ... x M+1
    targets = reached[..., -1:] * torch.linspace(0.0, 1.0, n, dtype=norms.dtype, device=norms.device)
    left = torch.searchsorted(reached, targets, right=True).sub(1).clamp(0, norms.shape[-1] - 1)
    chord = torch.gather(norms, -1, left)
    beyond = targets - torch.gather(reached, -1, left)
    positions = left + torch.where(chord > 0, beyond / chord, 0.0).clamp(0.0, 1.0)
    positions[..., 0], positions[..., -1] = 0.0, norms.shape[-1]  # also where the first chords have no length
    return positions
