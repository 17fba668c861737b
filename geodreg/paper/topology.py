"""Holes in point clouds, by persistent homology."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["densest", "hole_lifetimes", "persistence"]


def persistence(points: Tensor) -> pd.DataFrame:
    """Persistence diagram of points in the plane or in space, from their alpha complex (gudhi).

    A feature is born and dies at the radius at which balls around the points begin and cease to show it.

    Args:
        points: ``(n, 2)`` or ``(n, 3)``.

    Returns:
        one row a feature that dies: ``dimension`` (0: component, 1: hole), ``birth``, ``death``, ``lifetime``, in the
        units of the points, longest life first.
    """
    import gudhi
    import pandas as pd

    tree = gudhi.AlphaComplex(points=points.double().tolist()).create_simplex_tree()
    tree.compute_persistence()
    rows = [(d, b, e) for d in (0, 1) for b, e in tree.persistence_intervals_in_dimension(d) if np.isfinite(e)]
    table = pd.DataFrame(rows, columns=["dimension", "birth", "death"])
    table[["birth", "death"]] = np.sqrt(table[["birth", "death"]].clip(lower=0))  # gudhi's filtration is a square
    table["lifetime"] = table["death"] - table["birth"]
    return table.sort_values("lifetime", ascending=False, ignore_index=True)


def hole_lifetimes(points: Tensor, nll: Tensor, shares: Sequence[float]) -> pd.DataFrame:
    """How long the two longest-lived holes live, as less dense points are left out.

    One true hole shows as a first lifetime far above the second, which is the level of chance.

    Args:
        points: ``(n, D)``.
        nll: negative log-density of each, or anything that ranks them like it, ``(n,)``.
        shares: fractions of densest points to keep, in (0, 1].

    Returns:
        one row for each fraction: ``share``, ``first``, ``second`` (zero where there is no such hole), ``ratio``.
    """
    import pandas as pd

    rows = []
    for share in shares:
        table = persistence(densest(points, nll, share))
        lifetimes = [*table.loc[table["dimension"] == 1, "lifetime"].head(2), 0.0, 0.0]
        rows.append((share, lifetimes[0], lifetimes[1]))
    table = pd.DataFrame(rows, columns=["share", "first", "second"])
    return table.assign(ratio=table["first"] / table["second"])


def densest(points: Tensor, nll: Tensor, share: float) -> Tensor:
    """The fraction of the points ``(n, D)`` whose negative log-density ``(n,)`` is lowest.

    Example:
        >>> import torch
        >>> densest(torch.tensor([[0.0], [1.0]]), torch.tensor([5.0, 3.0]), 0.5)
        tensor([[1.]])
    """
    return points[nll.argsort()[: round(share * len(points))]]
