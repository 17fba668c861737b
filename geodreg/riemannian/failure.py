"""What is said when a geodesic cannot be found or followed, or is another one than it seems."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from geodreg.errors import PlainError
from geodreg.interpolation.paths import Paths
from geodreg.solvers import Status

__all__ = ["GeodesicError", "check_converged", "warn_of_swings"]

NAMED = 5  # pairs that a sentence lists


class GeodesicError(PlainError, ValueError):
    """A geodesic was not found, or cannot be followed; the sentence says where, and how to mend it.

    Attributes:
        paths: what the solver found, of all pairs; none if the failure was another one.
    """

    def __init__(self, sentence: str, paths: Paths | None = None) -> None:
        super().__init__(sentence)
        self.paths = paths


def check_converged(paths: Paths) -> None:
    """Refuse geodesics of which some were not found.

    Raises:
        GeodesicError: which ones and why, with the remedies.
    """
    converged = paths.converged.flatten().tolist()
    failed = [pair for pair, success in enumerate(converged) if not success]
    if not failed:
        return
    status = paths.status.flatten()
    named = _listed([f"pair {pair} ({status[pair]})" for pair in failed])
    raise GeodesicError(
        f"{len(failed)} of {len(converged)} geodesics did not converge: {named}; give the solver more iterations "
        "(solver=Newton(max_iterations=1000)), the path more points (n_points), or another start curve (init='graph').",
        paths,
    )


def warn_of_swings(paths: Paths, stacklevel: int) -> None:
    """Warn of geodesics that are longer between their points than at them, if there are any.

    At its points such a path has converged, and what lies between them is not what was minimised.

    Args:
        paths: geodesics of which not the length between their points is used, but the polyline or its direction.
        stacklevel: frames from here to the caller of the library, for :func:`warnings.warn`.
    """
    pairs = [f"pair {pair}" for pair in np.flatnonzero(paths.status == Status.SWINGS)]
    n_pairs, n_points = paths.status.size, paths.flat_latents.shape[-2]
    if pairs:
        warnings.warn(
            f"{len(pairs)} of {n_pairs} geodesics are more than a hundredth longer than the polylines through their "
            f"{n_points} points: {_listed(pairs)}; distances and velocities may be off by as much or more, so pass "
            f"more points, such as n_points={2 * n_points - 1}.",
            stacklevel=stacklevel,
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
