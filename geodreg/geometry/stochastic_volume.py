"""The log-volume and its gradient from products with the Jacobian alone, by random probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor

from geodreg.derivatives.jacobian_products import (
    JacobianProducts,
    Linearization,
    bytes_of_row,
    check_memory,
    rows_within,
)
from geodreg.geometry.manifold import LatentManifold
from geodreg.linear_algebra.lanczos import lanczos, log_quadrature

__all__ = [
    "GradientEstimate",
    "MatrixFreeManifold",
    "Quadrature",
    "StochasticVolume",
    "VolumeEstimate",
    "log_volume_estimate",
    "log_volume_gradient_estimate",
]

RANK = 16  # factors of the derivative of one probe
NEGLIGIBLE = 1e-8  # share of a probe's derivative below which a factor is left out
ROWS = 64  # that a matrix-free manifold takes through the generator together, where no derivative is asked for
KEPT = 4  # copies of a row's Krylov basis that are alive together


class VolumeEstimate(NamedTuple):
    """An estimate of the log-volume, ``(...)`` each.

    Attributes:
        value: the estimate.
        standard_error: from the scatter of the probes; zero where they are a whole basis.
        truncation: by how much the value may be too large since the number of products is limited; a bound if there is
            noise. Where the value is minus infinity, both errors are not a number.
    """

    value: Tensor
    standard_error: Tensor
    truncation: Tensor


class GradientEstimate(NamedTuple):
    """An estimate of the gradient of the log-volume, ``(..., d)`` each.

    Attributes:
        value: the estimate.
        standard_error: from the scatter of the probes; zero where they are a whole basis.
    """

    value: Tensor
    standard_error: Tensor


@dataclass(frozen=True)
class Quadrature:
    """What the probes found at points, in double precision, with ``s`` probes.

    Attributes:
        z: the points ``(n, d)``.
        volumes: half of each probe's quadratic form, ``(n, s)``; the log-volume is their mean.
        lower: lower bounds of these, ``(n, s)``.
        factors: vectors of the derivative, ``(n, s, r, d)``, in the precision of the points.
        smallest: smallest Ritz value of metric plus squared noise, ``(n,)``.
        largest: largest one, ``(n,)``.
    """

    z: Tensor
    volumes: Tensor
    lower: Tensor
    factors: Tensor
    smallest: Tensor
    largest: Tensor


@dataclass(frozen=True)
class StochasticVolume:
    r"""Stochastic Lanczos quadrature of the log-volume (Ubaru, Chen and Saad 2017), and its gradient.

    With probes :math:`v_i` of independent random signs, :math:`A = J^\top J + \mathrm{noise}^2 I`,

    .. math:: \tfrac12 \log\det A = \tfrac12 \operatorname{tr} \log A
              \approx \frac{1}{2 s} \sum_{i=1}^{s} v_i^\top \log(A)\, v_i,

    each term by Gauss's quadrature after a few products with :math:`A`. The gradient is that of the same terms,

    .. math:: \nabla_z\, v^\top \log(A)\, v
              = \int_0^\infty v^\top (A + \tau I)^{-1} (\nabla_z A) (A + \tau I)^{-1} v \, d\tau
              \approx \sum_r \nabla_z \bigl| J(z)\, q_r \bigr|^2,

    with vectors :math:`q_r` of the same Krylov space held fixed. Its mean over probes is
    :math:`\operatorname{tr}(A^{-1} \nabla_z A)`, as Hutchinson's
    :math:`v^\top A^{-1} (\nabla_z A)\, v` has it; unlike that one it is the gradient of the *estimate*, so a
    minimiser may use both. The probes depend on the seed and the latent size alone: the same at every point and
    every time. As many probes as latents, or more, are the basis vectors, which leave no chance.

    Attributes:
        n_probes: number of probes ``s``, at least 2.
        n_lanczos: products with the metric per probe. The error falls as :math:`\exp(-4 m / \sqrt{\kappa})` with the
            condition number :math:`\kappa` of :math:`A`, so without noise many may be needed.
        seed: of the probes.
        memory: memory to work in, in GiB.

    Raises:
        ValueError: if a setting is out of range.
    """

    n_probes: int = 16
    n_lanczos: int = 32
    seed: int = 0
    memory: float = 1.0

    def __post_init__(self) -> None:
        for name, least, why in (
            ("n_probes", 2, "so that their scatter tells the error"),
            ("n_lanczos", 1, "the more the smaller the error"),
            ("seed", 0, "for torch.Generator"),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
                raise ValueError(f"{name} is {value!r}; pass a whole number, {least} or more, {why}.")
        check_memory(self.memory)

    def is_exact(self, latent_dim: int) -> bool:
        """Whether the probes are a whole basis, so that no chance is left."""
        return self.n_probes >= latent_dim

    def probes(self, like: Tensor) -> Tensor:
        """Probes ``(s, d)`` for latents ``(..., d)``, in their precision; their mean outer product has mean one."""
        d = like.shape[-1]
        if self.is_exact(d):
            return torch.eye(d, dtype=like.dtype, device=like.device) * d**0.5
        signs = torch.randint(
            0, 2, (self.n_probes, d), generator=torch.Generator().manual_seed(self.seed), device="cpu"
        )
        return (2 * signs - 1).to(like)

    def quadrature(self, manifold: LatentManifold, z: Tensor) -> Quadrature:
        """Quadratic forms of the probes at points ``(n, d)``."""
        z, probes = z.detach(), self.probes(z)
        n, s = len(z), len(probes)
        found = []
        for rows in torch.arange(n * s, device=z.device).split(self._rows(manifold, z)):
            at = Linearization(manifold.generate_flat, z[rows // s])
            krylov = lanczos(lambda v, at=at: at.pull(at.push(v)), probes[rows % s], self.n_lanczos)  # type: ignore[misc]
            part = log_quadrature(krylov, manifold.noise**2, RANK)
            found.append((part.value, part.lower, part.factors.to(z.dtype), part.smallest, part.largest))
        value, lower, factors, smallest, largest = (torch.cat(parts) for parts in zip(*found, strict=True))
        return Quadrature(
            z=z,
            volumes=0.5 * value.view(n, s),
            lower=0.5 * lower.view(n, s),
            factors=factors.view(n, s, *factors.shape[1:]),
            smallest=smallest.view(n, s).amin(-1),
            largest=largest.view(n, s).amax(-1),
        )

    def gradients(self, manifold: LatentManifold, found: Quadrature) -> Tensor:
        """Gradient of half of each probe's quadratic form, ``(n, s, d)``, in double precision."""
        n, s, rank, d = found.factors.shape
        gradients = torch.zeros(n * s, d, dtype=torch.float64, device=found.z.device)
        factors = found.factors.reshape(-1, d)
        # A factor's share of the form is its length in the metric; the bound below needs no product.
        shares = found.factors.double().square().sum(-1) * found.largest[:, None, None]
        counts = (shares > NEGLIGIBLE * d).flatten().nonzero().squeeze(-1)
        for rows in counts.split(self._rows(manifold, found.z)):
            at = Linearization(manifold.generate_flat, found.z[rows // (s * rank)])
            gradients.index_add_(0, rows // rank, 0.5 * at.metric_gradient(factors[rows]).double())
        return gradients.view(n, s, d)

    def _rows(self, manifold: LatentManifold, z: Tensor) -> int:
        basis = 8 * z.shape[-1] * (min(self.n_lanczos, z.shape[-1]) + RANK) * KEPT
        return rows_within(self.memory, bytes_of_row(manifold.generate_flat, z) + basis, z.device)


def log_volume_estimate(
    manifold: LatentManifold, z: Tensor, *, n_probes: int = 16, n_lanczos: int = 32, seed: int = 0, memory: float = 1.0
) -> VolumeEstimate:
    r"""Log-volume by stochastic Lanczos quadrature, with its error, where the Jacobian does not fit into memory.

    .. math:: \tfrac12 \log\det\bigl(g(z) + \mathrm{noise}^2 I\bigr)
              \approx \frac{1}{2 s} \sum_{i=1}^{s} v_i^\top \log\bigl(g(z) + \mathrm{noise}^2 I\bigr)\, v_i

    (Ubaru, Chen and Saad 2017); :class:`~geodreg.geometry.stochastic_volume.StochasticVolume` says more. At two
    points the errors of the same probes are much alike, so differences along a path are better known than the values.

    Args:
        manifold: the model.
        z: latents ``(..., d)``.
        n_probes: number of random probes ``s``, at least 2; as many as latents, or more, leave no chance.
        n_lanczos: products with the metric per probe.
        seed: of the probes; the same seed gives the same estimate.
        memory: memory to work in, in GiB.

    Returns:
        value, standard error over the probes, and truncation, ``(...)`` each.

    Raises:
        ValueError: if a setting is out of range, or one latent alone needs more than the budget.

    Example:
        >>> manifold = LatentManifold(lambda z: z * torch.tensor([1.0, 2.0, 4.0]))
        >>> log_volume_estimate(manifold, torch.zeros(3), n_probes=3).value  # log 8
        tensor(2.0794)
    """
    volume = StochasticVolume(n_probes, n_lanczos, seed, memory)
    found = volume.quadrature(manifold, z.reshape(-1, z.shape[-1]))
    value = found.volumes.mean(-1)
    errors = (value, _standard_error(found.volumes, volume.is_exact(z.shape[-1])), value - found.lower.mean(-1))
    return VolumeEstimate(*(part.reshape(z.shape[:-1]).to(z.dtype) for part in errors))


def log_volume_gradient_estimate(
    manifold: LatentManifold, z: Tensor, *, n_probes: int = 16, n_lanczos: int = 32, seed: int = 0, memory: float = 1.0
) -> GradientEstimate:
    r"""Gradient of the log-volume from the same probes as :func:`log_volume_estimate`, with its error.

    .. math:: \tfrac12 \operatorname{tr}\Bigl(\bigl(g(z) + \mathrm{noise}^2 I\bigr)^{-1} \nabla_z g(z)\Bigr)

    (Hutchinson 1990, in the form of :class:`~geodreg.geometry.stochastic_volume.StochasticVolume`).

    Args:
        manifold: the model.
        z: latents ``(..., d)``.
        n_probes: number of random probes, at least 2; as many as latents, or more, leave no chance.
        n_lanczos: products with the metric per probe.
        seed: of the probes.
        memory: memory to work in, in GiB.

    Returns:
        value and standard error over the probes, ``(..., d)`` each.

    Raises:
        ValueError: as :func:`log_volume_estimate`.
    """
    volume = StochasticVolume(n_probes, n_lanczos, seed, memory)
    gradients = volume.gradients(manifold, volume.quadrature(manifold, z.reshape(-1, z.shape[-1])))  # n x s x d
    error = _standard_error(gradients.movedim(1, -1), volume.is_exact(z.shape[-1]))
    return GradientEstimate(gradients.mean(1).reshape(z.shape).to(z), error.reshape(z.shape).to(z))


def _standard_error(samples: Tensor, is_exact: bool) -> Tensor:
    """Standard error of the mean over the last dimension."""
    if is_exact:
        return torch.zeros_like(samples[..., 0])
    return samples.std(-1) / samples.shape[-1] ** 0.5


class MatrixFreeManifold(LatentManifold):
    """The same manifold, with the log-volume estimated and the generator run within a memory budget.

    It is what :class:`~geodreg.MatrixFree` works on and what its paths carry, so all that asks for the density along
    them gets the same estimate.

    Args:
        exact: the manifold.
        volume: how the log-volume is estimated, and the budget.
    """

    _overrides = ("moving", "log_volume")

    def __init__(self, exact: LatentManifold, volume: StochasticVolume) -> None:
        density = None if exact.density is None else exact.density.source
        super().__init__(
            exact.generator,
            exact.prior,
            exact.noise,
            density=density,
            ambient=exact.ambient,
            latent_shape=exact.latent_shape,
        )
        self.function, self.measured, self.ladder = exact.function, exact.measured, exact.ladder
        self._drawn_from = exact._drawn_from
        self.exact = exact
        self.volume = volume

    def _of_rows(self, function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
        """Some rows at a time."""
        parts = z.reshape(-1, z.shape[-1]).split(ROWS)
        x = torch.cat([self.exact._of_rows(function, part) for part in parts])
        return x.reshape(*z.shape[:-1], *x.shape[1:])

    def moving(self, z: Tensor, direction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As for the exact one, without a Jacobian, and by reverse mode alone."""
        rows, along = z.reshape(-1, z.shape[-1]), direction.reshape(-1, z.shape[-1])
        n_rows = rows_within(self.volume.memory, bytes_of_row(self.exact.generate_flat, rows), z.device)
        pushed = JacobianProducts(self.exact.generate_flat, rows, n_rows, keep=False).push(along)
        return self.generate(z), self.nll(z), pushed.reshape(*z.shape[:-1], -1)

    def log_volume(self, z: Tensor) -> Tensor:
        """Estimated log-volume, ``(..., d)`` to ``(...)``; it carries no gradient."""
        return self.log_volume_estimate(z).value

    def log_volume_estimate(self, z: Tensor) -> VolumeEstimate:
        """Estimated log-volume with its errors, as :func:`~geodreg.log_volume_estimate`."""
        volume = self.volume
        return log_volume_estimate(
            self.exact, z, n_probes=volume.n_probes, n_lanczos=volume.n_lanczos, seed=volume.seed, memory=volume.memory
        )
