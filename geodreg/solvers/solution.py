"""What every solver returns: the paths, and why each one stopped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Solution", "Status"]


class Status(StrEnum):
    """Why the solver stopped working on a pair."""

    CONVERGED = "converged"
    PRECISION = "no further decrease in this precision"
    NO_STEPS = "nothing to solve"
    COINCIDENT = "ends coincide"
    ITERATIONS = "iteration limit"
    UNBOUNDED = "no minimum in reach"
    STALLED = "no decrease found along the gradient"
    NOT_FINITE = "not finite"
    NO_INTERVAL = "no interval: the plain geodesic has no length or did not converge"

    @property
    def is_success(self) -> bool:
        """Whether the solve came to rest at a minimum, a local one at least."""
        return self in (Status.CONVERGED, Status.PRECISION, Status.NO_STEPS, Status.COINCIDENT)


@dataclass(frozen=True)
class Solution:
    """Paths of a batch of pairs.

    Attributes:
        z: the paths, ``(P, K, d)``.
        iterations: iterations that each pair took, ``(P,)``.
        status: why each pair stopped, an array of the strings of :class:`Status`, ``(P,)``.
        history: the value that the solver watches after each iteration, ``(P, iterations + 1)``; a pair that has
            stopped repeats its last one.
    """

    z: Tensor
    iterations: Tensor
    status: NDArray[np.object_]
    history: Tensor

    def scatter(self, rows: Tensor, others: Solution) -> Solution:
        """This solution for the pairs ``rows`` of a larger batch, the other pairs as in ``others``."""
        if len(rows) == len(others.z):
            return self
        z, iterations, status = others.z.clone(), others.iterations.clone(), others.status.copy()
        z[rows], iterations[rows], status[rows.cpu().numpy()] = self.z, self.iterations, self.status
        history = others.history[:, -1:].repeat(1, self.history.shape[1])
        history[rows] = self.history
        return Solution(z, iterations, status, history)
