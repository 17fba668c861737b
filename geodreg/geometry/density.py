"""Log-densities of latents: a prior, or one that takes the place of the push-forward density."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

__all__ = ["LatentDensity"]

DRAWING = threading.RLock()  # the global random state is one for all threads


class LatentDensity:
    """A differentiable log-density of latents, and what a solver asks about it.

    Args:
        source: an object with a method ``log_prob``, a torch distribution over ``(d,)`` or over one coordinate for
            example, or a callable; each takes latents ``(n, d)`` to log-densities ``(n,)``, up to a constant. Whatever
            else a distribution says is used: its support, its mean, and how it is sampled.

    Raises:
        TypeError: if it is neither.

    Example:
        >>> LatentDensity(Normal(0.0, 2.0)).precision(torch.zeros(3))
        tensor([0.2500, 0.2500, 0.2500])
        >>> LatentDensity(lambda z: -z.square().sum(-1)).gradient(torch.ones(1, 2))
        tensor([[-2., -2.]], dtype=torch.float64)
    """

    def __init__(self, source: object) -> None:
        log_prob = getattr(source, "log_prob", None)
        if isinstance(source, type) or not (callable(log_prob) or callable(source)):
            kind = f"the class {source.__name__}" if isinstance(source, type) else f"a {type(source).__name__}"
            raise TypeError(
                f"The density of latents is {kind}; pass an object with a method log_prob, or a callable, that takes "
                "latents (n, d) to log-densities (n,)."
            )
        self.source: Any = source
        self._log_prob: Callable[[Tensor], Tensor] = log_prob if callable(log_prob) else source  # type: ignore[assignment]

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-densities of latents, ``(..., d)`` to ``(...)``, minus infinity outside of the support."""
        if _said(self.source, "support") is None:
            return self._of_vectors(z)
        inside, mean = self.is_inside(z), _said(self.source, "mean")
        if isinstance(mean, Tensor):
            log_density = self._of_vectors(torch.where(inside.unsqueeze(-1), z, mean.to(z)))
        elif inside.all():
            log_density = self._of_vectors(z)
        elif not inside.any():
            return torch.full_like(z[..., 0], -torch.inf)
        else:  # a distribution refuses to be evaluated outside
            log_density = self._of_vectors(torch.where(inside.unsqueeze(-1), z, z[inside][0]))
        return torch.where(inside, log_density, -torch.inf)

    def is_inside(self, z: Tensor) -> Tensor:
        """Whether the density is positive at latents, ``(..., d)`` to ``(...)``."""
        support = _said(self.source, "support")
        if support is None:
            return self._of_vectors(z) > -torch.inf
        inside: Tensor = support.check(z)
        return inside.all(-1) if inside.ndim == z.ndim else inside

    @torch.no_grad()  # a prior that is learned, too, is a constant to the solver
    def precision(self, like: Tensor) -> Tensor:
        """Curvature of minus the log-density along each coordinate, where it is the same everywhere.

        That is so for a normal distribution; for every other one zero is returned, and the solver learns the curvature
        from the steps that it takes.

        Args:
            like: latents ``(..., d)``.

        Returns:
            ``(d,)``, in the precision and on the device of the latents.
        """
        source = self.source.base_dist if isinstance(self.source, Independent) else self.source
        if isinstance(source, Normal):
            return source.scale.to(like).square().reciprocal().expand(like.shape[-1])
        if isinstance(source, MultivariateNormal) and not source.batch_shape:
            return source.precision_matrix.to(like).diagonal()
        return torch.zeros(like.shape[-1], dtype=like.dtype, device=like.device)

    def gradient(self, z: Tensor) -> Tensor:
        """Gradients of the log-density at latents ``(n, d)``, in double precision."""
        with torch.enable_grad():
            point = z.detach().requires_grad_()
            log_density = self.log_prob(point)
            if not log_density.requires_grad:
                return torch.zeros_like(z, dtype=torch.float64)
            (gradient,) = torch.autograd.grad(log_density.sum(), point, allow_unused=True, materialize_grads=True)
        return gradient.double()

    @property
    def can_be_sampled(self) -> bool:
        """Whether there is a method ``sample``."""
        return callable(getattr(self.source, "sample", None))

    def sample(self, n: int, like: Tensor, seed: int) -> Tensor:
        """Draws ``(n, d)`` with latent size, dtype and device of ``like`` ``(..., d)``.

        Torch's distributions know only the global random state; it is set, used and put back.

        Raises:
            ValueError: if it cannot be sampled, or the draws have another size.
        """
        name = type(self.source).__name__
        if not self.can_be_sampled:
            raise ValueError(
                f"A {name} has no method sample, from which start curves over a graph and candidates are drawn; pass a "
                "prior that can be sampled, or init='straight'."
            )
        d, shape = like.shape[-1], _shape_of_draws(self.source)
        of_coordinates = shape is not None and not (shape.numel() == d and len(shape) > 0)
        with DRAWING, _seeded(seed, like.device):
            z = self.source.sample((n, d) if of_coordinates else (n,))
        if z.numel() != n * d:
            raise ValueError(f"{n} draws from a {name} have shape {tuple(z.shape)}; latents here are ({n}, {d}).")
        return z.detach().reshape(n, d).to(like)

    def _of_vectors(self, z: Tensor) -> Tensor:
        """Log-densities where it has some, ``(..., d)`` to ``(...)``; what is no distribution gets ``(n, d)``."""
        if _shape_of_draws(self.source) is None:
            rows = z.reshape(-1, z.shape[-1])
            log_density = self._log_prob(rows)
            if not (isinstance(log_density, Tensor) and log_density.shape[:1] == rows.shape[:1]):
                return log_density  # which is for the door to refuse
            log_density = log_density.reshape(*z.shape[:-1], *log_density.shape[1:])
        else:
            log_density = self._log_prob(z)
        return log_density.sum(-1) if log_density.ndim == z.ndim else log_density


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's random state set, and then as it was; cards that nobody has used are left alone.

    To ask for their state would start them, which a process must not do before it forks; nor can one that was forked.
    """
    cards = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=cards):
        if device.type not in ("cpu", "cuda"):
            torch.manual_seed(seed)
        torch.default_generator.manual_seed(seed)
        if cards:
            torch.cuda.manual_seed_all(seed)
        yield


def _said(source: object, name: str) -> Any:  # noqa: ANN401 - whatever a distribution has
    """What a distribution says of itself, or None; some raise for what they do not know."""
    try:
        return getattr(source, name, None)
    except NotImplementedError:
        return None


def _shape_of_draws(source: object) -> torch.Size | None:
    """Shape of one draw of a torch distribution, and None for everything else."""
    if not isinstance(source, torch.distributions.Distribution):
        return None
    return source.batch_shape + source.event_shape
