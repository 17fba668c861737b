"""What every solver returns: the paths, and why each one stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Solution", "Status"]

TENSORS = ("z", "iterations", "evaluations", "gradient_norm", "history")  # with a row for each pair


class Status(StrEnum):
    """Why the solver stopped working on a pair."""

    CONVERGED = "converged: the model predicts no decrease above the tolerance"
    AT_REST = "converged: no point is pushed above the tolerance"
    CREEPING = "converged: the last iterations gained next to nothing"
    SWINGS = "converged at its points, but longer between them: take more points"
    PRECISION = "no further decrease in this precision"
    NO_STEPS = "nothing to solve"
    COINCIDENT = "endpoints coincide"
    ITERATIONS = "iteration limit"
    UNBOUNDED = "no minimum in reach"
    STALLED = "no decrease found along the gradient"
    NOT_FINITE = "not finite"
    NO_INTERVAL = "no interval: the plain geodesic has no length or did not converge"

    @property
    def is_success(self) -> bool:
        """Whether the solve came to rest at a minimum, a local one at least."""
        return self.is_minimum or self in (Status.NO_STEPS, Status.COINCIDENT)

    @property
    def is_minimum(self) -> bool:
        """Whether there was something to solve, and the solve came to rest."""
        return self in (Status.CONVERGED, Status.AT_REST, Status.CREEPING, Status.SWINGS, Status.PRECISION)


@dataclass(frozen=True)
class Solution:
    """Paths of a batch of pairs.

    Attributes:
        z: the paths, ``(P, K, d)``.
        iterations: iterations that each pair took, ``(P,)``.
        evaluations: evaluations of the objective that each pair took, ``(P,)``; one with fewer points counts for as
            much as its fraction of points.
        gradient_norm: norm of the gradient of the objective with respect to the latents where each pair stopped,
            ``(P,)``; NaN where none was taken.
        status: why each pair stopped, an array of the strings of :class:`~geodreg.Status`, ``(P,)``.
        history: the value that the solver watches after each iteration, ``(P, iterations + 1)``; a pair that has
            stopped repeats its last one.
        curvature: what the solver knew of the energy's curvature, and why that; for all pairs.
    """

    z: Tensor
    iterations: Tensor
    evaluations: Tensor
    gradient_norm: Tensor
    status: NDArray[np.object_]
    history: Tensor
    curvature: str = ""

    @staticmethod
    def at_start(z: Tensor, value: Tensor, status: Status = Status.ITERATIONS) -> Solution:
        """Start curves ``(P, K, d)``, evaluated once, as a solution to go on from."""
        n_pairs = len(z)
        return Solution(
            z=z.detach().clone(),
            iterations=torch.zeros(n_pairs, dtype=torch.long, device=z.device),
            evaluations=torch.ones(n_pairs, dtype=torch.float64, device=z.device),
            gradient_norm=torch.full((n_pairs,), torch.nan, dtype=torch.float64, device=z.device),
            status=np.full(n_pairs, status, dtype=object),
            history=value[:, None],
        )

    @staticmethod
    def joined(solutions: Sequence[Solution]) -> Solution:
        """Solutions of several batches as one; shorter histories repeat their last value."""
        n_columns = max(solution.history.shape[1] for solution in solutions)
        parts = [solution._with_history_of(n_columns) for solution in solutions]
        tensors = {name: torch.cat([getattr(part, name) for part in parts]) for name in TENSORS}
        status = np.concatenate([part.status for part in parts])
        return Solution(**tensors, status=status, curvature=parts[0].curvature)

    def usable(self, device: torch.device) -> Tensor:
        """Whether each pair came to rest at a minimum, or at the limit of iterations, ``(P,)``."""
        fine = [Status(status).is_success or status == Status.ITERATIONS for status in self.status]
        return torch.tensor(fine, dtype=torch.bool, device=device)

    def scatter(self, rows: Tensor, others: Solution) -> Solution:
        """This solution for the pairs ``rows`` of a larger batch, the other pairs as in ``others``."""
        if len(rows) == len(others.z):
            return self
        merged = {name: getattr(others, name).clone() for name in ("z", "iterations", "evaluations", "gradient_norm")}
        for name, values in merged.items():
            values[rows] = getattr(self, name)
        status = others.status.copy()
        status[rows.cpu().numpy()] = self.status
        history = others.history[:, -1:].repeat(1, self.history.shape[1])
        history[rows] = self.history
        return Solution(**merged, status=status, history=history, curvature=self.curvature)

    def or_better(self, other: Solution, value: Tensor, other_value: Tensor) -> Solution:
        """Of two solutions of the same pairs, for each pair the one that succeeded and has the lower value ``(P,)``.

        The evaluations of both are added up; iterations and history are those of the one that is kept.
        """
        fine = [[Status(status).is_success for status in solution.status] for solution in (self, other)]
        succeeded, other_succeeded = torch.tensor(fine, device=value.device)
        lower = (other_value < value) | ~value.isfinite()
        rows = torch.where(succeeded == other_succeeded, lower, other_succeeded).nonzero().squeeze(-1)
        n_columns = max(self.history.shape[1], other.history.shape[1])
        mine, others = (solution._with_history_of(n_columns) for solution in (self, other))
        chosen = others.select(rows).scatter(rows, mine)
        history = mine.history.clone()
        history[rows] = others.history[rows]
        return replace(chosen, history=history, evaluations=self.evaluations + other.evaluations)

    def select(self, rows: Tensor) -> Solution:
        """The solution of some of the pairs."""
        tensors = {name: getattr(self, name)[rows] for name in TENSORS}
        return replace(self, **tensors, status=self.status[rows.cpu().numpy()])

    def _with_history_of(self, n_columns: int) -> Solution:
        last = self.history[:, -1:].expand(-1, n_columns - self.history.shape[1])
        return replace(self, history=torch.cat([self.history, last], dim=1))
