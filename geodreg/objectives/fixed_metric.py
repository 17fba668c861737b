"""The path objective by gradients alone: a pass forwards and a pass backwards, and a metric that stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from geodreg.geometry.curve import chord_energy
from geodreg.geometry.manifold import LatentManifold
from geodreg.objectives.dense import PathObjective, rounding_of
from geodreg.objectives.mean_metric import MeanMetric

__all__ = ["FixedMetricObjective", "FixedMetricPlace", "FixedMetricTrial"]


@dataclass(frozen=True)
class FixedMetricObjective:
    """A path objective whose gradient needs no Jacobian: without a density, or with one that is given.

    The gradient is exact; only the model of the curvature is coarse, and the same in all iterations.

    Attributes:
        manifold: the model.
        mu: weight of the regulariser.
        interval: of each pair, ``(P,)``, double precision.
        endpoints: where lengths are measured, ``(P, 2, D)``.
        metric: one for each path.
        n_rows: latents that go through the generator together.
        keep: whether the graph of a trial is kept for its gradient, or made again for that.
    """

    manifold: LatentManifold
    mu: float
    interval: Tensor
    endpoints: Tensor
    metric: MeanMetric
    n_rows: int
    keep: bool

    @classmethod
    def of(cls, objective: PathObjective, start: Tensor, metric: MeanMetric, n_rows: int, keep: bool) -> Self:
        """The same objective, for paths with the endpoints of start curves ``(P, K, d)``."""
        with torch.no_grad():
            endpoints = objective.manifold.generate_flat(start[:, [0, -1]])
        return cls(objective.manifold, objective.mu, objective.interval, endpoints, metric, n_rows, keep)

    @property
    def cuts_steps(self) -> bool:
        """Whether the model of curvature is so coarse that steps are cut again and again."""
        return True

    def select(self, rows: Tensor) -> FixedMetricObjective:
        """The objective of some of the pairs, by index."""
        return replace(
            self,
            interval=self.interval[rows],
            endpoints=self.endpoints[rows],
            metric=self.metric.select(rows),
        )

    def value(self, z: Tensor) -> Tensor:
        """Objective of paths: ``(P, K, d)`` to ``(P,)``."""
        return replace(self, keep=False).trial(z).value

    def trial(self, z: Tensor) -> FixedMetricTrial:
        """Evaluate the objective at paths ``(P, K, d)``."""
        z = z.detach()
        interior, graphs, images = z[:, 1:-1].flatten(0, 1), [], []
        for part in interior.split(self.n_rows):
            latents = part.clone().requires_grad_(self.keep)
            with torch.set_grad_enabled(self.keep):
                image = self.manifold.generate_flat(latents)
            images.append(image.detach())
            if self.keep:
                graphs.append((latents, image))
        inner = torch.cat(images).unflatten(0, (len(z), -1))
        x = torch.cat([self.endpoints[:, :1], inner, self.endpoints[:, 1:]], dim=1)
        energy = chord_energy(x, self.interval)
        value = energy
        if self.mu > 0.0:
            with torch.no_grad():
                nll = self.manifold.nll(z[:, 1:-1]).double()
            value = energy + self.mu * self.interval / (z.shape[1] - 1) * nll.sum(-1)
        return FixedMetricTrial(self, z, x, value, energy, graphs)


@dataclass(frozen=True)
class FixedMetricTrial:
    """One evaluation.

    Attributes:
        objective: what was evaluated.
        z: the paths, ``(P, K, d)``.
        x: their points where lengths are measured, ``(P, K, D)``.
        value: the objective, ``(P,)``, double precision.
        energy: the chord energy in it, ``(P,)``, double precision.
        graphs: latents of a part and their image; none if they are not kept.
    """

    objective: FixedMetricObjective
    z: Tensor
    x: Tensor
    value: Tensor
    energy: Tensor
    graphs: list[tuple[Tensor, Tensor]]

    def release(self) -> None:
        """Free the graph."""
        self.graphs.clear()

    def place(self, rows: Tensor) -> FixedMetricPlace:
        """Value and gradient of some of the pairs, by index."""
        objective, interior = self.objective, self.z[:, 1:-1]
        step = (objective.interval / (self.z.shape[1] - 1))[:, None, None]
        chosen = torch.zeros_like(step, dtype=torch.bool)
        chosen[rows] = True
        force = torch.where(chosen, -self.x.double().diff(n=2, dim=1) / step, 0.0).to(self.x.dtype).flatten(0, 1)
        gradient = torch.cat(self._pulled(force)).double().view(interior.shape)[rows]
        density = torch.zeros_like(gradient)
        if objective.mu > 0.0 and objective.manifold.density is not None:
            at = interior[rows]
            density = -objective.mu * step[rows] * objective.manifold.density.gradient(at.flatten(0, 1)).view_as(at)
        rounding = rounding_of(self.x, self.z, self.value, self.energy, objective.interval)[rows]
        return FixedMetricPlace(
            value=self.value[rows],
            energy=self.energy[rows],
            rounding=rounding,
            gradient=gradient + density,
            density_gradient=density,
            step=step[rows].flatten(),
            metric=objective.metric.select(rows),
        )

    def _pulled(self, force: Tensor) -> list[Tensor]:
        """Products of the transposed Jacobians with cotangents ``((K-2) P, D)``, part by part."""
        objective = self.objective
        pulled = []
        for i, (part, cotangent) in enumerate(
            zip(
                self.z[:, 1:-1].flatten(0, 1).split(objective.n_rows),
                force.split(objective.n_rows),
                strict=True,
            )
        ):
            if self.graphs:
                latents, image = self.graphs[i]
            else:
                latents = part.clone().requires_grad_()
                with torch.enable_grad():
                    image = objective.manifold.generate_flat(latents)
            (gradient,) = torch.autograd.grad(image, latents, cotangent, allow_unused=True, materialize_grads=True)
            pulled.append(gradient)
        return pulled


@dataclass(frozen=True)
class FixedMetricPlace:
    """Where some pairs are: value, gradient, and the metric that serves for all of their path.

    Attributes:
        value: the objective, ``(R,)``, as all of these in double precision.
        energy: the chord energy in it, ``(R,)``.
        rounding: what rounding of the data points may change in the value, ``(R,)``.
        gradient: at the interior points, ``(R, K-2, d)``.
        density_gradient: the regulariser's part of it.
        step: of the parameter, ``(R,)``.
        metric: one for each path.
    """

    value: Tensor
    energy: Tensor
    rounding: Tensor
    gradient: Tensor
    density_gradient: Tensor
    step: Tensor
    metric: MeanMetric

    def select(self, rows: Tensor) -> FixedMetricPlace:
        """The place of some of the pairs, by index."""
        tensors = {name: value[rows] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors, metric=self.metric.select(rows))

    @classmethod
    def joined(cls, places: Sequence[FixedMetricPlace], order: Tensor) -> FixedMetricPlace:
        """Places of different pairs as one, then put in the order given by indices."""
        names = [name for name, value in vars(places[0]).items() if isinstance(value, Tensor)]
        tensors = {name: torch.cat([getattr(place, name) for place in places])[order] for name in names}
        metrics = [place.metric for place in places]
        parts = (torch.cat([getattr(m, name) for m in metrics])[order] for name in ("values", "vectors", "others"))
        return replace(places[0], **tensors, metric=MeanMetric(*parts))

    def are_finite(self) -> Tensor:
        """Whether the gradient of a pair is finite, ``(R,)``."""
        return self.gradient.isfinite().flatten(1).all(-1)

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Ones, ``(R,)`` each: neither energy nor a given density has wells where the metric collapses."""
        return torch.ones_like(self.value), torch.ones_like(self.value)

    def preconditioner(self, density: Tensor) -> Callable[[Tensor], Tensor]:
        """Product of the inverse of that matrix, with the mean of a diagonal ``(R, K-2, d)``, with ``(R, (K-2) d)``."""
        inverse = self.metric.inverse(self.gradient.shape[1], self.step, density.mean((-2, -1)))
        return lambda q: inverse(q.view_as(self.gradient)).flatten(1)
