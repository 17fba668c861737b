"""The regularised objective without Jacobians: value, gradient, and products with the Gauss-Newton matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from geodreg.derivatives.jacobian_products import GIB, JacobianProducts, bytes_of_row, rows_within
from geodreg.geometry.curve import chord_energy
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.stochastic_volume import MatrixFreeManifold, Quadrature
from geodreg.linear_algebra.conjugate_gradients import conjugate_gradients
from geodreg.objectives.dense import PathObjective, rounding_of

__all__ = ["Batches", "GaussNewton", "MatrixFreeObjective", "MatrixFreePlace", "MatrixFreeTrial"]

HELD = 8  # copies of the data points of a batch of paths, in double precision, that are alive together; half a budget
FACTORS = 3  # copies of the vectors of the density's derivative: of the place, of a trial and of the pairs that go on
QUADRATURE = [field.name for field in fields(Quadrature)]
CG_TOLERANCE, CG_ITERATIONS = 0.1, 50  # of the start matrix of L-BFGS; more accuracy saves no iterations
N_DIAGONAL = 4  # random signs per point for the diagonal of the metric


@dataclass(frozen=True)
class Batches:
    """How many paths and latents are computed together within a budget.

    Attributes:
        n_pairs: paths whose data points are held together.
        n_rows: latents that go through the generator and its derivatives together.
        keep: whether the graphs along all paths of a batch fit into the budget.
    """

    n_pairs: int
    n_rows: int
    keep: bool

    @classmethod
    def of(cls, manifold: LatentManifold, budget: float, start: Tensor, history: int, factors: int = 0) -> Self:
        """Batches of paths like start curves ``(P, K, d)``, within a budget in GiB.

        Args:
            manifold: the model.
            budget: in GiB.
            start: start curves.
            history: number of iterations that L-BFGS remembers.
            factors: numbers in the vectors of the density's derivative at a point, if they are kept.

        Raises:
            ValueError: if the data points of one path alone do not fit.
        """
        n_points, d = start.shape[1:]
        flat = start[:1, 0]
        n_bytes = bytes_of_row(manifold.generate_flat, flat)
        with torch.no_grad():
            size = manifold.generate_flat(flat).shape[-1]
        half, points = 0.5 * budget * GIB, HELD * 8 * n_points * (size + d)
        if points > half:
            raise ValueError(
                f"memory is {budget:.3g} GiB, too little for the {n_points} points of one path in data "
                "space; pass more memory or fewer points."
            )
        remembered = 2 * 2 * 8 * history * (n_points - 2) * d  # steps and changes, and both again while pairs leave
        kept = FACTORS * (n_points - 2) * factors * start.element_size()
        n_pairs = min(max(1, int(half / (points + remembered + kept))), len(start))
        n_rows = rows_within(budget, n_bytes, start.device)
        return cls(n_pairs, n_rows, keep=n_pairs * n_points * n_bytes <= 0.5 * budget * GIB)


@dataclass(frozen=True)
class MatrixFreeObjective:
    """A path objective whose log-volume is estimated; for given probes that is a deterministic function.

    Attributes:
        manifold: the model.
        mu: weight of the regulariser.
        interval: of each pair, ``(P,)``, double precision.
        n_rows: latents that go through the generator and its derivatives together.
        keep: whether the graphs along all paths of the batch fit into the budget.
    """

    manifold: MatrixFreeManifold
    mu: float
    interval: Tensor
    n_rows: int
    keep: bool

    @property
    def cuts_steps(self) -> bool:
        """Whether the model of curvature is so coarse that steps are cut again and again."""
        return False

    def select(self, rows: Tensor) -> MatrixFreeObjective:
        """The objective of some of the pairs."""
        return replace(self, interval=self.interval[rows])

    def points(self, z: Tensor) -> Tensor:
        """Data points of latents, flattened, ``(..., d)`` to ``(..., D)``."""
        rows = z.reshape(-1, z.shape[-1]).split(self.n_rows)
        with torch.no_grad():
            x = torch.cat([self.manifold.generate_flat(part) for part in rows])
        return x.view(*z.shape[:-1], -1)

    def trial(self, z: Tensor) -> MatrixFreeTrial:
        """Evaluate the objective at paths ``(P, K, d)``; the trial can go on to its gradient."""
        x, interior = self.points(z), z[:, 1:-1]
        energy = chord_energy(x, self.interval)
        found = self.manifold.volume.quadrature(self.manifold.exact, interior.reshape(-1, z.shape[-1]))
        with torch.no_grad():
            log_prior = self.manifold.log_prior(interior).double()
        nll = found.volumes.mean(-1).view(interior.shape[:-1]) - log_prior
        value = energy + self.mu * self.interval / (z.shape[1] - 1) * nll.sum(-1)
        return MatrixFreeTrial(self, z, x, value, energy, found)

    @classmethod
    def of(
        cls, objective: PathObjective, manifold: MatrixFreeManifold, start: Tensor, history: int
    ) -> list[MatrixFreeObjective]:
        """An objective in batches of pairs that fit into the budget.

        Args:
            objective: of ``P`` pairs.
            manifold: its manifold, with the budget.
            start: start curves ``(P, K, d)``.
            history: number of iterations that L-BFGS remembers.

        Raises:
            ValueError: if the data points of one path alone do not fit.
        """
        volume = manifold.volume
        batches = Batches.of(manifold, volume.memory, start, history, volume.factors_per_point(start.shape[-1]))
        return [
            cls(manifold, objective.mu, part, batches.n_rows, batches.keep)
            for part in objective.interval.split(batches.n_pairs)
        ]


@dataclass(frozen=True)
class MatrixFreeTrial:
    """One evaluation of a matrix-free objective.

    Attributes:
        objective: what was evaluated.
        z: the paths, ``(P, K, d)``.
        x: their points in data space, flattened, ``(P, K, D)``.
        value: the objective, ``(P,)``, double precision.
        energy: the chord energy in it, ``(P,)``, double precision.
        found: what the probes found at the interior points.
    """

    objective: MatrixFreeObjective
    z: Tensor
    x: Tensor
    value: Tensor
    energy: Tensor
    found: Quadrature

    def select(self, rows: Tensor) -> MatrixFreeTrial:
        """The trial of some of the pairs, as indices."""
        n = self.z.shape[1] - 2
        points = (rows.unsqueeze(-1) * n + torch.arange(n, device=rows.device)).flatten()
        found = Quadrature(*(getattr(self.found, name)[points] for name in QUADRATURE))
        z, x, value, energy = (part[rows] for part in (self.z, self.x, self.value, self.energy))
        return MatrixFreeTrial(self.objective.select(rows), z, x, value, energy, found)

    @classmethod
    def joined(cls, trials: list[MatrixFreeTrial], order: Tensor) -> MatrixFreeTrial:
        """Trials of different pairs as one, then put in the order given by indices."""
        objective = replace(trials[0].objective, interval=torch.cat([trial.objective.interval for trial in trials]))
        z, x, value, energy = (torch.cat([getattr(t, name) for t in trials]) for name in ("z", "x", "value", "energy"))
        found = Quadrature(*(torch.cat([getattr(t.found, name) for t in trials]) for name in QUADRATURE))
        return cls(objective, z, x, value, energy, found).select(order)

    def rounding(self) -> Tensor:
        """What rounding of the data points may change in the value, ``(P,)``."""
        return rounding_of(self.x, self.z, self.value, self.energy, self.objective.interval)

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest Ritz value along each path, ``(P,)`` each."""
        n = self.z.shape[1] - 2
        return self.found.smallest.view(-1, n).amin(-1), self.found.largest.view(-1, n).amax(-1)

    def place(self, rows: Tensor) -> MatrixFreePlace:
        """Value and gradient of some of the pairs, by index."""
        return MatrixFreePlace.of(self.select(rows))

    def release(self) -> None:
        """Nothing is held that a place does not need."""

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Gradient at the interior points and the regulariser's part of it, ``(P, K-2, d)``, in double precision."""
        objective, interior = self.objective, self.z[:, 1:-1]
        step = (objective.interval / (self.z.shape[1] - 1))[:, None, None]  # P x 1 x 1
        gradient = torch.empty(interior.shape, dtype=torch.float64, device=interior.device)
        for pair, x in enumerate(self.x):
            force = -x.double().diff(dim=0).diff(dim=0) / step[pair]
            gradient[pair] = self._products(pair, keep=False).pull(force).double()
        volume = objective.manifold.volume.gradients(objective.manifold.exact, self.found).mean(1)
        with torch.enable_grad():
            point = interior.detach().requires_grad_()
            (prior,) = torch.autograd.grad(
                objective.manifold.log_prior(point).sum(), point, allow_unused=True, materialize_grads=True
            )
        density = objective.mu * step * (volume.view_as(gradient) - prior.double())
        return gradient + density, density

    def gauss_newton(self, density: Tensor) -> GaussNewton:
        """Gauss-Newton matrix of the energy at these paths, with a diagonal ``(P, K-2, d)`` for the density."""
        objective = self.objective
        products = [self._products(pair, objective.keep) for pair in range(len(self.z))]
        step = objective.interval / (self.z.shape[1] - 1)
        return GaussNewton.of(products, step, density, self.x[:, 1:-1])

    def _products(self, pair: int, keep: bool) -> JacobianProducts:
        objective = self.objective
        return JacobianProducts(objective.manifold.generate_flat, self.z[pair, 1:-1], objective.n_rows, keep)


@dataclass(frozen=True)
class MatrixFreePlace:
    """Where some pairs are: an evaluation that was accepted, and the gradient there.

    Attributes:
        trial: the evaluation.
        gradient: at the interior points, ``(R, K-2, d)``, double precision.
        density_gradient: the regulariser's part of it.
    """

    trial: MatrixFreeTrial
    gradient: Tensor
    density_gradient: Tensor

    @classmethod
    def of(cls, trial: MatrixFreeTrial) -> MatrixFreePlace:
        """The place of a trial."""
        return cls(trial, *trial.gradients())

    @property
    def value(self) -> Tensor:
        """The objective, ``(R,)``."""
        return self.trial.value

    @property
    def energy(self) -> Tensor:
        """The chord energy in it, ``(R,)``."""
        return self.trial.energy

    @property
    def rounding(self) -> Tensor:
        """What rounding of the data points may change in the value, ``(R,)``."""
        return self.trial.rounding()

    def are_finite(self) -> Tensor:
        """Whether the gradient of a pair is finite, ``(R,)``."""
        return self.gradient.isfinite().flatten(1).all(-1)

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest Ritz value of the metric along each path, ``(R,)`` each."""
        return self.trial.extremes()

    def preconditioner(self, density: Tensor) -> Callable[[Tensor], Tensor]:
        """Solution of the Gauss-Newton system, with a diagonal ``(R, K-2, d)`` added, by conjugate gradients."""
        matrix = self.trial.gauss_newton(density)

        def precondition(q: Tensor) -> Tensor:
            return conjugate_gradients(matrix.product, q, matrix.precondition, CG_TOLERANCE, CG_ITERATIONS)

        return precondition

    def select(self, rows: Tensor) -> MatrixFreePlace:
        """The place of some of the pairs, by index."""
        if len(rows) == len(self.gradient):
            return self
        return MatrixFreePlace(self.trial.select(rows), self.gradient[rows], self.density_gradient[rows])

    @classmethod
    def joined(cls, places: Sequence[MatrixFreePlace], order: Tensor) -> MatrixFreePlace:
        """Places of different pairs as one, then put in the order given by indices."""
        trial = MatrixFreeTrial.joined([place.trial for place in places], order)
        gradients = [torch.cat([place.gradient for place in places])[order]]
        gradients.append(torch.cat([place.density_gradient for place in places])[order])
        return cls(trial, *gradients)


@dataclass(frozen=True)
class GaussNewton:
    r"""The Gauss-Newton matrix of the chord energy of paths, as products, and an approximate inverse.

    A product takes tangents :math:`v_k` at the interior points to
    :math:`J_k^\top (2 J_k v_k - J_{k-1} v_{k-1} - J_{k+1} v_{k+1}) / \Delta t`, plus the density's curvature. Were the
    metric a diagonal matrix :math:`m`, the same at all points, sines would diagonalise it: the approximate inverse
    is that of :math:`m_i (2 - 2\cos\tfrac{\pi j}{K-1}) / \Delta t` plus the mean curvature of the density, with
    :math:`m` estimated from pulled-back random signs.

    Attributes:
        products: with the Jacobians of each path.
        step: of the parameter, ``(P,)``.
        density: the density's curvature in the objective, ``(P, K-2, d)``.
        eigenvalues: of the approximate matrix, ``(P, K-2, d)``.
        sines: orthogonal and symmetric, ``(K-2, K-2)``.
    """

    products: list[JacobianProducts]
    step: Tensor
    density: Tensor
    eigenvalues: Tensor
    sines: Tensor

    @classmethod
    def of(cls, products: list[JacobianProducts], step: Tensor, density: Tensor, x: Tensor) -> GaussNewton:
        """The matrix at interior data points ``(P, K-2, D)``."""
        n, size = x.shape[1:]
        chance = torch.Generator().manual_seed(0)
        signs = [
            torch.randint(0, 2, (n, size), generator=chance, device="cpu").to(x) * 2 - 1 for _ in range(N_DIAGONAL)
        ]
        metric = torch.stack(
            [sum((at.pull(u).double().square().mean(0) for u in signs), step.new_zeros(())) for at in products]
        )
        metric = metric / N_DIAGONAL  # P x d
        k = torch.arange(1, n + 1, dtype=torch.float64, device=x.device)
        frequencies = 2.0 - 2.0 * torch.cos(math.pi * k / (n + 1))
        eigenvalues = metric[:, None] * frequencies[:, None] / step[:, None, None] + density.mean(1, keepdim=True)
        least = torch.finfo(torch.float64).eps * eigenvalues.amax((-2, -1), keepdim=True)
        sines = (2.0 / (n + 1)) ** 0.5 * torch.sin(math.pi * k[:, None] * k / (n + 1))
        return cls(products, step, density, torch.maximum(eigenvalues, least), sines)

    def product(self, pairs: Tensor, tangents: Tensor) -> Tensor:
        """Products of the matrices of some pairs ``(R,)`` with tangents ``(R, (K-2) d)``, double precision."""
        v = tangents.view(len(pairs), *self.eigenvalues.shape[1:])
        image = torch.empty_like(v)
        for row, pair in enumerate(pairs.tolist()):
            pushed = self.products[pair].push(v[row])
            still = torch.zeros_like(pushed[:1])  # the endpoints do not move
            force = -torch.cat([still, pushed, still]).diff(dim=0).diff(dim=0)
            image[row] = self.products[pair].pull(force).double() / self.step[pair]
        return (image + self.density[pairs] * v).view_as(tangents)

    def precondition(self, pairs: Tensor, residuals: Tensor) -> Tensor:
        """Products of the approximate inverses with residuals, with the arguments of :meth:`product`."""
        r = residuals.view(len(pairs), *self.eigenvalues.shape[1:])
        return (self.sines @ ((self.sines @ r) / self.eigenvalues[pairs])).view_as(residuals)
