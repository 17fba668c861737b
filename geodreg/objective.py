"""The path objective: chord energy plus density regulariser, with the parts a solver needs."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from geodreg.curve import chord_energy
from geodreg.manifold import LatentManifold, log_volume_of, pushforward

__all__ = ["PathObjective", "Trial"]


@dataclass(frozen=True)
class PathObjective:
    r"""The objective of a batch of paths with fixed ends, each with its own interval.

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

    def select(self, rows: Tensor) -> PathObjective:
        """The objective of some of the pairs."""
        return replace(self, interval=self.interval[rows])

    def value(self, z: Tensor) -> Tensor:
        """Objective of paths: ``(P, K, d)`` to ``(P,)``."""
        return self.trial(z).value

    def trial(self, z: Tensor) -> Trial:
        """Evaluate the objective; the trial can go on to its gradient without paying for this part again."""
        if self.mu == 0.0:
            with torch.no_grad():
                x = self.manifold.generate_flat(z)
                energy = chord_energy(x, self.interval)
                return Trial(self, z, x, energy, energy, None, None)
        interior = z[:, 1:-1].detach().requires_grad_()
        ends = self.manifold.generate_flat(z[:, [0, -1]].detach()).detach()
        with torch.enable_grad():
            inner, columns = pushforward(self.manifold.generate_flat, interior)
            nll = log_volume_of(columns, self.manifold.noise) - self.manifold.log_prior(interior)  # P x K-2
        x = torch.cat([ends[:, :1], inner.detach(), ends[:, 1:]], dim=1)
        energy = chord_energy(x, self.interval)
        value = energy + self.mu * self.interval / (z.shape[1] - 1) * nll.detach().sum(-1)
        return Trial(self, z, x, value, energy, columns, (interior, nll))


@dataclass(frozen=True)
class Trial:
    """One evaluation of a path objective, from which its derivatives can be had.

    Attributes:
        objective: what was evaluated.
        z: the paths, ``(P, K, d)``.
        x: their points in data space, flattened, ``(P, K, D)``.
        value: the objective, ``(P,)``, double precision.
        energy: the chord energy in it, ``(P,)``, double precision.
        columns: columns of the Jacobian at the interior points, ``(d, P, K-2, D)``, if the value needed them.
        density: the interior points and the nll there, with the graph between them, if there is a regulariser.
    """

    objective: PathObjective
    z: Tensor
    x: Tensor
    value: Tensor
    energy: Tensor
    columns: Tensor | None
    density: tuple[Tensor, Tensor] | None

    def rounding(self) -> Tensor:
        """What rounding of the data points may change in the value, ``(P,)``; smaller changes mean nothing."""
        eps = max(torch.finfo(self.x.dtype).eps, torch.finfo(self.z.dtype).eps)
        n_chords = self.z.shape[1] - 1
        size = self.x.double().norm(dim=-1).amax(-1)
        chords = self.x.diff(dim=1).double().norm(dim=-1).sum(-1)
        lever = chords * size * n_chords**0.5 / self.objective.interval  # of an error in x on the energy
        return eps * (self.energy + (self.value - self.energy).abs() + lever)

    def derivatives(self, rows: Tensor) -> Derivatives:
        """Gradient at the interior points, and Gauss-Newton matrix of the energy, of some pairs ``(R,)``."""
        objective, z, x = self.objective, self.z[rows], self.x[rows].double()
        step = (objective.interval[rows] / (z.shape[1] - 1))[:, None, None]  # R x 1 x 1
        if self.columns is None:
            with torch.no_grad():
                _, columns = pushforward(objective.manifold.generate_flat, z[:, 1:-1])
        else:
            columns = self.columns.detach()[:, rows]
        jacobian = columns.movedim(0, -1).double()  # R x K-2 x D x d
        force = (2.0 * x[:, 1:-1] - x[:, :-2] - x[:, 2:]) / step
        gradient = (force.unsqueeze(-2) @ jacobian).squeeze(-2)
        if self.density is not None:
            interior, nll = self.density
            with torch.enable_grad():
                (nll_gradient,) = torch.autograd.grad(nll[rows].sum(), interior)
            gradient = gradient + objective.mu * step * nll_gradient[rows].double()
        metric = jacobian.mT @ jacobian
        coupling = jacobian[:, :-1].mT @ jacobian[:, 1:]
        return Derivatives(gradient, metric, 2.0 * metric / step.unsqueeze(-1), -coupling / step.unsqueeze(-1))


@dataclass(frozen=True)
class Derivatives:
    """First derivatives, and the blocks of the Gauss-Newton matrix of the energy, at the interior points.

    Attributes:
        gradient: ``(R, K-2, d)``, as are all of these in double precision.
        metric: pull-back metric, ``(R, K-2, d, d)``.
        diagonal: diagonal blocks, ``(R, K-2, d, d)``.
        upper: blocks right of the diagonal, ``(R, K-3, d, d)``.
    """

    gradient: Tensor
    metric: Tensor
    diagonal: Tensor
    upper: Tensor

    def select(self, rows: Tensor) -> Derivatives:
        """The derivatives of some of the pairs."""
        return Derivatives(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, rows: Tensor, other: Derivatives) -> None:
        """Overwrite the derivatives of some of the pairs."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(other, field.name)

    def are_finite(self) -> Tensor:
        """Whether everything of a pair is finite, ``(R,)``."""
        finite = torch.ones(len(self.gradient), dtype=torch.bool, device=self.gradient.device)
        for field in fields(self):
            finite &= getattr(self, field.name).isfinite().flatten(1).all(-1)
        return finite
