"""Geodesic distances between many points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import floyd_warshall
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import interpolate
from geodreg.riemannian.arguments import as_manifold, check_latents, check_whole
from geodreg.solvers import Solver, Start, Status

__all__ = ["Distances", "geodesic_distances"]


@dataclass(frozen=True, eq=False)
class Distances:
    """Geodesic distances of all pairs.

    Attributes:
        matrix: lengths of the geodesics, ``(n, m)``, in data units. Where a solve did not converge, it is the length
            of the best path found, and so an upper bound of the distance.
        converged: whether each solve came to rest, ``(n, m)``.
        status: why each solve stopped, an array of the strings of :class:`~geodreg.Status`, ``(n, m)``. Where it is
            ``Status.SWINGS``, the path is longer between its points than at them, and more points find a shorter one.
    """

    matrix: Tensor
    converged: Tensor
    status: NDArray[np.object_]

    def detours(self, tolerance: float = 0.01) -> Tensor:
        r"""Pairs with a shorter way through other points: ``(n, n)``, true where the triangle inequality is broken.

        .. math:: d_{ij} > (1 + \mathrm{tolerance}) \min \Bigl\{ \sum d_{kl} \Bigr\} \quad
           \text{over all ways from } i \text{ to } j

        Such a solve ended in a local minimum; another start curve, ``init="graph"``, may find the shortest one.

        Raises:
            ValueError: if the distances are not those of points among themselves.
        """
        n, m = self.matrix.shape
        if n != m or self.matrix.diagonal().any():
            raise ValueError(f"The distances, {n} x {m}, are to other points; leave out others to look for detours.")
        lengths = self.matrix.double().cpu().numpy()
        edges = np.argwhere(np.isfinite(lengths)).T.astype(np.int32)
        graph = csr_array((lengths[tuple(edges)], edges), shape=(n, n))  # in a dense array a zero would be no edge
        shortest = torch.from_numpy(floyd_warshall(graph)).to(self.matrix.device)
        return self.matrix > (1.0 + tolerance) * shortest


@own_modes()
def geodesic_distances(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    points: Tensor,
    others: Tensor | None = None,
    *,
    n_points: int = 35,
    init: str | Start = "straight",
    solver: str | Solver = "newton",
    pairs_at_once: int = 128,
) -> Distances:
    r"""Geodesic distances between all points, or from all points to all others.

    .. math:: d(a, b) = \min_{z(0) = a,\ z(1) = b} \int_0^1 |\dot z|_{g} \, dt

    Without ``others`` each pair is solved once, and the matrix is symmetric with a zero diagonal. The minimum is one
    among neighbouring curves, as for :func:`~geodreg.interpolate`; where the triangle inequality is broken, a shorter
    path exists (:meth:`~geodreg.Distances.detours`). The error of the length is of second order in the
    distance of a path's points.

    Args:
        manifold: the model, or a bare generator.
        points: latents ``(n, d)``.
        others: latents ``(m, d)``; by default the points themselves.
        n_points: number of points of each geodesic, at least 3.
        init: start curve, ``"straight"``, ``"graph"`` a :class:`~geodreg.GraphStart`, or a
            start of your own.
        solver: as for :func:`~geodreg.interpolate`.
        pairs_at_once: pairs that are solved together; fewer need less memory.

    Raises:
        TypeError: if the points are not floating-point tensors, or ``init`` is a tensor.
        ValueError: if an argument is out of range, or generator and points do not fit.
        RuntimeError: inside of :mod:`torch.func`.

    Example:
        >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
        >>> geodesic_distances(lambda z: 2 * z, square).matrix
        tensor([[0.0000, 2.0000, 2.8284],
                [2.0000, 0.0000, 2.0000],
                [2.8284, 2.0000, 0.0000]])
    """
    manifold = as_manifold(manifold)
    points = check_latents("points", points, "(n, d)")
    targets = points if others is None else check_latents("others", others, "(m, d)")
    if targets.shape[1:] != points.shape[1:] or targets.dtype != points.dtype or targets.device != points.device:
        raise ValueError(
            f"points are {tuple(points.shape)}, {points.dtype}, on {points.device}, others {tuple(targets.shape)}, "
            f"{targets.dtype}, on {targets.device}; pass latents of one size, dtype and device."
        )
    points, targets = lifted(points), lifted(targets)
    check_whole("pairs_at_once", pairs_at_once, least=1)
    if isinstance(init, Tensor):
        raise TypeError("init is a tensor; the pairs are made here, so choose 'straight', 'graph' or a GraphStart.")

    n, m = len(points), len(targets)
    if others is None:
        rows, columns = torch.triu_indices(n, n, offset=1, device=points.device)
    else:
        rows, columns = torch.cartesian_prod(*(torch.arange(k, device=points.device) for k in (n, m))).unbind(-1)
    matrix = torch.zeros(n, m, dtype=points.dtype, device=points.device)
    converged = torch.ones_like(matrix, dtype=torch.bool)
    status = np.full((n, m), Status.COINCIDENT, dtype=object)
    for row, column in zip(rows.split(pairs_at_once), columns.split(pairs_at_once), strict=True):
        if len(row) == 0:
            break
        paths = interpolate(
            manifold, points[row], targets[column], "geodesic", n_points=n_points, init=init, solver=solver
        )
        places = [(row, column)] if others is not None else [(row, column), (column, row)]
        for i, j in places:
            matrix[i, j], converged[i, j] = paths.length, paths.converged
            status[i.cpu().numpy(), j.cpu().numpy()] = paths.status
    return Distances(matrix, converged, status)
