"""The solver for large latents and large data: quasi-Newton by conjugate gradients, with an estimated log-volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from geodreg.derivatives.modes import full_precision
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.stochastic_volume import MatrixFreeManifold, StochasticVolume
from geodreg.objectives.dense import PathObjective
from geodreg.objectives.fixed_metric import FixedMetricObjective
from geodreg.objectives.matrix_free import Batches, MatrixFreeObjective
from geodreg.objectives.mean_metric import MeanMetric
from geodreg.solvers.by_gradients import HISTORY, descend_by_gradients, needs_no_jacobian
from geodreg.solvers.descent import descend
from geodreg.solvers.solution import Solution
from geodreg.solvers.stopping import Rest, usual_tolerance

__all__ = ["MatrixFree"]

RANK = 32  # directions of the mean metric; more of them gain less than they cost
LEADING = "curvature from leading directions of the metric of both endpoints, gradients without Jacobians"
PRODUCTS = "curvature from products with the Jacobian, by conjugate gradients"


@dataclass(frozen=True)
class MatrixFree:
    r"""Minimise the path objective where the Jacobians do not fit into memory, by products with them alone.

    A plain geodesic, and one with a density that is given, needs gradients alone: L-BFGS starts from the mean of the
    metrics at both endpoints, whose 32 leading directions are found by products, as in
    :class:`~geodreg.Newton` where Jacobians are expensive.

    With the push-forward density the Gauss-Newton system, whose matrix takes tangents :math:`v_k` at the points to

    .. math:: \frac{1}{\Delta t} J_k^\top (2 J_k v_k - J_{k-1} v_{k-1} - J_{k+1} v_{k+1}),

    is solved by preconditioned conjugate gradients, every pair with its own stop, and its solution is the start matrix
    of L-BFGS, as in :class:`~geodreg.Newton`. The log-volume and its gradient are estimated by stochastic Lanczos
    quadrature (Ubaru, Chen and Saad 2017) with the same probes in every evaluation, so the objective is a
    deterministic function, the same seed gives the same path, and every pair has its own step length and its own stop.
    The path minimises the *estimated* objective: compare seeds, or look at the errors that
    :func:`~geodreg.log_volume_estimate` reports, to see what that means for it. Give the generator noise: without it
    small eigenvalues ask for many products. ``init="graph"`` asks for the density at thousands of edges, and pays here
    for each.

    Attributes:
        tolerance: relative decrease below which a pair has converged, as for :class:`~geodreg.Newton`, by default too.
        max_iterations: limit of iterations; ten times as many where gradients are enough.
        history_size: number of iterations that L-BFGS remembers; 100 where gradients are enough.
        n_probes: random probes of the log-volume, at least 2; as many as latents, or more, leave nothing to chance:
            value and gradient are exact. None is that up to 1,024 latents, and 16 probes above.
        n_lanczos: products with the metric per probe. They should bring ``truncation`` of the estimate near to zero:
            gradient and value agree only then, and a pair may stop early with ``no further decrease`` or
            ``no decrease found``.
        seed: of the probes.
        memory: memory to work in, in GiB, beyond what the model and the paths themselves take. Pairs, points and probes
            are taken as many at a time as fit.

    Raises:
        ValueError: if a setting is out of range.
    """

    tolerance: float | None = None
    max_iterations: int = 100
    history_size: int = 12
    n_probes: int | None = None
    n_lanczos: int = 32
    seed: int = 0
    memory: float = 1.0

    def __post_init__(self) -> None:
        for name in ("tolerance", "max_iterations", "history_size"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} is {value}; pass zero or a positive number.")
        self.volume  # noqa: B018  the other settings are checked there

    @property
    def volume(self) -> StochasticVolume:
        """How the log-volume is estimated."""
        return StochasticVolume(self.n_probes, self.n_lanczos, self.seed, self.memory)

    def view(self, manifold: LatentManifold) -> MatrixFreeManifold:
        """The manifold as this solver works on it: no Jacobian, within the budget."""
        exact = manifold.exact if isinstance(manifold, MatrixFreeManifold) else manifold
        return MatrixFreeManifold(exact, self.volume)

    @full_precision()
    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Paths that minimise the objective, from start curves with the same endpoints.

        Args:
            objective: of ``P`` pairs.
            start: start curves, ``(P, K, d)``.
            reference: objective of the plain geodesics, ``(P,)``, if there is a regulariser.
            on_stop: called with the number of pairs that have just stopped.
        """
        tolerance = usual_tolerance(objective.mu, start.dtype) if self.tolerance is None else self.tolerance
        if needs_no_jacobian(objective):
            return self._by_gradients(objective, start.detach(), reference, tolerance, on_stop)
        solutions, first = [], 0
        for part in MatrixFreeObjective.of(objective, self.view(objective.manifold), start, self.history_size):
            rows = slice(first, first + len(part.interval))
            trial = part.trial(start[rows].detach())
            part_reference = None if reference is None else reference[rows]
            limits = torch.full_like(part.interval, self.max_iterations)
            solutions.append(descend(trial, part_reference, Rest(tolerance), limits, self.history_size, on_stop))
            first = rows.stop
        return replace(Solution.joined(solutions), curvature=PRODUCTS)

    def _by_gradients(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None,
        tolerance: float,
        on_stop: Callable[[int], object] | None,
    ) -> Solution:
        """Paths whose gradient needs no Jacobian: the energy's, and that of a density that is given."""
        objective = replace(objective, manifold=self.view(objective.manifold))
        batches = Batches.of(objective.manifold, self.memory, start, HISTORY)
        rank, solutions = min(RANK, start.shape[-1]), []
        for rows in torch.arange(len(start), device=start.device).split(batches.n_pairs):
            some, part = start[rows], objective.select(rows)
            metric = MeanMetric.leading(objective.manifold, some[:, [0, -1]], rank, batches.n_rows)
            fixed = FixedMetricObjective.of(part, some, metric, batches.n_rows, batches.keep)
            part_reference = None if reference is None else reference[rows]
            limits = torch.full_like(part.interval, self.max_iterations)
            solutions.append(descend_by_gradients(fixed, some, part_reference, tolerance, limits, on_stop))
        return replace(Solution.joined(solutions), curvature=LEADING)
