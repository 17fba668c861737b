"""The manifold of a generator: pull-back metric, volume and density."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Normal

from geodreg.derivatives.calling import DifferentiableCall
from geodreg.derivatives.kinks import is_kinked
from geodreg.derivatives.ladder import Ladder
from geodreg.derivatives.modes import full_precision
from geodreg.geometry.composition import AmbientImage, Shaped
from geodreg.geometry.density import LatentDensity
from geodreg.geometry.isometric import NarrowGenerator, has_wide_end
from geodreg.geometry.seam import refuse_overrides
from geodreg.geometry.training_mode import refuse_training_mode

__all__ = ["LatentManifold", "log_volume_of"]

LEAST_PART, PART = 16, 2**17  # rows, and numbers in their images, that are computed together on a processor
LEAST_DUAL_PART, DUAL_PART = 64, 2**20  # the same for rows of values and tangents
CARD_PART = 2**27  # numbers that are computed together on another device, where only memory is a limit


class LatentManifold:
    r"""The image of a latent space under a generator, with the geometry and the density it inherits.

    A generator :math:`f: R^d \to R^D` pulls the Euclidean metric of data space back to latent space,

    .. math:: g(z) = J(z)^\top J(z), \qquad J = \partial f / \partial z,

    and pushes the prior forward to a density on its image (Kim and Zhang 2019, equation of the regulariser).

    Another metric of data space, another density and latents of another shape come in through ``ambient``, ``density``
    and ``latent_shape``; methods are not for overriding, since a solver takes derivatives in its own way.

    Args:
        generator: any callable that takes a tensor ``(n, d)`` to ``(n, *data_shape)``, row by row, and is smooth.
        prior: the distribution of the latent variable, over ``(d,)`` or over one coordinate; default :math:`N(0, I)`.
            An object with a method ``log_prob`` is enough, unless latents are to be drawn.
        noise: standard deviation of observation noise, in the units of the data. Zero is the paper's density;
            a positive value bounds it from below where the generator folds or collapses.
        density: a differentiable log-density of latents that takes the place of the push-forward one for solver, start
            curves and report alike: an object with a method ``log_prob``, or a callable, ``(n, d) -> (n,)``, known up
            to a constant. Then :math:`\mathrm{nll}(z) = -\mathrm{density}(z)`, without log-volume and prior; the prior,
            or else the density, is only drawn from.
        ambient: a map of data space, ``(n, *data_shape) -> (n, ...)``, whose image is measured instead of the data:
            lengths, energies, metric and volume are those of the image under it, and :meth:`generate` still gives the
            data. For example features, or :func:`~geodreg.fisher_rao_logits`.
        latent_shape: shape of one latent, if the generator takes ``(n, *latent_shape)``. All methods still take flat
            latents, whose ``d`` is its product.
        derivatives: how the generator is differentiated: ``"layers"`` (rules layer by layer), ``"vmap"``
            (:func:`torch.func.jvp` under :func:`torch.func.vmap`), ``"jvp"`` (forward mode without ``vmap``),
            ``"reverse"`` (two reverse passes), ``"rows"`` (a reverse pass for each number of a data point), or None for
            the first of these that agrees with an independent one, found out at the first use.

    Raises:
        TypeError: if ``generator`` or ``ambient`` is not callable, if prior or density have no log-density, or if a
            subclass overrides a method.
        ValueError: if ``noise`` is negative or not finite, or given beside a density, if ``latent_shape`` holds
            anything but positive whole numbers, or ``derivatives`` is unknown.

    Example:
        >>> manifold = LatentManifold(lambda z: z @ torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]))
        >>> manifold.metric(torch.zeros(2))
        tensor([[4., 0.],
                [0., 9.]])
        >>> LatentManifold(lambda z: z, density=Normal(0.0, 2.0)).nll(torch.zeros(1))  # the logarithm of 2 root 2 pi
        tensor(1.6121)
    """

    def __new__(cls, *_: Any, **__: Any) -> Self:  # noqa: ANN401 - they are the constructor's
        """A manifold, if its class overrides nothing that a solver would not see."""
        refuse_overrides(cls, LatentManifold)
        return super().__new__(cls)

    def __init__(
        self,
        generator: Callable[[Tensor], Tensor],
        prior: object | None = None,
        noise: float = 0.0,
        *,
        density: object | None = None,
        ambient: Callable[[Tensor], Tensor] | None = None,
        latent_shape: Sequence[int] | None = None,
        derivatives: str | None = None,
    ) -> None:
        if not callable(generator):
            raise TypeError(
                f"generator is a {type(generator).__name__}; pass a callable from latents (n, d) to data (n, ...)."
            )
        if not 0.0 <= noise < float("inf"):
            raise ValueError(f"noise is {noise}; pass a standard deviation in data units, zero or positive and finite.")
        if density is not None and noise > 0.0:
            raise ValueError(
                f"noise is {noise} beside a density; noise belongs to the push-forward density, whose place it takes; "
                "pass one of the two."
            )
        if ambient is not None and not callable(ambient):
            raise TypeError(
                f"ambient is a {type(ambient).__name__}; pass a callable from data (n, *data_shape) to what is "
                "measured."
            )
        self.generator = generator
        # log_prior looks at the support itself; torch's own check of it stops torch.func.vmap in older releases
        zero, one = torch.zeros((), device="cpu"), torch.ones((), device="cpu")  # for latents on every device
        self.prior = prior if prior is not None else Normal(zero, one, validate_args=False)
        self.noise = float(noise)
        self.ambient = ambient
        self.latent_shape = None if latent_shape is None else _checked_shape(latent_shape)
        self._prior = LatentDensity(self.prior)
        self.density = None if density is None else LatentDensity(density)
        drawn = self.density if prior is None and self.density is not None else self._prior
        self._drawn_from = drawn if drawn.can_be_sampled or prior is not None else self._prior
        flat = generator if self.latent_shape is None else Shaped(generator, self.latent_shape)
        self.function = DifferentiableCall(flat)
        self.measured = self.function if ambient is None else DifferentiableCall(AmbientImage(flat, ambient))
        self.ladder = Ladder(self.measured, derivatives)
        self.kinked: bool | None = None  # looked for once, where a density is first asked of the generator
        self.known_jacobian_cost: float | None = None  # counted where there are many latents
        self._n_data: int | None = None  # found out at the first use
        self._narrow: tuple[NarrowGenerator, LatentManifold] | None = None

    def isometric(self) -> LatentManifold:
        """A manifold with the same distances, metric and density, in fewer coordinates of data space if there are such.

        That is where the generator ends in a linear layer that makes more numbers than it takes; else it is this one.
        """
        if self.ambient is not None or self.latent_shape is not None or not has_wide_end(self.generator):
            return self
        if self._narrow is None or not self._narrow[0].is_current(self.generator):
            narrow = NarrowGenerator(self.generator)
            density = None if self.density is None else self.density.source
            manifold = LatentManifold(narrow, self.prior, self.noise, density=density, derivatives=self.ladder.wanted)
            manifold._drawn_from = self._drawn_from
            self._narrow = narrow, manifold
        return self._narrow[1]

    def of_data(self) -> LatentManifold:
        """The same manifold with lengths measured in data space; it is this one where there is no ambient map."""
        if self.ambient is None:
            return self
        density = None if self.density is None else self.density.source
        manifold = LatentManifold(
            self.generator,
            self.prior,
            self.noise,
            density=density,
            latent_shape=self.latent_shape,
            derivatives=self.ladder.wanted,
        )
        manifold._drawn_from = self._drawn_from
        return manifold

    def without_density(self) -> LatentManifold:
        """The same metric with the standard prior and without noise, which are positive everywhere."""
        return LatentManifold(
            self.generator, ambient=self.ambient, latent_shape=self.latent_shape, derivatives=self.ladder.wanted
        )

    def generate(self, z: Tensor) -> Tensor:
        """Data points of latent points: ``(..., d)`` to ``(..., *data_shape)``."""
        return self._of_rows(self.function, z)

    def data_size(self, z: Tensor) -> int:
        """Numbers in a point where lengths are measured; it is found out once, from one of the latents ``(n, d)``.

        Raises:
            ValueError: if the generator is in training mode and would change, mix rows or draw at random.
        """
        if self._n_data is None:
            refuse_training_mode(self.generator, self.ambient)
            with torch.no_grad():
                self._n_data = self.measured(z[:1].detach()).numel()
        return self._n_data

    def generate_flat(self, z: Tensor) -> Tensor:
        """Points where lengths are measured, as vectors: ``(..., d)`` to ``(..., D)``.

        They are the data points, or their images under ``ambient`` if there is one.
        """
        return self._of_rows(self.measured, z).flatten(z.ndim - 1)

    def _of_rows(self, function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
        rows = z.reshape(-1, z.shape[-1])
        if len(rows) > LEAST_PART and not torch._C._are_functorch_transforms_active():
            part = PART if z.device.type == "cpu" else CARD_PART  # the former stays in the cache
            parts = rows.split(max(LEAST_PART, part // self.data_size(rows)))
            x = torch.cat([function(part) for part in parts]) if len(parts) > 1 else function(rows)
        else:
            x = function(rows)
        return x.reshape(*z.shape[:-1], *x.shape[1:])

    @full_precision()
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

    @full_precision()
    def pushforward_part(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The same for a part, all at once."""
        return self.ladder.pushforward(z)

    @full_precision()
    def pushed(self, z: Tensor, direction: Tensor) -> Tensor:
        r"""One direction at each latent, pushed to where lengths are measured: :math:`J(z) v`, without the Jacobian.

        Args:
            z: latents ``(..., d)``.
            direction: ``(..., d)``.

        Returns:
            the pushed directions, flattened, ``(..., D)``.
        """
        refuse_training_mode(self.generator, self.ambient)
        rows, directions = z.reshape(-1, z.shape[-1]), direction.reshape(-1, 1, z.shape[-1])
        parts = self.parts(rows, n_tangents=1)
        along = directions.split([len(part) for part in parts])
        tangents = [self.ladder.pushforward(*each)[1] for each in zip(parts, along, strict=True)]
        return torch.cat(tangents).reshape(*z.shape[:-1], -1)

    def jacobian_cost(self, z: Tensor) -> float:
        """Operations of a Jacobian over those of a gradient, found out once, at the first of latents ``(n, d)``."""
        if self.known_jacobian_cost is None:
            if self.ladder.rung is None:
                self.ladder.choose(z[:2])
            self.known_jacobian_cost = self.ladder.jacobian_cost(z)
        return self.known_jacobian_cost

    def is_kinked(self, z: Tensor) -> bool:
        """Whether the Jacobian jumps between latents ``(n, d)``, as that of a generator of ReLUs does.

        The density then is smooth on pieces only, and jumps where they meet.
        """
        if self.ladder.rung is None:
            self.ladder.choose(z[:2])
        return is_kinked(self.measured, z, self.ladder.push)

    def parts(self, z: Tensor, n_tangents: int | None = None) -> tuple[Tensor, ...]:
        """Latents ``(n, d)`` in parts whose values and tangents, ``d`` or so many, stay in the cache, or fit a card."""
        if len(z) == 0 or torch._C._are_functorch_transforms_active():
            return (z,)
        part = DUAL_PART if z.device.type == "cpu" else CARD_PART
        return z.split(max(1, max(LEAST_DUAL_PART, part // self.data_size(z)) // (1 + (n_tangents or z.shape[-1]))))

    def jacobian(self, z: Tensor) -> Tensor:
        """Jacobian of the generator, data flattened: ``(..., d)`` to ``(..., D, d)``."""
        refuse_training_mode(self.generator, self.ambient)
        _, tangents = self.pushforward(z.reshape(-1, z.shape[-1]))
        return tangents.mT.reshape(*z.shape[:-1], tangents.shape[-1], z.shape[-1])

    @full_precision()
    def metric(self, z: Tensor) -> Tensor:
        r"""Pull-back metric :math:`g = J^\top J`: ``(..., d)`` to ``(..., d, d)``."""
        jacobian = self.jacobian(z)
        return jacobian.mT @ jacobian

    def log_volume(self, z: Tensor) -> Tensor:
        r"""Log-volume :math:`\frac12 \log\det(g + \mathrm{noise}^2 I)`: ``(..., d)`` to ``(...)``.

        It is minus infinity where the noise is zero and the generator is singular.
        """
        refuse_training_mode(self.generator, self.ambient)
        parts = self.parts(z.reshape(-1, z.shape[-1]))
        volumes = [log_volume_of(self.pushforward_part(part)[1], self.noise)[0] for part in parts]
        return torch.cat(volumes).to(z.dtype).reshape(z.shape[:-1])

    def log_prior(self, z: Tensor) -> Tensor:
        """Log-density of the prior: ``(..., d)`` to ``(...)``, minus infinity outside of its support."""
        return self._prior.log_prob(z)

    def in_support(self, z: Tensor) -> Tensor:
        """Whether the density, and without one the prior, is positive at latents: ``(..., d)`` to ``(...)``."""
        return (self.density or self._prior).is_inside(z)

    def prior_precision(self, like: Tensor) -> Tensor:
        """Curvature of minus the log-density, or without one the prior's, ``(d,)``, where it is constant; else zero.

        Args:
            like: latents ``(..., d)``.
        """
        return (self.density or self._prior).precision(like)

    def nll(self, z: Tensor) -> Tensor:
        r"""Negative log-density of the model at :math:`f(z)`: ``(..., d)`` to ``(...)``, in nats.

        .. math:: \mathrm{nll}(z) = -\log p(z) + \tfrac12 \log\det\bigl(g(z) + \mathrm{noise}^2 I\bigr),

        or minus the log-density of latents that was given in its place.
        """
        if self.density is not None:
            return -self.density.log_prob(z).to(z.dtype)
        return self.log_volume(z) - self.log_prior(z)

    def sample_prior(self, n: int, like: Tensor, seed: int) -> Tensor:
        """Draws from the prior: ``(n, d)`` with latent size, dtype and device of ``like`` ``(..., d)``.

        Where no prior was given and the density can be sampled, they are the density's.

        Raises:
            ValueError: if the prior cannot be sampled, or its draws have another size.
        """
        return self._drawn_from.sample(n, like, seed)


def _checked_shape(latent_shape: object) -> tuple[int, ...]:
    """A shape of latents.

    Raises:
        ValueError: if it is none.
    """
    sizes = tuple(latent_shape) if isinstance(latent_shape, Sequence) and not isinstance(latent_shape, str) else ()
    if not sizes or not all(isinstance(size, Integral) and int(size) >= 1 for size in sizes):
        raise ValueError(
            f"latent_shape is {latent_shape!r}; pass the shape of one latent, positive whole numbers as in (4, 8, 8)."
        )
    return tuple(int(size) for size in sizes)


def log_volume_of(tangents: Tensor, noise: float) -> tuple[Tensor, Tensor, Tensor]:
    r"""Log-volume from pushed latent directions ``(..., d, D)``, in double precision.

    The metric is small, and its condition is the Jacobian's squared, hence the precision.

    Returns:
        log-volume ``(...)``, minus infinity where a generator is singular without noise and NaN where its Jacobian is
        not finite; the metric ``(..., d, d)`` and the Cholesky factor of metric and noise ``(..., d, d)``.
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
    finite = metric.isfinite().flatten(-2).all(-1)
    return torch.where(finite, torch.where(regular, volume, -torch.inf), torch.nan), metric, factor


# What help and documentation show: the constructor's arguments, and not those of the check before it.
_ARGUMENTS = inspect.signature(LatentManifold.__init__).parameters
LatentManifold.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [argument for name, argument in _ARGUMENTS.items() if name != "self"]
)
