"""Start curves: the straight line, and a shortest path over samples of the prior."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodreg.geometry.curve import along, chord_length, chord_norms, equal_length_positions, refine, straight
from geodreg.geometry.manifold import LatentManifold

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.spatial import KDTree

__all__ = ["GraphStart"]

ROWS_AT_ONCE, PART = 2048, 2**25  # edges that are looked at together, and numbers in data space
LEAST_WEIGHT, LARGE = 0.01, 1e12  # the Jacobi metric of the objective, kept positive and finite


@dataclass(frozen=True)
class GraphStart:
    r"""Global start: the shortest path in a nearest-neighbour graph on prior samples and the endpoints.

    A straight start may sit in a bad basin, through a hole. An edge weighs

    .. math:: |dx| \sqrt{\max\bigl(1 + 2\mu\,(\mathrm{nll}_\mathrm{mid} - \mathrm{nll}_\mathrm{ref}),\, 0.01\bigr)},

    the Jacobi metric of the objective at mean speed one, where :math:`|dx|` is summed over sub-points of the edge, so
    that none jumps a hole, and :math:`\mathrm{nll}_\mathrm{ref}` is the mean nll on the plain geodesic.

    Attributes:
        n_samples: number of prior samples.
        n_neighbours: neighbours of each node, nearest in latent space.
        n_sub: sub-points of an edge.
        seed: of the samples; the same seed gives the same curves.

    Raises:
        ValueError: if a setting is no whole number or too small.
    """

    n_samples: int = 1000
    n_neighbours: int = 10
    n_sub: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("n_samples", 2), ("n_neighbours", 1), ("n_sub", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, Integral) and int(value) >= least):
                raise ValueError(f"{name} is {value!r}; pass a whole number, {least} or more.")

    def curves(
        self, manifold: LatentManifold, mu: float, start: Tensor, end: Tensor, n_points: int, nll_reference: Tensor
    ) -> Tensor:
        """Start curves ``(P, K, d)``, evenly spaced in data space.

        Args:
            manifold: the model.
            mu: weight of the density; with zero only length counts.
            start: ``(P, d)``.
            end: ``(P, d)``.
            n_points: number of points ``K``.
            nll_reference: mean nll on the plain geodesics, ``(P,)``.
        """
        from scipy.sparse import csr_array  # a third of a second, which paths from a straight line need not wait for
        from scipy.spatial import KDTree

        samples = manifold.sample_prior(self.n_samples, start, self.seed)
        tree = KDTree(samples.cpu().double().numpy())
        inner = self._edges(tree)
        inner_weight = self._lengths_and_nll(manifold, mu, samples[torch.from_numpy(inner).to(samples.device)])

        curves = straight(start, end, n_points)
        for pair in range(len(start)):
            ends = torch.stack([start[pair], end[pair]])
            nodes = torch.cat([samples, ends])
            outer = self._end_edges(tree, ends)
            outer_weight = self._lengths_and_nll(manifold, mu, nodes[torch.from_numpy(outer).to(nodes.device)])
            lengths, middle = (torch.cat(both) for both in zip(inner_weight, outer_weight, strict=True))
            weights = (
                lengths
                * (1.0 + 2.0 * mu * (middle - nll_reference[pair]))
                .nan_to_num(LARGE, posinf=LARGE)
                .clamp(LEAST_WEIGHT, LARGE)
                .sqrt()
            )
            there = lengths.isfinite().cpu().numpy()
            edges = np.concatenate([inner, outer])[there].astype(np.int32)  # SciPy before 1.13 takes no other graph
            graph = csr_array((weights.cpu().numpy()[there], edges.T), shape=(len(nodes), len(nodes)))
            route = _shortest_path(graph, self.n_samples, self.n_samples + 1)
            if len(route) == 1:
                continue  # the graph does not join the two, and the straight line stays
            fine = refine(nodes[route], self.n_sub)
            norms = chord_norms(manifold.generate_flat(fine).detach())
            curves[pair, 1:-1] = along(fine, equal_length_positions(norms, n_points))[1:-1]
        return curves

    def _edges(self, tree: KDTree) -> NDArray[np.int64]:
        """Pairs of neighbours among the samples, each once, ``(E, 2)``."""
        _, neighbours = tree.query(tree.data, k=min(self.n_neighbours + 1, tree.n))
        here = np.repeat(np.arange(tree.n), neighbours.shape[1])
        edges = np.sort(np.stack([here, neighbours.ravel()], axis=1), axis=1)
        return np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0)

    def _end_edges(self, tree: KDTree, ends: Tensor) -> NDArray[np.int64]:
        """Pairs of an end and a sample near it, ``(E, 2)``; the endpoints are the two nodes after the samples.

        The endpoints are neighbours of each other if they are as near as those samples.
        """
        points = ends.cpu().double().numpy()
        distances, neighbours = tree.query(points, k=[*range(1, min(self.n_neighbours, tree.n) + 1)])
        here = np.repeat([tree.n, tree.n + 1], neighbours.shape[1])
        edges = np.stack([neighbours.ravel(), here], axis=1)
        near = np.linalg.norm(points[1] - points[0]) <= distances.max()
        return np.concatenate([edges, [[tree.n, tree.n + 1]]]) if near else edges

    def _lengths_and_nll(self, manifold: LatentManifold, mu: float, ends: Tensor) -> tuple[Tensor, Tensor]:
        """Length in data space and nll at the middle of edges ``(E, 2, d)``, ``(E,)`` each; the latter if it counts."""
        with torch.no_grad():
            n_numbers = (self.n_sub + 1) * manifold.data_size(ends[0])  # of one edge
            parts = torch.split(ends, max(1, min(ROWS_AT_ONCE, PART // n_numbers)))
            lengths = torch.cat([chord_length(manifold.generate_flat(refine(part, self.n_sub))) for part in parts])
            if mu == 0.0:
                return lengths, torch.zeros_like(lengths)
            return lengths, torch.cat([manifold.nll(part.mean(dim=1)).double() for part in parts])


def _shortest_path(graph: csr_array, source: int, target: int) -> list[int]:
    """Nodes from source to target, or the target alone if they are not joined."""
    from scipy.sparse.csgraph import dijkstra

    _, previous = dijkstra(graph, directed=False, indices=source, return_predecessors=True)
    route = [target]
    while previous[route[-1]] >= 0:
        route.append(int(previous[route[-1]]))
    return route[::-1]
