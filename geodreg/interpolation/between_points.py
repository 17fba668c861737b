"""Whether a path does between its points what it does at them."""

from __future__ import annotations

from torch import Tensor

from geodreg.interpolation.paths import Paths

__all__ = ["FIRST_POINTS", "MOST_POINTS", "first_number", "next_number"]

FIRST_POINTS, MOST_POINTS = 35, 273  # of n_points="auto"; the first one is the paper's, doubled three times at most


def first_number(n_points: int | str, init: object, geodesic: Paths | None) -> int:
    """Number of points to begin with: the one that is asked for, or the one that the start curves have."""
    if not isinstance(n_points, str):
        return int(n_points)
    if geodesic is not None:
        return geodesic.z.shape[geodesic.status.ndim]
    return init.shape[-2] if isinstance(init, Tensor) and init.ndim >= 2 and init.shape[-2] >= 3 else FIRST_POINTS


def next_number(paths: Paths) -> int | None:
    """Number of points to go on with, a point between any two, if a path swings out and that many are allowed."""
    n_points = 2 * paths.z.shape[paths.status.ndim] - 1
    return n_points if n_points <= MOST_POINTS and bool(paths.swings.any()) else None
