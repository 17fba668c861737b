"""A generator with something before it, or after it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

__all__ = ["AmbientImage", "Shaped"]


class Shaped(nn.Module):
    """A generator of latents ``(n, *latent_shape)`` that takes ``(n, d)``.

    Args:
        generator: takes ``(n, *latent_shape)`` to ``(n, *data_shape)``.
        latent_shape: shape of one latent.
    """

    def __init__(self, generator: Callable[[Tensor], Tensor], latent_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.generator = generator
        self.latent_shape = latent_shape

    def forward(self, z: Tensor) -> Tensor:
        """Data of flat latents, ``(n, d)`` to ``(n, *data_shape)``."""
        return self.generator(z.reshape(len(z), *self.latent_shape))


class AmbientImage(nn.Module):
    """A generator followed by a map of data space.

    Args:
        generator: takes ``(n, d)`` to ``(n, *data_shape)``.
        ambient: takes ``(n, *data_shape)`` to ``(n, ...)``.
    """

    def __init__(self, generator: Callable[[Tensor], Tensor], ambient: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.generator = generator
        self.ambient = ambient

    def forward(self, z: Tensor) -> Tensor:
        """Points of the space where lengths are measured, ``(n, d)`` to ``(n, ...)``."""
        return self.ambient(self.generator(z))
