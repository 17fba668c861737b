"""Geodesics on a dense grid of a two-dimensional latent space: slow, sure, and independent of the solvers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from geodreg.geometry.curve import chord_length, refine

__all__ = ["cone_distances", "grid_distances"]

IMAGES_AT_ONCE = 500  # so that they stay in a processor's cache
LEAST = 1e-30  # a sparse graph takes an edge of length zero for none


def grid_distances(
    generator: Callable[[Tensor], Tensor], axes: tuple[Tensor, Tensor], pairs: Tensor, reach: int = 7
) -> Tensor:
    r"""Lengths of shortest paths along the edges of a grid, between pairs of its points.

    Edges join every point with those up to ``reach`` steps away along both axes, in all directions in which no nearer
    point lies, and are as long as the curve on the manifold above them. A geodesic is the shortest of all paths, these
    among them, so the length is an upper bound of the distance. Where the metric is round and hardly changes over an
    edge, it is too long by the factor :math:`1 / \cos(\frac12 \arctan(1/\mathrm{reach}))` at most.

    Args:
        generator: takes latents ``(n, 2)`` to data ``(n, *data_shape)``.
        axes: increasing coordinates of the grid, ``(n,)`` and ``(m,)``.
        pairs: grid indices of the endpoints, ``(P, 2, 2)``: pair, end, axis.
        reach: steps that an edge can span.

    Returns:
        lengths ``(P,)``, double precision.

    Example:
        >>> line = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)
        >>> grid_distances(lambda z: z, (line, line), torch.tensor([[[0, 0], [10, 10]]])).item()
        1.4142...
    """
    z = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)  # n x m x 2
    n, m = z.shape[:2]
    index = torch.arange(n * m).view(n, m)
    starts, ends, lengths = [], [], []
    for p, q in _directions(reach):
        here = index[: n - p, max(0, -q) : m - max(0, q)].flatten()
        there = index[p:, max(0, q) : m + min(0, q)].flatten()
        edges = torch.stack([z.flatten(0, 1)[here], z.flatten(0, 1)[there]], dim=1)  # E x 2 x 2
        n_sub = max(p, abs(q))
        for part in edges.split(max(1, IMAGES_AT_ONCE // (n_sub + 1))):
            curve = refine(part, n_sub)
            x = generator(curve.flatten(0, 1)).view(len(part), n_sub + 1, -1)
            lengths.append(chord_length(x).clamp_min(LEAST))
        starts.append(here)
        ends.append(there)
    graph = coo_array(
        (torch.cat(lengths).numpy(), (torch.cat(starts).numpy(), torch.cat(ends).numpy())), shape=(n * m, n * m)
    ).tocsr()
    source, target = (index[pairs[:, end, 0], pairs[:, end, 1]].numpy() for end in (0, 1))
    unique, row = np.unique(source, return_inverse=True)
    distances = dijkstra(graph, directed=False, indices=unique)
    return torch.from_numpy(distances[row, target])


def cone_distances(angle: Tensor, start_radius: Tensor, end_radius: Tensor) -> Tensor:
    r"""Distances on a cone over a surface of unit vectors.

    A manifold of all positive multiples of unit vectors has the metric :math:`dr^2 + r^2 d\theta^2`, with
    :math:`\theta` the length on the unit vectors. Its sector unrolls into the plane, so two points are

    .. math:: \sqrt{r_a^2 + r_b^2 - 2 r_a r_b \cos\theta}

    apart if :math:`\theta < \pi`, and else :math:`r_a + r_b`, through the tip.

    Args:
        angle: distances of the unit vectors, ``(...)``.
        start_radius: norms, ``(...)``.
        end_radius: norms, ``(...)``.

    Example:
        >>> cone_distances(torch.tensor(math.pi / 2), torch.tensor(3.0), torch.tensor(4.0))
        tensor(5.)
    """
    opening = angle.clamp(max=math.pi).cos()
    return (start_radius**2 + end_radius**2 - 2.0 * start_radius * end_radius * opening).sqrt()


def _directions(reach: int) -> list[tuple[int, int]]:
    """Steps along both axes, one of each two opposite ones, without common divisor."""
    return [
        (p, q) for p in range(reach + 1) for q in range(-reach, reach + 1) if math.gcd(p, q) == 1 and (p > 0 or q > 0)
    ]
