"""The path objective: chord energy plus density regulariser, with the parts a solver needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from geodreg.geometry.curve import chord_energy, chord_length
from geodreg.geometry.manifold import LatentManifold, log_volume_of
from geodreg.linear_algebra.block_tridiagonal import BlockTridiagonal

__all__ = ["DensePlace", "DenseTrial", "PathObjective", "PushedDensity", "rounding_of"]

DAMPING = 1e-8  # of the mean diagonal of the Gauss-Newton matrix; keeps it definite where the generator is flat
JACOBIANS_AT_ONCE = 2**18  # numbers in the Jacobians that are multiplied together on a processor


@dataclass(frozen=True)
class PathObjective:
    r"""The objective of a batch of paths with fixed endpoints, each with its own interval.

    .. math::

        F(z) = \sum_k \frac{|f(z_{k+1}) - f(z_k)|^2}{2\,\Delta t}
               + \mu\,\Delta t \sum_{k=2}^{K-1} \mathrm{nll}(z_k), \qquad \Delta t = \frac{T}{K-1},

    the discrete form of the paper's loss, on chords.

    Attributes:
        manifold: the model.
        mu: weight of the regulariser, zero for the plain geodesic.
        interval: length ``T`` of the parameter interval of each pair, ``(P,)``, double precision, positive.
    """

    manifold: LatentManifold
    mu: float
    interval: Tensor

    @property
    def cuts_steps(self) -> bool:
        """Whether the model of curvature is so coarse that steps are cut again and again."""
        return False

    def select(self, rows: Tensor) -> PathObjective:
        """The objective of some of the pairs."""
        return replace(self, interval=self.interval[rows])

    def total(self, energy: Tensor, nll: Tensor) -> Tensor:
        """Objective ``(P,)`` from the energy ``(P,)`` and the nll at the interior points, ``(P, K-2)``."""
        return energy + self.mu * self.interval / (nll.shape[1] + 1) * nll.double().sum(-1)

    @torch.no_grad()
    def value(self, z: Tensor) -> Tensor:
        """Objective of paths: ``(P, K, d)`` to ``(P,)``."""
        energy = chord_energy(self.manifold.generate_flat(z), self.interval)
        if self.mu == 0.0:
            return energy
        return self.total(energy, self.manifold.nll(z[:, 1:-1]))

    def trial(self, z: Tensor) -> DenseTrial:
        """Evaluate the objective; the trial can go on to its gradient without paying for this part again.

        Without a regulariser, and with a density that is given, that takes no tangents. With the push-forward density
        it takes those at all points, whose graph is kept in parts.
        """
        z = z.detach()
        if self.mu == 0.0 or self.manifold.density is not None:
            with torch.no_grad():
                x = self.manifold.generate_flat(z)
                energy = chord_energy(x, self.interval)
                value = energy if self.mu == 0.0 else self.total(energy, self.manifold.nll(z[:, 1:-1]))
                return DenseTrial(self, z, x, value, energy, None)
        with torch.no_grad():
            ends = self.manifold.generate_flat(z[:, [0, -1]])
        shape = z[:, 1:-1].shape
        density = PushedDensity.of(self.manifold, z[:, 1:-1].reshape(-1, shape[-1]))
        x = torch.cat([ends[:, :1], density.x.unflatten(0, shape[:2]), ends[:, 1:]], dim=1)
        energy = chord_energy(x, self.interval)
        value = self.total(energy, density.nll.unflatten(0, shape[:2]))
        return DenseTrial(self, z, x, value, energy, density)


@dataclass(frozen=True)
class PushedDensity:
    """The nll of points ``(n, d)``, what it was computed from, and the graph to its gradient, in parts.

    Attributes:
        x: where lengths are measured, flattened, ``(n, D)``.
        tangents: pushed latent directions, ``(n, d, D)``.
        metric: pull-back metric, ``(n, d, d)``, double precision.
        factor: Cholesky factor of metric and noise, ``(n, d, d)``, double precision.
        nll: negative log-density, ``(n,)``, in nats.
        graphs: latents, tangents and log-prior of each part.
    """

    x: Tensor
    tangents: Tensor
    metric: Tensor
    factor: Tensor
    nll: Tensor
    graphs: list[tuple[Tensor, Tensor, Tensor]]

    @staticmethod
    def of(manifold: LatentManifold, z: Tensor) -> PushedDensity:
        """The push-forward density of a manifold at latents ``(n, d)``."""
        computed: list[tuple[Tensor, ...]] = []
        graphs = []
        for part in manifold.parts(z):
            latents = part.detach().requires_grad_()
            with torch.enable_grad():
                x, tangents = manifold.pushforward_part(latents)
                log_prior = manifold.log_prior(latents)
            volume, metric, factor = log_volume_of(tangents.detach(), manifold.noise)
            graphs.append((latents, tangents, log_prior))
            computed.append((x.detach(), tangents.detach(), metric, factor, volume - log_prior.detach()))
        x, tangents, metric, factor, nll = (torch.cat(values) for values in zip(*computed, strict=True))
        return PushedDensity(x, tangents, metric, factor, nll, graphs)

    def gradient(self, chosen: Tensor) -> Tensor:
        r"""Gradient of the nll at the chosen points, given by a mask ``(n,)``; zero at the others: ``(n, d)``.

        That of the log-volume is :math:`\operatorname{tr}(G^{-1} J^\top \partial J)`, so :math:`J G^{-1}` is what goes
        backwards through the tangents.
        """
        parts = [len(latents) for latents, _, _ in self.graphs]
        gradients = []
        for (latents, tangents, log_prior), factor, mask in zip(
            self.graphs, self.factor.split(parts), chosen.split(parts), strict=True
        ):
            if not mask.any():
                gradients.append(torch.zeros_like(latents, dtype=torch.float64))
                continue
            identity = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
            inverse = torch.cholesky_inverse(torch.where(mask[:, None, None], factor, identity))
            dual = (inverse @ tangents.detach().double()).to(tangents.dtype)
            weights = mask.to(tangents.dtype)
            outputs = ((tangents, dual * weights[:, None, None]), (log_prior, -weights.to(log_prior.dtype)))
            varying = [(value, cotangent) for value, cotangent in outputs if value.requires_grad]
            gradient = torch.zeros_like(latents)
            if varying:
                values, cotangents = zip(*varying, strict=True)
                (gradient,) = torch.autograd.grad(values, latents, cotangents, materialize_grads=True)
            gradients.append(gradient.double())
        return torch.cat(gradients)


@dataclass(frozen=True)
class DenseTrial:
    """One evaluation of a path objective, from which its derivatives can be had.

    Attributes:
        objective: what was evaluated.
        z: the paths, ``(P, K, d)``.
        x: their points in data space, flattened, ``(P, K, D)``.
        value: the objective, ``(P,)``, double precision.
        energy: the chord energy in it, ``(P,)``, double precision.
        density: what the push-forward density was computed from, if it is the regulariser.
    """

    objective: PathObjective
    z: Tensor
    x: Tensor
    value: Tensor
    energy: Tensor
    density: PushedDensity | None

    def rounding(self) -> Tensor:
        """What rounding of the data points may change in the value, ``(P,)``; smaller changes mean nothing."""
        return rounding_of(self.x, self.z, self.value, self.energy, self.objective.interval)

    def release(self) -> None:
        """Free the graph; no more derivatives can be had."""
        if self.density is not None:
            self.density.graphs.clear()

    def place(self, rows: Tensor) -> DensePlace:
        """Gradient at the interior points, and Gauss-Newton matrix of the energy, of pairs by increasing index."""
        objective, z = self.objective, self.z[rows]
        n_pairs, n_points, d = z.shape
        step = (objective.interval[rows] / (n_points - 1))[:, None, None]  # R x 1 x 1
        batch = (len(self.z), n_points - 2)
        if self.density is None:
            interior = z[:, 1:-1].reshape(-1, d)
            with torch.no_grad():
                tangents = objective.manifold.pushforward(interior)[1].unflatten(0, (n_pairs, n_points - 2))
            metric = None
            density_gradient = z.new_zeros(n_pairs, n_points - 2, d, dtype=torch.float64)
            if objective.mu > 0.0 and objective.manifold.density is not None:
                gradient = objective.manifold.density.gradient(interior).view_as(density_gradient)
                density_gradient = -objective.mu * step * gradient
        else:
            tangents, metric = (values.unflatten(0, batch) for values in (self.density.tangents, self.density.metric))
            if n_pairs < len(self.z):
                tangents, metric = tangents[rows], metric[rows]
            chosen = torch.zeros(batch, dtype=torch.bool, device=z.device)
            chosen[rows] = True
            gradient = self.density.gradient(chosen.flatten()).unflatten(0, batch)[rows]
            density_gradient = objective.mu * step * gradient
        at_once = max(1, JACOBIANS_AT_ONCE // tangents[0].numel()) if z.device.type == "cpu" else n_pairs
        parts = zip(tangents.split(at_once), self.x[rows].split(at_once), strict=True)
        products = zip(*(_products(*part, with_metric=metric is None) for part in parts), strict=True)
        pulled, coupling, *metrics = (torch.cat(product) for product in products)
        metric = metrics[0] if metric is None else metric
        gradient = pulled / step + density_gradient
        scale = step.unsqueeze(-1)
        known = self.value[rows], self.energy[rows], self.rounding()[rows]
        kind = DensePlace if objective.manifold.density is None else _GivenDensityPlace
        return kind(*known, gradient, density_gradient, metric, 2.0 * metric / scale, -coupling / scale)


def rounding_of(x: Tensor, z: Tensor, value: Tensor, energy: Tensor, interval: Tensor) -> Tensor:
    """What rounding of data points ``(P, K, D)`` of paths ``(P, K, d)`` may change in their objectives ``(P,)``."""
    eps = max(torch.finfo(x.dtype).eps, torch.finfo(z.dtype).eps)
    size = x.double().norm(dim=-1).amax(-1)
    lever = chord_length(x) * size * (z.shape[1] - 1) ** 0.5 / interval  # of an error in x on the energy
    return eps * (energy + (value - energy).abs() + lever)


def _products(tangents: Tensor, x: Tensor, with_metric: bool) -> tuple[Tensor, ...]:
    """Pulled-back second differences, products of neighbouring Jacobians, and metrics, in double precision."""
    rows = tangents.double()  # R x K-2 x d x D
    differences = -x.double().diff(n=2, dim=1).unsqueeze(-1)
    products = (rows @ differences).squeeze(-1), rows[:, :-1] @ rows[:, 1:].mT
    return (*products, rows @ rows.mT) if with_metric else products


@dataclass(frozen=True)
class DensePlace:
    """Where some pairs are: value, gradient, and the blocks of the Gauss-Newton matrix of the energy.

    Attributes:
        value: the objective, ``(R,)``, as all of these in double precision.
        energy: the chord energy in it, ``(R,)``.
        rounding: what rounding of the data points may change in the value, ``(R,)``.
        gradient: at the interior points, ``(R, K-2, d)``.
        density_gradient: the regulariser's part of it, ``(R, K-2, d)``.
        metric: pull-back metric, ``(R, K-2, d, d)``.
        diagonal: diagonal blocks, ``(R, K-2, d, d)``.
        upper: blocks right of the diagonal, ``(R, K-3, d, d)``.
    """

    value: Tensor
    energy: Tensor
    rounding: Tensor
    gradient: Tensor
    density_gradient: Tensor
    metric: Tensor
    diagonal: Tensor
    upper: Tensor

    def __iter__(self) -> Iterator[Tensor]:
        return (getattr(self, field.name) for field in fields(self))

    def select(self, rows: Tensor) -> Self:
        """The place of some of the pairs, by index."""
        return type(self)(*(values[rows] for values in self))

    @classmethod
    def joined(cls, places: Sequence[Self], order: Tensor) -> Self:
        """Places of different pairs as one, then put in the order given by indices."""
        return cls(*(torch.cat(values)[order] for values in zip(*places, strict=True)))

    def are_finite(self) -> Tensor:
        """Whether everything of a pair is finite, ``(R,)``."""
        finite = self.gradient.isfinite().flatten(1).all(-1)
        return finite & self.metric.isfinite().flatten(1).all(-1) & self.upper.isfinite().flatten(1).all(-1)

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest eigenvalue of the metric along each path, ``(R,)`` each."""
        eigenvalues = torch.linalg.eigvalsh(self.metric)
        return eigenvalues[..., 0].amin(-1), eigenvalues[..., -1].amax(-1)

    def preconditioner(self, density: Tensor) -> Callable[[Tensor], Tensor]:
        """Product of the inverse Gauss-Newton matrix, with a diagonal ``(R, K-2, d)`` added, with ``(R, (K-2) d)``."""
        mean = self.diagonal.diagonal(dim1=-2, dim2=-1).mean((-2, -1))
        damping = DAMPING * mean + torch.finfo(mean.dtype).tiny
        matrix = BlockTridiagonal(self.diagonal + torch.diag_embed(density + damping[:, None, None]), self.upper)
        return lambda q: matrix.solve(q.view_as(self.gradient)).flatten(1)


class _GivenDensityPlace(DensePlace):
    """The same with a density that is given, which has no wells where the metric collapses."""

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Ones, ``(R,)`` each."""
        return torch.ones_like(self.value), torch.ones_like(self.value)
