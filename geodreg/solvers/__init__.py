"""Solvers and start curves: a solver takes a path objective and start curves to paths."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from geodreg.objectives.dense import PathObjective
from geodreg.solvers.algorithm1 import Algorithm1
from geodreg.solvers.matrix_free import MatrixFree
from geodreg.solvers.newton import Newton
from geodreg.solvers.solution import Solution, Status
from geodreg.solvers.start import GraphStart

__all__ = ["Algorithm1", "GraphStart", "MatrixFree", "Newton", "Solution", "Solver", "Status"]


class Solver(Protocol):
    """Anything that improves a batch of paths; :class:`Newton`, :class:`MatrixFree` and :class:`Algorithm1` do."""

    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Paths from start curves ``(P, K, d)``.

        ``reference (P,)`` is the objective of the plain geodesics, and ``on_stop`` is called with the number of pairs
        that have just stopped.
        """
        ...
