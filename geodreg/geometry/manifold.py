"""The manifold of a generator: pull-back metric, volume and density."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from geodreg.derivatives.calling import DifferentiableCall
from geodreg.derivatives.kinks import is_kinked
from geodreg.derivatives.ladder import Ladder
from geodreg.geometry.isometric import NarrowGenerator, has_wide_end

__all__ = ["LatentManifold", "log_volume_of"]

LEAST_PART, PART = 16, 2**17  # rows, and numbers in their images, that are computed together on a processor
LEAST_DUAL_PART, DUAL_PART = 64, 2**20  # the same for rows of values and tangents


class LatentManifold:
    r"""The image of a latent space under a generator, with the geometry and the density it inherits.

    A generator :math:`f: R^d \to R^D` pulls the Euclidean metric of data space back to latent space,

    .. math:: g(z) = J(z)^\top J(z), \qquad J = \partial f / \partial z,

    and pushes the prior forward to a density on its image (Kim and Zhang 2019, equation of the regulariser).

    Args:
        generator: any callable that takes a tensor ``(n, d)`` to ``(n, *data_shape)``, row by row, and is smooth.
        prior: the distribution of the latent variable, over ``(d,)`` or over one coordinate; default :math:`N(0, I)`.
        noise: standard deviation of observation noise, in the units of the data. Zero is the paper's density;
            a positive value bounds it from below where the generator folds or collapses.
        derivatives: how the generator is differentiated: ``"layers"`` (rules layer by layer), ``"vmap"``
            (:func:`torch.func.jvp` under :func:`torch.func.vmap`), ``"jvp"`` (forward mode without ``vmap``),
            ``"reverse"`` (two reverse passes), ``"rows"`` (a reverse pass for each number of a data point), or None for
            the first of these that is right, found out at the first use by comparing it with the next one.

    Raises:
        TypeError: if ``generator`` is not callable.
        ValueError: if ``noise`` is negative or not finite, or ``derivatives`` is unknown.

    Example:
        >>> manifold = LatentManifold(lambda z: z @ torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]))
        >>> manifold.metric(torch.zeros(2))
        tensor([[4., 0.],
                [0., 9.]])
    """

    def __init__(
        self,
        generator: Callable[[Tensor], Tensor],
        prior: Distribution | None = None,
        noise: float = 0.0,
        *,
        derivatives: str | None = None,
    ) -> None:
        if not callable(generator):
            raise TypeError(
                f"generator is a {type(generator).__name__}; pass a callable from latents (n, d) to data (n, ...)."
            )
        if not 0.0 <= noise < float("inf"):
            raise ValueError(f"noise is {noise}; pass a standard deviation in data units, zero or positive and finite.")
        self.generator = generator
        # log_prior looks at the support itself; torch's own check of it stops torch.func.vmap in older releases
        self.prior = prior if prior is not None else Normal(0.0, 1.0, validate_args=False)
        self.noise = float(noise)
        self.function = DifferentiableCall(generator)
        self.ladder = Ladder(self.function, derivatives)
        self._n_data: int | None = None  # found out at the first use
        self._narrow: tuple[NarrowGenerator, LatentManifold] | None = None

    def isometric(self) -> LatentManifold:
        """A manifold with the same distances, metric and density, in fewer coordinates of data space if there are such.

        That is where the generator ends in a linear layer that makes more numbers than it takes; else it is this one.
        """
        if not has_wide_end(self.generator):
            return self
        if self._narrow is None or not self._narrow[0].is_current():
            narrow = NarrowGenerator(self.generator)
            manifold = LatentManifold(narrow, self.prior, self.noise, derivatives=self.ladder.wanted)
            self._narrow = narrow, manifold
        return self._narrow[1]

    def generate(self, z: Tensor) -> Tensor:
        """Data points of latent points: ``(..., d)`` to ``(..., *data_shape)``."""
        rows = z.reshape(-1, z.shape[-1])
        in_parts = z.device.type == "cpu" and not torch._C._are_functorch_transforms_active()
        if in_parts and len(rows) > LEAST_PART:  # each of which stays in the cache
            parts = rows.split(max(LEAST_PART, PART // self.data_size(rows)))
            x = torch.cat([self.function(part) for part in parts]) if len(parts) > 1 else self.function(rows)
        else:
            x = self.function(rows)
        return x.reshape(*z.shape[:-1], *x.shape[1:])

    def data_size(self, z: Tensor) -> int:
        """Numbers in a data point; it is found out once, from one of the latents ``(n, d)``."""
        if self._n_data is None:
            with torch.no_grad():
                self._n_data = self.function(z[:1].detach()).numel()
        return self._n_data

    def generate_flat(self, z: Tensor) -> Tensor:
        """Data points as vectors: ``(..., d)`` to ``(..., D)``."""
        return self.generate(z).flatten(z.ndim - 1)

    def pushforward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        r"""Data points and pushed latent directions: ``(n, d)`` to ``(n, D)`` and ``(n, d, D)``.

        Row ``i`` of the second is column ``i`` of the Jacobian. It is computed by the first rung of
        :class:`~geodreg.derivatives.ladder.Ladder` that is right, and can be differentiated again.
        """
        parts = [self.pushforward_part(part) for part in self.parts(z)]
        if len(parts) == 1:
            return parts[0]
        values, tangents = zip(*parts, strict=True)
        return torch.cat(values), torch.cat(tangents)

    def pushforward_part(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The same for a part, all at once."""
        return self.ladder.pushforward(z)

    def is_kinked(self, z: Tensor) -> bool:
        """Whether the Jacobian jumps between latents ``(n, d)``, as that of a generator of ReLUs does.

        The density then is smooth on pieces only, and jumps where they meet.
        """
        if self.ladder.rung is None:
            self.ladder.choose(z[:2])
        return is_kinked(self.function, z, self.ladder.push)

    def parts(self, z: Tensor) -> tuple[Tensor, ...]:
        """Latents ``(n, d)`` in parts small enough that values and tangents stay in a processor's cache."""
        if z.device.type != "cpu" or len(z) == 0 or torch._C._are_functorch_transforms_active():
            return (z,)
        return z.split(max(1, max(LEAST_DUAL_PART, DUAL_PART // self.data_size(z)) // (1 + z.shape[-1])))

    def jacobian(self, z: Tensor) -> Tensor:
        """Jacobian of the generator, data flattened: ``(..., d)`` to ``(..., D, d)``."""
        _, tangents = self.pushforward(z.reshape(-1, z.shape[-1]))
        return tangents.mT.reshape(*z.shape[:-1], tangents.shape[-1], z.shape[-1])

    def metric(self, z: Tensor) -> Tensor:
        r"""Pull-back metric :math:`g = J^\top J`: ``(..., d)`` to ``(..., d, d)``."""
        jacobian = self.jacobian(z)
        return jacobian.mT @ jacobian

    def log_volume(self, z: Tensor) -> Tensor:
        r"""Log-volume :math:`\frac12 \log\det(g + \mathrm{noise}^2 I)`: ``(..., d)`` to ``(...)``.

        It is minus infinity where the noise is zero and the generator is singular.
        """
        parts = self.parts(z.reshape(-1, z.shape[-1]))
        volumes = [log_volume_of(self.pushforward_part(part)[1], self.noise)[0] for part in parts]
        return torch.cat(volumes).to(z.dtype).reshape(z.shape[:-1])

    def log_prior(self, z: Tensor) -> Tensor:
        """Log-density of the prior: ``(..., d)`` to ``(...)``, minus infinity outside of its support."""
        inside = self.in_support(z)
        log_density = self.prior.log_prob(torch.where(inside.unsqueeze(-1), z, self.prior.mean.to(z)))
        log_density = log_density.sum(-1) if log_density.ndim == z.ndim else log_density
        return torch.where(inside, log_density, -torch.inf)

    def in_support(self, z: Tensor) -> Tensor:
        """Whether the prior is positive at latents: ``(..., d)`` to ``(...)``."""
        inside = self.prior.support.check(z)  # type: ignore[union-attr]
        return inside.all(-1) if inside.ndim == z.ndim else inside

    def prior_precision(self, like: Tensor) -> Tensor:
        """Curvature of minus the prior's log-density, ``(d,)`` as ``like`` ``(..., d)``, where it is constant.

        It is for a normal prior with independent coordinates; for another one zero is returned.
        """
        prior = self.prior.base_dist if isinstance(self.prior, Independent) else self.prior
        if isinstance(prior, Normal):
            return prior.scale.to(like).square().reciprocal().expand(like.shape[-1])
        return torch.zeros(like.shape[-1], dtype=like.dtype, device=like.device)

    def nll(self, z: Tensor) -> Tensor:
        r"""Negative log-density of the model at :math:`f(z)`: ``(..., d)`` to ``(...)``, in nats.

        .. math:: \mathrm{nll}(z) = -\log p(z) + \tfrac12 \log\det\bigl(g(z) + \mathrm{noise}^2 I\bigr)
        """
        return self.log_volume(z) - self.log_prior(z)

    def moving(self, z: Tensor, direction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Data, nll, and pushed direction of points that move, the last two from one pass of tangents.

        Args:
            z: latents ``(..., d)``.
            direction: in which they move, ``(..., d)``.

        Returns:
            data ``(..., *data_shape)``, nll ``(...)`` in nats, and the pushed direction, flattened, ``(..., D)``.
        """
        rows, directions = z.reshape(-1, z.shape[-1]), direction.reshape(-1, z.shape[-1])
        parts, volumes, pushed = self.parts(rows), [], []
        for part, along in zip(parts, directions.split([len(part) for part in parts]), strict=True):
            _, tangents = self.pushforward_part(part)
            volumes.append(log_volume_of(tangents, self.noise)[0].to(z.dtype))
            pushed.append((along.unsqueeze(-2) @ tangents).squeeze(-2))
        nll = torch.cat(volumes).reshape(z.shape[:-1]) - self.log_prior(z)
        return self.generate(z), nll, torch.cat(pushed).reshape(*z.shape[:-1], -1)

    def sample_prior(self, n: int, like: Tensor, seed: int) -> Tensor:
        """Draws from the prior: ``(n, d)`` with latent size, dtype and device of ``like`` ``(..., d)``.

        Torch's distributions know only the global random state; it is set, used and put back.
        """
        d, shape = like.shape[-1], self.prior.batch_shape + self.prior.event_shape
        of_vectors = shape.numel() == d and len(shape) > 0
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(seed)
            z = self.prior.sample((n,) if of_vectors else (n, d))
        return z.reshape(n, d).to(like)


def log_volume_of(tangents: Tensor, noise: float) -> tuple[Tensor, Tensor, Tensor]:
    r"""Log-volume from pushed latent directions ``(..., d, D)``, in double precision.

    The metric is small, and its condition is the Jacobian's squared, hence the precision.

    Returns:
        log-volume ``(...)``, the metric ``(..., d, d)`` and the Cholesky factor of metric and noise ``(..., d, d)``.
    """
    rows = tangents.double()
    metric = rows @ rows.mT
    identity = torch.eye(metric.shape[-1], dtype=metric.dtype, device=metric.device)
    factor, failed = torch.linalg.cholesky_ex(metric + noise**2 * identity)
    pivots = factor.diagonal(dim1=-2, dim2=-1)
    regular = failed == 0
    if noise == 0.0:  # a singular value within rounding of the Jacobian is none
        rounding = torch.finfo(tangents.dtype).eps * rows.shape[-1] ** 0.5
        regular = regular & (pivots.amin(-1) > rounding * pivots.amax(-1))
    volume = pivots.clamp_min(torch.finfo(pivots.dtype).tiny).log().sum(-1)
    return torch.where(regular, volume, -torch.inf), metric, factor
