"""The manifold of a generator: pull-back metric, volume and density."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

__all__ = ["LatentManifold", "log_volume_of", "pushforward"]

LEAST_PART, PART = 16, 2**17  # rows, and numbers in their images, that are computed together on a processor


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

    Raises:
        TypeError: if ``generator`` is not callable.
        ValueError: if ``noise`` is negative or not finite.

    Example:
        >>> manifold = LatentManifold(lambda z: z @ torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]))
        >>> manifold.metric(torch.zeros(2))
        tensor([[4., 0.],
                [0., 9.]])
    """

    def __init__(
        self, generator: Callable[[Tensor], Tensor], prior: Distribution | None = None, noise: float = 0.0
    ) -> None:
        if not callable(generator):
            raise TypeError(
                f"generator is a {type(generator).__name__}; pass a callable from latents (n, d) to data (n, ...)."
            )
        if not 0.0 <= noise < float("inf"):
            raise ValueError(f"noise is {noise}; pass a standard deviation in data units, zero or positive and finite.")
        self.generator = generator
        self.prior = prior if prior is not None else Normal(0.0, 1.0)
        self.noise = float(noise)

    def generate(self, z: Tensor) -> Tensor:
        """Data points of latent points: ``(..., d)`` to ``(..., *data_shape)``."""
        x = _in_parts(self.generator, z.reshape(-1, z.shape[-1]))
        return x.reshape(*z.shape[:-1], *x.shape[1:])

    def generate_flat(self, z: Tensor) -> Tensor:
        """Data points as vectors: ``(..., d)`` to ``(..., D)``."""
        return self.generate(z).flatten(z.ndim - 1)

    def jacobian(self, z: Tensor) -> Tensor:
        """Jacobian of the generator, data flattened: ``(..., d)`` to ``(..., D, d)``."""
        _, columns = pushforward(self.generate_flat, z)
        return columns.movedim(0, -1)

    def metric(self, z: Tensor) -> Tensor:
        r"""Pull-back metric :math:`g = J^\top J`: ``(..., d)`` to ``(..., d, d)``."""
        jacobian = self.jacobian(z)
        return jacobian.mT @ jacobian

    def log_volume(self, z: Tensor) -> Tensor:
        r"""Log-volume :math:`\frac12 \log\det(g + \mathrm{noise}^2 I)`: ``(..., d)`` to ``(...)``.

        It is minus infinity where the noise is zero and the generator is singular.
        """
        _, columns = pushforward(self.generate_flat, z)
        return log_volume_of(columns, self.noise).to(z.dtype)

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


def _in_parts(function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """A row-wise function on ``(n, d)``; on a processor a part of the rows at a time, which stays in its cache."""
    if rows.device.type != "cpu" or len(rows) <= LEAST_PART:
        return function(rows)
    first = function(rows[:LEAST_PART])
    n_rows = max(LEAST_PART, PART // max(1, first[0].numel()))
    return torch.cat([first, *(function(part) for part in rows[LEAST_PART:].split(n_rows))])


def pushforward(function: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """Value and Jacobian columns of a row-wise function, by ``d`` forward-mode tangents at once.

    Args:
        function: takes ``(..., d)`` to ``(..., D)``, each row by itself.
        z: points ``(..., d)``.

    Returns:
        Values ``(..., D)`` and columns of the Jacobian ``(d, ..., D)``; both can be differentiated again.
    """
    basis = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)

    def push(direction: Tensor) -> tuple[Tensor, Tensor]:
        value, tangent, *_ = torch.func.jvp(function, (z,), (direction.expand_as(z),))
        return value, tangent

    values, columns = torch.func.vmap(push)(basis)  # (d, ..., D) each, the first one repeated
    return values[0], columns


def log_volume_of(columns: Tensor, noise: float) -> Tensor:
    r"""Log-volume from the columns of a Jacobian: ``(d, ..., D)`` to ``(...)``, in double precision.

    The metric is small, and its condition is the Jacobian's squared, hence the precision.
    """
    jacobian = columns.movedim(0, -1).double()  # ... x D x d
    metric = jacobian.mT @ jacobian
    identity = torch.eye(metric.shape[-1], dtype=metric.dtype, device=metric.device)
    factor, failed = torch.linalg.cholesky_ex(metric + noise**2 * identity)
    pivots = factor.diagonal(dim1=-2, dim2=-1)
    regular = failed == 0
    if noise == 0.0:  # a singular value within rounding of the Jacobian is none
        rounding = torch.finfo(columns.dtype).eps * jacobian.shape[-2] ** 0.5
        regular = regular & (pivots.amin(-1) > rounding * pivots.amax(-1))
    return torch.where(regular, pivots.clamp_min(torch.finfo(pivots.dtype).tiny).log().sum(-1), -torch.inf)
