"""The log-volume and its gradient from products with the Jacobian alone, by random probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.metric_at import metric_at, pushed_at, tangents_at_once, varies_with_the_point
from geodreg.linear_algebra.lanczos import lanczos, log_quadrature

__all__ = [
    "EXACT",
    "GradientEstimate",
    "MatrixFreeManifold",
    "Quadrature",
    "StochasticVolume",
    "VolumeEstimate",
    "log_volume_estimate",
    "log_volume_gradient_estimate",
]

RANK = 16  # factors of the derivative of one probe
NEGLIGIBLE = 1e-8  # fraction of a probe's derivative below which a factor is left out
ROWS = 64  # that a matrix-free manifold takes through the generator together, where no derivative is asked for
EXACT, USUAL_PROBES = 1024, 16  # latents up to which nothing is estimated, and probes above that
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
        factors: vectors of the derivative, ``(n, s, r, d)``, in the precision of the points; ``r`` is zero where
            the value alone was asked for.
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

    .. math:: \begin{aligned} \nabla_z\, v^\top \log(A)\, v
              &= \int_0^\infty v^\top (A + \tau I)^{-1} (\nabla_z A) (A + \tau I)^{-1} v \, d\tau \\
              &\approx \sum_r \nabla_z \bigl| J(z)\, q_r \bigr|^2, \end{aligned}

    with vectors :math:`q_r` of the same Krylov space held fixed. Its mean over probes is
    :math:`\operatorname{tr}(A^{-1} \nabla_z A)`, as Hutchinson's
    :math:`v^\top A^{-1} (\nabla_z A)\, v` has it; unlike that one it is the gradient of the *estimate*, so a
    minimiser may use both. The probes depend on the seed and the latent size alone: the same at every point and
    every time.

    With as many probes as latents, or more, nothing is estimated: the metric is put together from tangents in chunks,
    point by point, and with its eigenpairs :math:`A = \sum_i \theta_i w_i w_i^\top` the vectors of the derivative are
    :math:`w_i / \sqrt{\theta_i}`. That takes ``d`` tangents for the value and ``d`` tangents and their reverse pass for
    the gradient, where the estimate takes ``s m`` products and ``16 s`` such passes, so with the usual 16 probes it is
    the cheaper one up to about a thousand latents, and has no error.

    Attributes:
        n_probes: number of probes ``s``, at least 2; None for 16 above 1,024 latents, and below for no chance.
        n_lanczos: products with the metric per probe. The error falls as :math:`\exp(-4 m / \sqrt{\kappa})` with the
            condition number :math:`\kappa` of :math:`A`, so without noise many may be needed.
        seed: of the probes.
        memory: memory to work in, in GiB.

    Raises:
        ValueError: if a setting is out of range.
    """

    n_probes: int | None = None
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
            if value is None and name == "n_probes":
                continue
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
                raise ValueError(f"{name} is {value!r}; pass a whole number, {least} or more, {why}.")
        check_memory(self.memory)

    def is_exact(self, latent_dim: int) -> bool:
        """Whether nothing is left to chance."""
        return latent_dim <= (EXACT if self.n_probes is None else self.n_probes)

    def factors_per_point(self, latent_dim: int) -> int:
        """Numbers in the vectors of the derivative at a point."""
        if self.is_exact(latent_dim):
            return latent_dim**2
        return (self.n_probes or USUAL_PROBES) * min(RANK, self.n_lanczos) * latent_dim

    def probes(self, like: Tensor) -> Tensor:
        """Probes ``(s, d)`` of random signs for latents ``(..., d)``, in their precision."""
        n_probes, chance = self.n_probes or USUAL_PROBES, torch.Generator().manual_seed(self.seed)
        signs = torch.randint(0, 2, (n_probes, like.shape[-1]), generator=chance, device="cpu")
        return (2 * signs - 1).to(like)

    def quadrature(self, manifold: LatentManifold, z: Tensor, with_factors: bool = True) -> Quadrature:
        """Quadratic forms of the probes at points ``(n, d)``; a single one, the trace, where nothing is estimated.

        Args:
            manifold: the model.
            z: the points.
            with_factors: whether the gradient will be wanted; its vectors take as much memory as metrics.
        """
        if self.is_exact(z.shape[-1]):
            return self._whole(manifold, z.detach(), with_factors)
        z, probes = z.detach(), self.probes(z)
        n, s = len(z), len(probes)
        found = []
        for rows in torch.arange(n * s, device=z.device).split(self._rows(manifold, z)):
            at = Linearization(manifold.generate_flat, z[rows // s])
            krylov = lanczos(lambda v, at=at: at.pull(at.push(v)), probes[rows % s], self.n_lanczos)  # type: ignore[misc]
            part = log_quadrature(krylov, manifold.noise**2, RANK)
            factors = part.factors if with_factors else part.factors[:, :0]
            found.append((part.value, part.lower, factors.to(z.dtype), part.smallest, part.largest))
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
        gradients = torch.zeros(n, s, d, dtype=torch.float64, device=found.z.device)
        # A factor's fraction of the form is its length in the metric; the bound below needs no product.
        shares = found.factors.double().square().sum(-1) * found.largest[:, None, None]
        at_once = tangents_at_once(manifold, found.z[:1], self.memory)
        for point in range(n):
            counts = (shares[point] > NEGLIGIBLE * d).flatten().nonzero().squeeze(-1)
            for rows in counts.split(at_once):
                latent = found.z[point : point + 1].clone().requires_grad_()
                if not varies_with_the_point(manifold, latent):
                    factors = found.factors[point].flatten(0, 1)[rows]
                    at = Linearization(manifold.generate_flat, latent.expand(len(rows), -1))
                    gradients[point].index_add_(0, rows // rank, 0.5 * at.metric_gradient(factors).double())
                    continue
                with torch.enable_grad():
                    tangents = pushed_at(manifold, latent, found.factors[point].flatten(0, 1)[rows])
                    of_probes = list(_by_probe(rows // rank, tangents))
                for probe, some in of_probes:
                    (gradient,) = torch.autograd.grad(
                        some, latent, some.detach(), retain_graph=s > 1, allow_unused=True, materialize_grads=True
                    )
                    gradients[point, probe] += gradient.squeeze(0).double()
        return gradients

    def _whole(self, manifold: LatentManifold, z: Tensor, with_factors: bool) -> Quadrature:
        """The log-volume itself at points ``(n, d)``, from all eigenpairs of the metric, point by point."""
        n, d = z.shape
        identity = torch.eye(d, dtype=torch.float64, device=z.device)
        factors = z.new_empty(n, 1, d if with_factors else 0, d)
        found, at_once = [], tangents_at_once(manifold, z[:1], self.memory)
        for point, latent in enumerate(z.split(1)):
            metric, rounding = metric_at(manifold, latent, at_once, self.memory)
            finite = metric.isfinite().all()
            metric = torch.where(finite, metric, identity)
            if with_factors:
                eigenvalues, vectors = torch.linalg.eigh(metric)
            else:
                eigenvalues = torch.linalg.eigvalsh(metric)
            regular = torch.ones_like(finite)
            if manifold.noise == 0.0:
                regular = eigenvalues[0] > rounding * eigenvalues[-1]
            theta = eigenvalues.clamp_min(0.0) + manifold.noise**2
            theta = theta.clamp_min(torch.finfo(theta.dtype).tiny)
            value = torch.where(finite, torch.where(regular, 0.5 * theta.log().sum(), -torch.inf), torch.nan)
            if with_factors:
                factors[point, 0] = (vectors / theta.sqrt()).mT
            found.append((value, theta[0], theta[-1]))
        value, smallest, largest = (torch.stack(parts) for parts in zip(*found, strict=True))
        return Quadrature(z, value[:, None], value[:, None], factors, smallest, largest)

    def _rows(self, manifold: LatentManifold, z: Tensor) -> int:
        basis = 8 * z.shape[-1] * (min(self.n_lanczos, z.shape[-1]) + RANK) * KEPT
        return rows_within(self.memory, bytes_of_row(manifold.generate_flat, z) + basis, z.device)


def _by_probe(probes: Tensor, tangents: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Tangents ``(c, D)`` of each probe that there is among ``(c,)``, in increasing order."""
    names, counts = probes.unique_consecutive(return_counts=True)
    return zip(names.tolist(), tangents.split(counts.tolist()), strict=True)


@own_modes()
def log_volume_estimate(
    manifold: LatentManifold,
    z: Tensor,
    *,
    n_probes: int | None = None,
    n_lanczos: int = 32,
    seed: int = 0,
    memory: float = 1.0,
) -> VolumeEstimate:
    r"""Log-volume by stochastic Lanczos quadrature, with its error, where the Jacobian does not fit into memory.

    .. math:: \tfrac12 \log\det A \approx \frac{1}{2 s} \sum_{i=1}^{s} v_i^\top \log(A)\, v_i, \qquad
              A = g(z) + \mathrm{noise}^2 I

    (Ubaru, Chen and Saad 2017); :class:`~geodreg.geometry.stochastic_volume.StochasticVolume` says more. At two
    points the errors of the same probes are much alike, so differences along a path are better known than the values.

    Args:
        manifold: the model.
        z: latents ``(..., d)``.
        n_probes: number of random probes ``s``, at least 2; as many as latents, or more, leave nothing to chance, and
            None does so up to 1,024 latents and takes 16 above.
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
    found = volume.quadrature(manifold, z.reshape(-1, z.shape[-1]), with_factors=False)
    value = found.volumes.mean(-1)
    errors = (value, _standard_error(found.volumes, volume.is_exact(z.shape[-1])), value - found.lower.mean(-1))
    return VolumeEstimate(*(part.reshape(z.shape[:-1]).to(z.dtype) for part in errors))


@own_modes()
def log_volume_gradient_estimate(
    manifold: LatentManifold,
    z: Tensor,
    *,
    n_probes: int | None = None,
    n_lanczos: int = 32,
    seed: int = 0,
    memory: float = 1.0,
) -> GradientEstimate:
    r"""Gradient of the log-volume from the same probes as :func:`log_volume_estimate`, with its error.

    .. math:: \tfrac12 \operatorname{tr}\Bigl(\bigl(g(z) + \mathrm{noise}^2 I\bigr)^{-1} \nabla_z g(z)\Bigr)

    (Hutchinson 1990, in the form of :class:`~geodreg.geometry.stochastic_volume.StochasticVolume`).

    Args:
        manifold: the model.
        z: latents ``(..., d)``.
        n_probes: as for :func:`log_volume_estimate`.
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

    _overrides = ("pushed", "log_volume")

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

    def pushed(self, z: Tensor, direction: Tensor) -> Tensor:
        """As for the exact one, by reverse mode alone and within the budget."""
        rows, along = z.reshape(-1, z.shape[-1]), direction.reshape(-1, z.shape[-1])
        n_rows = rows_within(self.volume.memory, bytes_of_row(self.exact.generate_flat, rows), z.device)
        pushed = JacobianProducts(self.exact.generate_flat, rows, n_rows, keep=False).push(along)
        return pushed.reshape(*z.shape[:-1], -1)

    def log_volume(self, z: Tensor) -> Tensor:
        """Estimated log-volume, ``(..., d)`` to ``(...)``; it carries no gradient."""
        return self.log_volume_estimate(z).value

    def log_volume_estimate(self, z: Tensor) -> VolumeEstimate:
        """Estimated log-volume with its errors, as :func:`~geodreg.log_volume_estimate`."""
        volume = self.volume
        return log_volume_estimate(
            self.exact, z, n_probes=volume.n_probes, n_lanczos=volume.n_lanczos, seed=volume.seed, memory=volume.memory
        )
