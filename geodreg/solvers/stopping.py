"""Which pairs of a descent stop, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodreg.solvers.descent_state import DescentState, Direction, can_collapse
from geodreg.solvers.per_pair import PerPair
from geodreg.solvers.solution import Status

__all__ = ["Rest", "Stops", "reasons", "stopping_tests", "usual_tolerance"]

PLAIN_TOLERANCE, REGULARISED_TOLERANCE = 1e-7, 1e-5  # a plain geodesic's length names the interval of the other
PRECISE_TOLERANCE = 1e-10  # of a plain geodesic in double precision: points within 1e-5 of its length
LATELY = 20  # iterations whose decreases are added up to see whether a pair creeps
PATIENCE = 10  # iterations without a decrease above rounding before a pair is given up
NEGLIGIBLE = 1e3  # times rounding: a predicted decrease below it may well be lost in rounding
COLLAPSE = 1e-2  # a metric whose smallest eigenvalue fell to this fraction of the start's has fallen into a well,
SINGULAR = 1e-8  # and so has one that has this condition number


def usual_tolerance(mu: float, dtype: torch.dtype) -> float:
    """Relative decrease below which a pair has converged, where nobody says another.

    Args:
        mu: weight of the regulariser.
        dtype: of the latents.
    """
    if mu > 0.0:
        return REGULARISED_TOLERANCE
    return PRECISE_TOLERANCE if dtype == torch.float64 else PLAIN_TOLERANCE


@dataclass(frozen=True)
class Rest:
    """When a pair has come to rest; decreases are relative to what has been gained on the reference, or to the energy.

    Attributes:
        tolerance: decrease predicted for the next step, below which it has.
        creeping: decrease in the last 20 iterations together, below which it has as well.
    """

    tolerance: float
    creeping: float = 0.0

    def or_looser(self, other: Rest) -> Rest:
        """Of two such tests what stops earlier; there is no test of creeping where this one has none."""
        creeping = max(self.creeping, other.creeping) if self.creeping > 0.0 else 0.0
        return Rest(max(self.tolerance, other.tolerance), creeping)


@dataclass(frozen=True)
class Stops(PerPair):
    """Which of the pairs at work stop; no pair does for two of these reasons.

    Attributes:
        converged: the predicted decrease is below the tolerance, ``(R,)``, as all of these.
        creeping: so was the decrease of the last iterations together.
        exhausted: there is, or has lately been, no decrease above rounding.
        at_limit: the limit of iterations is reached.
    """

    converged: Tensor
    creeping: Tensor
    exhausted: Tensor
    at_limit: Tensor

    @property
    def going(self) -> Tensor:
        """The pairs that go on."""
        return ~(self.converged | self.creeping | self.exhausted | self.at_limit)


def stopping_tests(state: DescentState, direction: Direction, rest: Rest) -> Stops:
    """Test whether anything is left to gain, or to try."""
    place, predicted, rounding = state.place, direction.predicted, state.place.rounding
    gained = (state.reference - place.value).abs() + 1e-9 * place.energy
    scale = torch.where(state.reference.isfinite(), gained, place.energy)
    converged = (predicted <= rest.tolerance * scale) & (predicted >= 0.0)
    exhausted = state.stuck | (predicted <= rounding)
    if state.iteration >= PATIENCE:
        exhausted = exhausted | (state.history[:, -1 - PATIENCE] - place.value <= rounding)
    exhausted = exhausted & ~converged
    creeping = torch.zeros_like(converged)
    if rest.creeping > 0.0 and state.iteration >= LATELY:
        lately = state.history[:, -1 - LATELY] - place.value
        creeping = (lately <= rest.creeping * scale) & ~converged & ~exhausted
    at_limit = (state.limits <= state.iteration) & ~converged & ~exhausted & ~creeping
    return Stops(converged, creeping, exhausted, at_limit)


def reasons(state: DescentState, direction: Direction, stops: Stops) -> NDArray[np.object_]:
    """The :class:`Status` of each pair that stops, ``(R,)``; None for those that go on."""
    stalled = stops.exhausted & (direction.predicted > NEGLIGIBLE * state.place.rounding)
    status = np.full(len(state), None, dtype=object)
    for stopped, reason in (
        (stops.converged, Status.CONVERGED),
        (stops.creeping, Status.CREEPING),
        (stops.exhausted, Status.PRECISION),
        (stalled, Status.STALLED),
        (stops.at_limit, Status.ITERATIONS),
        (_collapsed(state, stops), Status.UNBOUNDED),
    ):
        status[stopped.cpu().numpy()] = reason
    return status


def _collapsed(state: DescentState, stops: Stops) -> Tensor:
    """Which of the pairs that stop have fallen into a well of a density without bound, ``(R,)``.

    Either sign is enough where a pair has not converged. At the bottom that rounding puts into a well one does: there
    both are asked for, and the metric may be singular to rounding, where an estimated volume ends.
    """
    suspects, converged = stops.exhausted | stops.at_limit, stops.converged | stops.creeping
    if not (can_collapse(state.objective) and (suspects | converged).any()):
        return torch.zeros_like(suspects)
    smallest, largest = state.place.extremes()
    fell, is_singular = smallest < COLLAPSE * state.floor, smallest < SINGULAR * largest
    is_rounding = smallest < 2.0 * torch.finfo(state.z.dtype).eps * largest
    return (suspects & (fell | is_singular)) | (converged & fell & (is_singular | is_rounding))
