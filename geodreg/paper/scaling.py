"""A matrix of distances as points in a plane, with medoids and nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Scaling", "class_medoids", "classical_scaling", "medoid", "nearest_of_same_class"]


@dataclass(frozen=True)
class Scaling:
    """Points whose Euclidean distances come near to given ones.

    Attributes:
        points: ``(n, k)``, centred, along their principal axes, in the units of the distances.
        eigenvalues: of the doubly centred matrix, the largest first, ``(n,)``. Negative ones say that no points of a
            Euclidean space have these distances.
    """

    points: Tensor
    eigenvalues: Tensor

    @property
    def kept(self) -> float:
        """Fraction of the distances that the points keep, their eigenvalues over the magnitudes of all, 0 to 1."""
        return (self.eigenvalues[: self.points.shape[1]].clamp(min=0.0).sum() / self.eigenvalues.abs().sum()).item()


def classical_scaling(distances: Tensor, n_dims: int = 2) -> Scaling:
    r"""Classical multidimensional scaling.

    .. math:: B = -\tfrac12 H D^{(2)} H = V \Lambda V^\top, \qquad H = I - \tfrac1n 1 1^\top, \qquad
       X = V_k \Lambda_k^{1/2}

    with the matrix of squared distances :math:`D^{(2)}` (Torgerson 1952, *Multidimensional Scaling: I*). Distances of
    points in ``n_dims`` dimensions give these points back, up to a rotation, a reflection and a shift.

    Args:
        distances: symmetric, with a zero diagonal, ``(n, n)``.
        n_dims: dimensions of the points, at most ``n``.

    Raises:
        ValueError: if the distances are no symmetric matrix with a zero diagonal, or ``n_dims`` is out of range.

    Example:
        >>> line = classical_scaling(torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]), n_dims=1)
        >>> round((line.points[0] - line.points[2]).abs().item(), 4), round(line.kept, 4)
        (3.0, 1.0)
    """
    _check_distances(distances)
    n = len(distances)
    if not 1 <= n_dims <= n:
        raise ValueError(f"n_dims is {n_dims} for {n} points; choose from 1 to {n}.")
    squares = distances.double().square()
    centred = squares - squares.mean(0, keepdim=True) - squares.mean(1, keepdim=True) + squares.mean()
    eigenvalues, vectors = torch.linalg.eigh(-centred / 2)
    eigenvalues, vectors = eigenvalues.flip(0), vectors.flip(1)
    points = vectors[:, :n_dims] * eigenvalues[:n_dims].clamp(min=0.0).sqrt()
    return Scaling(points.to(distances.dtype), eigenvalues.to(distances.dtype))


def medoid(distances: Tensor) -> int:
    """The point with the least sum of distances to all others, as an index into distances ``(n, n)``.

    Example:
        >>> medoid(torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]))
        1
    """
    _check_distances(distances)
    return int(distances.sum(dim=1).argmin())


def class_medoids(distances: Tensor, labels: Tensor) -> Tensor:
    """Whether each point is the medoid of its class: distances ``(n, n)`` and labels ``(n,)`` to ``(n,)``."""
    marked = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        own = (labels == label).nonzero().squeeze(-1)
        marked[own[medoid(distances[own][:, own])]] = True
    return marked


def nearest_of_same_class(distances: Tensor, labels: Tensor) -> Tensor:
    """Whether the nearest other point is of a point's own class: ``(n, n)`` and ``(n,)`` to ``(n,)``."""
    _check_distances(distances)
    others = distances.clone().fill_diagonal_(torch.inf)
    return labels[others.argmin(dim=1)] == labels


def _check_distances(distances: Tensor) -> None:
    square = distances.ndim == 2 and distances.shape[0] == distances.shape[1] > 0
    if not square or distances.diagonal().any() or not torch.equal(distances, distances.mT):
        raise ValueError(
            f"distances, {tuple(distances.shape)}, are not those of points among themselves; "
            "pass a symmetric matrix with zeros on its diagonal."
        )
