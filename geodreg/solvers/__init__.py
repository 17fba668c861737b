"""Solvers, which turn start curves into minimising paths, and what draws start curves; no objective of their own.

The default solver is :mod:`~geodreg.solvers.newton`, around the loop in :mod:`~geodreg.solvers.descent`, whose step
lengths :mod:`~geodreg.solvers.line_search` chooses. :class:`Solver` and :class:`Start` are the protocols to implement.
"""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.objectives.dense import PathObjective
from geodreg.solvers.algorithm1 import Algorithm1
from geodreg.solvers.matrix_free import MatrixFree
from geodreg.solvers.newton import Newton
from geodreg.solvers.solution import Solution, Status
from geodreg.solvers.start import GraphStart

__all__ = ["Algorithm1", "GraphStart", "MatrixFree", "Newton", "Solution", "Solver", "Start", "Status"]


class Solver(Protocol):
    """Anything that improves a batch of paths; :class:`~geodreg.Newton` and :class:`~geodreg.Algorithm1` do."""

    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Paths from start curves, with the same endpoints.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser.
            on_stop: called with the number of pairs that have just stopped; given only where a progress bar is asked
                for.
        """
        ...


class Start(Protocol):
    """Anything that draws start curves between pairs of latents; :class:`~geodreg.GraphStart` does."""

    def curves(
        self, manifold: LatentManifold, mu: float, start: Tensor, end: Tensor, n_points: int, nll_reference: Tensor
    ) -> Tensor:
        """Start curves ``(P, K, d)``, of the dtype and on the device of the endpoints.

        Args:
            manifold: the model.
            mu: weight of the density, zero for the plain geodesic.
            start: ``(P, d)``; a long batch comes in groups.
            end: ``(P, d)``.
            n_points: number of points ``K``, endpoints included.
            nll_reference: mean nll on the plain geodesics, ``(P,)``; zero where ``mu`` is.
        """
        ...
