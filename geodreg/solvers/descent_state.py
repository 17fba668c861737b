"""The state of a descent: all that is known of the pairs at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodreg.solvers.curvature_pairs import CurvaturePairs
from geodreg.solvers.density_curvature import DensityCurvature
from geodreg.solvers.per_pair import PerPair
from geodreg.solvers.protocol import Objective, Place, Trial
from geodreg.solvers.solution import Solution

__all__ = ["DescentState", "Direction", "can_collapse"]


@dataclass(frozen=True)
class DescentState(PerPair):
    """The ``R`` pairs at work: what is asked of them, where they are, and what was learnt on the way.

    They all began together, so they have done the same number of iterations.

    Attributes:
        rows: their indices in the whole batch, ``(R,)``.
        objective: what is minimised.
        reference: objective of other paths, ``(R,)``, that a decrease is measured against; NaN if by the energy.
        limits: of the iterations, ``(R,)``.
        floor: smallest eigenvalue of the metric along the start curve, ``(R,)``; zero where there are no
            wells to fall into.
        z: their paths, ``(R, K, d)``.
        place: value and derivatives there.
        memory: of L-BFGS.
        density: curvature of the density.
        damping: multiple of the identity in the start matrix that keeps steps short, ``(R,)``.
        first: fraction of a step that the next line search tries first, ``(R,)``.
        stuck: whether the last line search found no decrease along a step without L-BFGS's memory, ``(R,)``.
        evaluations: of the objective so far, ``(R,)``.
        history: the objective at the start and after each iteration, ``(R, iterations + 1)``.
    """

    rows: Tensor
    objective: Objective
    reference: Tensor
    limits: Tensor
    floor: Tensor
    z: Tensor
    place: Place
    memory: CurvaturePairs
    density: DensityCurvature
    damping: Tensor
    first: Tensor
    stuck: Tensor
    evaluations: Tensor
    history: Tensor

    @classmethod
    def at_start(cls, first: Trial, rows: Tensor, reference: Tensor | None, limits: Tensor, history_size: int) -> Self:
        """The pairs ``rows`` of a batch whose start curves have been tried.

        ``reference`` and ``limits`` are those of the whole batch, ``(P,)``.
        """
        objective, z, place = first.objective.select(rows), first.z[rows], first.place(rows)
        return cls(
            rows=rows,
            objective=objective,
            reference=torch.full_like(place.value, torch.nan) if reference is None else reference[rows],
            limits=limits[rows],
            floor=place.extremes()[0] if can_collapse(objective) else torch.zeros_like(place.value),
            z=z,
            place=place,
            memory=CurvaturePairs.none(len(rows), history_size, z.device),
            density=DensityCurvature.at_start(objective, z),
            damping=torch.zeros_like(place.value),
            first=torch.ones_like(place.value),
            stuck=torch.zeros_like(rows, dtype=torch.bool),
            evaluations=torch.ones_like(place.value),
            history=place.value[:, None],
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def iteration(self) -> int:
        """Number of iterations done."""
        return self.history.shape[1] - 1

    def solution(self, leaving: Tensor, status: NDArray[np.object_]) -> Solution:
        """What pairs that leave take with them.

        Args:
            leaving: their indices in this state, ``(L,)``.
            status: why each of them stopped, ``(L,)``.
        """
        return Solution(
            z=self.z[leaving],
            iterations=torch.full_like(leaving, self.iteration),
            evaluations=self.evaluations[leaving],
            gradient_norm=self.place.gradient.flatten(1).norm(dim=1)[leaving],
            status=status,
            history=self.history[leaving],
        )


@dataclass(frozen=True)
class Direction(PerPair):
    """Where the descent would go next.

    Attributes:
        step: of the interior points, ``(R, K-2, d)``, double precision.
        slope: derivative of the objective along it, ``(R,)``, negative unless rounding has the word.
        held: fraction of the model's curvature along it that is damping, ``(R,)``.
    """

    step: Tensor
    slope: Tensor
    held: Tensor

    @property
    def predicted(self) -> Tensor:
        """Decrease that the quadratic model without its damping expects along the step at most, ``(R,)``.

        So a step that is short since it is damped is no sign of rest.
        """
        return -0.5 * self.slope / (1.0 - self.held)


def can_collapse(objective: Objective) -> bool:
    """Whether the objective has wells without a bottom, where the metric is singular."""
    return objective.mu > 0.0 and objective.manifold.noise == 0.0
