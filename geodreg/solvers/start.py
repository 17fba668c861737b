"""Start curves: the straight line, and a shortest path over samples of the prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree
from torch import Tensor

from geodreg.curve import along, chord_length, chord_norms, equal_length_positions, refine, straight
from geodreg.manifold import LatentManifold

__all__ = ["GraphStart"]

ROWS_AT_ONCE = 2048  # edges whose nll is evaluated together
LEAST_WEIGHT = 0.01  # the Jacobi metric of the objective, kept positive


@dataclass(frozen=True)
class GraphStart:
    r"""Global start: the shortest path in a nearest-neighbour graph on prior samples and the ends.

    A straight start may sit in a bad basin, through a hole. An edge weighs

    .. math:: |dx| \sqrt{\max\bigl(1 + 2\mu\,(\mathrm{nll}_\mathrm{mid} - \mathrm{nll}_\mathrm{ref}),\, 0.01\bigr)},

    the Jacobi metric of the objective at mean speed one, where :math:`|dx|` is summed over sub-points of the edge, so
    that none jumps a hole, and :math:`\mathrm{nll}_\mathrm{ref}` is the mean nll on the plain geodesic.

    Attributes:
        n_samples: number of prior samples.
        n_neighbours: neighbours of each node, nearest in latent space.
        n_sub: sub-points of an edge.
        seed: of the samples; the same seed gives the same curves.
    """

    n_samples: int = 1000
    n_neighbours: int = 10
    n_sub: int = 6
    seed: int = 0

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
        nodes = torch.cat([manifold.sample_prior(self.n_samples, start, self.seed), start, end])
        edges = self._edges(nodes)
        ends = nodes[torch.from_numpy(edges).to(nodes.device)]  # E x 2 x d
        with torch.no_grad():
            lengths = torch.cat(
                [chord_length(manifold.generate_flat(refine(part, self.n_sub))) for part in ends.split(ROWS_AT_ONCE)]
            )
            middle = torch.zeros_like(lengths)
            if mu > 0.0:
                parts = ends.mean(dim=1).split(ROWS_AT_ONCE)
                middle = torch.cat([manifold.nll(part).double() for part in parts])

        curves = straight(start, end, n_points)
        for pair in range(len(start)):
            weights = lengths * (1.0 + 2.0 * mu * (middle - nll_reference[pair])).clamp_min(LEAST_WEIGHT).sqrt()
            graph = csr_array((weights.cpu().numpy(), edges.T), shape=(len(nodes), len(nodes)))
            route = _shortest_path(graph, self.n_samples + pair, self.n_samples + len(start) + pair)
            if len(route) > 1:  # else the graph does not join the two, and the straight line stays
                fine = refine(nodes[route], self.n_sub)
                norms = chord_norms(manifold.generate_flat(fine).detach())
                curves[pair, 1:-1] = along(fine, equal_length_positions(norms, n_points))[1:-1]
        return curves

    def _edges(self, nodes: Tensor) -> np.ndarray:
        """Pairs of neighbours, each once, ``(E, 2)``."""
        points = nodes.cpu().double().numpy()
        _, neighbours = KDTree(points).query(points, k=min(self.n_neighbours + 1, len(points)))
        here = np.repeat(np.arange(len(points)), neighbours.shape[1])
        edges = np.sort(np.stack([here, neighbours.ravel()], axis=1), axis=1)
        return np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0)


def _shortest_path(graph: csr_array, source: int, target: int) -> list[int]:
    """Nodes from source to target, or the target alone if they are not joined."""
    _, previous = dijkstra(graph, directed=False, indices=source, return_predecessors=True)
    route = [target]
    while previous[route[-1]] >= 0:
        route.append(int(previous[route[-1]]))
    return route[::-1]
