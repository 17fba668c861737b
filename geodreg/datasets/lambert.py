r"""Images of objects of known shape and albedo under one distant light, after Lambert's law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["OBJECTS", "LambertScene", "face", "light_direction", "sphere"]


@dataclass(frozen=True)
class LambertScene:
    r"""An object before a camera, under one distant light and nothing else.

    A pixel of albedo :math:`\rho` and normal :math:`n` under the light :math:`s` (direction times strength) is

    .. math:: x = \rho\, \max(0, n \cdot s) \quad\text{or}\quad x = \rho\, n \cdot s

    with attached shadows or without. One surface point casts no shadow on another. Calling a scene renders it from
    latents (azimuth and elevation in radians, and log-strength, which may be left out and is zero then), so it is
    itself a generator: ``(n, 2)`` or ``(n, 3)`` to ``(n, size, size)``.

    Attributes:
        normals: unit normals, ``(size, size, 3)``: right of the picture, up, towards the camera.
        albedo: ``(size, size)``, zero off the object.
        shadows: whether surfaces that face away from the light are black.
    """

    normals: Tensor
    albedo: Tensor
    shadows: bool = True

    @property
    def basis(self) -> Tensor:
        """Products of albedo and normal, ``(size^2, 3)``; without shadows an image is this times the light."""
        return (self.albedo.unsqueeze(-1) * self.normals).flatten(0, 1)

    def render(self, light: Tensor) -> Tensor:
        """Images under lights ``(..., 3)`` (direction times strength): ``(..., size, size)``."""
        images = (light @ self.basis.to(light).T).unflatten(-1, self.albedo.shape)
        return images.clamp_min(0.0) if self.shadows else images

    def __call__(self, z: Tensor) -> Tensor:
        """Images of latents ``(..., 2)`` or ``(..., 3)``: azimuth, elevation, log-strength."""
        direction = light_direction(z[..., 0], z[..., 1])
        return self.render(direction * z[..., 2:].sum(-1, keepdim=True).exp())


def light_direction(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Unit vectors towards lights, ``(..., 3)``, from angles in radians ``(...)``.

    The axes are right of the picture, up, and towards the camera; as in the Yale faces, a negative azimuth lights the
    right half of the picture, and elevation counts from the horizon.

    Example:
        >>> light_direction(torch.tensor(0.0), torch.tensor(0.0))
        tensor([-0., 0., 1.])
    """
    return torch.stack([-azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], dim=-1)


def sphere(size: int = 64, shadows: bool = True) -> LambertScene:
    """A white sphere that fills the picture."""

    def height(x: Tensor, y: Tensor) -> Tensor:
        return (1.0 - x**2 - y**2).clamp_min(1e-12).sqrt()

    x, y = _pixels(size)
    return LambertScene(_normals(height, x, y), (x**2 + y**2 < 1.0).double(), shadows)


def face(size: int = 64, shadows: bool = True) -> LambertScene:
    """A face-like height field: a head with brow, eye sockets, nose, cheeks, lips and chin, darker eyes and lips."""
    x, y = _pixels(size)
    eyes = sum(_bump(x, y, side * 0.34, 0.22, 0.11, 0.06) for side in (-1.0, 1.0))
    brows = sum(_bump(x, y, side * 0.36, 0.42, 0.2, 0.045) for side in (-1.0, 1.0))
    albedo = 0.9 - 0.55 * eyes - 0.45 * brows - 0.35 * _bump(x, y, 0.0, -0.5, 0.22, 0.06)
    return LambertScene(_normals(_face_height, x, y), albedo.clamp(0.1, 1.0), shadows)


OBJECTS: dict[str, Callable[[int, bool], LambertScene]] = {"sphere": sphere, "face": face}
"""The objects by name."""


def _face_height(x: Tensor, y: Tensor) -> Tensor:
    head = 1.1 * (1.35 - 0.95 * x**2 - 0.35 * y**2).sqrt()
    nose = 0.30 * _bump(x, y, 0.0, -0.08, 0.11, 0.14) + 0.14 * _bump(x, y, 0.0, 0.15, 0.08, 0.2)
    brow = 0.07 * _bump(x, y, 0.0, 0.45, 0.5, 0.08)
    sockets = -0.13 * (_bump(x, y, -0.34, 0.22, 0.16, 0.11) + _bump(x, y, 0.34, 0.22, 0.16, 0.11))
    eyes = 0.05 * (_bump(x, y, -0.34, 0.22, 0.09, 0.06) + _bump(x, y, 0.34, 0.22, 0.09, 0.06))
    cheeks = 0.08 * (_bump(x, y, -0.45, -0.15, 0.18, 0.18) + _bump(x, y, 0.45, -0.15, 0.18, 0.18))
    lips = 0.07 * _bump(x, y, 0.0, -0.44, 0.2, 0.05) + 0.07 * _bump(x, y, 0.0, -0.56, 0.17, 0.05)
    chin = 0.1 * _bump(x, y, 0.0, -0.88, 0.22, 0.12)
    return head + nose + brow + sockets + eyes + cheeks + lips + chin


def _bump(x: Tensor, y: Tensor, x0: float, y0: float, width: float, height: float) -> Tensor:
    return torch.exp(-0.5 * (((x - x0) / width) ** 2 + ((y - y0) / height) ** 2))


def _pixels(size: int) -> tuple[Tensor, Tensor]:
    """Coordinates of pixel centres in [-1, 1], ``(size, size)`` each: to the right and up."""
    line = (torch.arange(size, dtype=torch.float64) + 0.5) * 2.0 / size - 1.0
    y, x = torch.meshgrid(-line, line, indexing="ij")
    return x, y


def _normals(height: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Unit normals of the graph of a height field at pixels ``(size, size)``, by automatic differentiation."""
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    slope_x, slope_y = torch.autograd.grad(height(x, y).sum(), (x, y))
    return torch.nn.functional.normalize(torch.stack([-slope_x, -slope_y, torch.ones_like(slope_x)], dim=-1), dim=-1)
