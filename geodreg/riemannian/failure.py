"""What is said when a geodesic cannot be found or followed."""

from __future__ import annotations

from geodreg.errors import PlainError
from geodreg.interpolation.paths import Paths

__all__ = ["GeodesicError", "check_converged"]

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
    named = ", ".join(f"pair {pair} ({status[pair]})" for pair in failed[:NAMED])
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    raise GeodesicError(
        f"{len(failed)} of {len(converged)} geodesics did not converge: {named}{more}; give the solver more iterations "
        "(solver=Newton(max_iterations=1000)), the path more points (n_points), or another start curve (init='graph').",
        paths,
    )
