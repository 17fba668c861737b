"""What the descent asks of an objective: to be tried, and to go on from a trial to its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self

from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.solvers.per_pair import Selectable

__all__ = ["Objective", "Place", "Trial"]


class Objective(Selectable, Protocol):
    """A path objective of some pairs that can be tried."""

    @property
    def manifold(self) -> LatentManifold:
        """The model."""

    @property
    def mu(self) -> float:
        """Weight of the density."""

    @property
    def interval(self) -> Tensor:
        """Of each pair, ``(P,)``."""

    @property
    def cuts_steps(self) -> bool:
        """Whether the model of curvature is so coarse that steps are cut again and again."""

    def trial(self, z: Tensor) -> Trial:
        """The objective at paths ``(P, K, d)``."""


class Trial(Protocol):
    """One evaluation of an objective, without its gradient."""

    @property
    def objective(self) -> Objective:
        """What was evaluated."""

    @property
    def z(self) -> Tensor:
        """The paths, ``(P, K, d)``."""

    @property
    def value(self) -> Tensor:
        """The objective, ``(P,)``."""

    def place(self, rows: Tensor) -> Place:
        """Value and derivatives of some pairs, by index."""

    def release(self) -> None:
        """Free the graph; there is no place to be had any more."""


class Place(Selectable, Protocol):
    """Where some pairs at work are."""

    @property
    def value(self) -> Tensor:
        """The objective, ``(R,)``, double precision as all of these."""

    @property
    def energy(self) -> Tensor:
        """The chord energy in it, ``(R,)``."""

    @property
    def rounding(self) -> Tensor:
        """What rounding of the data points may change in the value, ``(R,)``."""

    @property
    def gradient(self) -> Tensor:
        """Gradient at the interior points, ``(R, K-2, d)``."""

    @property
    def density_gradient(self) -> Tensor:
        """The regulariser's part of it."""

    def are_finite(self) -> Tensor:
        """Whether everything of a pair is finite, ``(R,)``."""

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest eigenvalue of the metric along each path, ``(R,)`` each."""

    def preconditioner(self, density: Tensor) -> Callable[[Tensor], Tensor]:
        """Product of the inverse Gauss-Newton matrix, with a diagonal ``(R, K-2, d)`` added, with ``(R, (K-2) d)``."""

    @classmethod
    def joined(cls, places: Sequence[Self], order: Tensor) -> Self:
        """Places of different pairs as one, then put in the order given by indices."""
