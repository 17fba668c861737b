"""Points and tangent vectors: accepted, or refused with one sentence that says how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.stochastic_volume import MatrixFreeManifold
from geodreg.interpolation.arguments import check_generator
from geodreg.interpolation.transforms import refuse_transforms

__all__ = ["as_manifold", "check_geometry", "check_latents", "check_tangent", "check_whole"]


def as_manifold(manifold: LatentManifold | Callable[[Tensor], Tensor]) -> LatentManifold:
    """The manifold whose geometry is meant: a given one, the exact one behind matrix-free paths, a bare generator's.

    A bare generator gets a standard normal prior. What a matrix-free manifold pushes carries no graph, and the
    exponential map differentiates it again.

    Raises:
        RuntimeError: inside of a transform, as :func:`~geodreg.interpolation.transforms.refuse_transforms`.
    """
    refuse_transforms()
    if not isinstance(manifold, LatentManifold):
        return LatentManifold(manifold)
    return manifold.exact if isinstance(manifold, MatrixFreeManifold) else manifold


def check_latents(name: str, value: object, shape: str) -> Tensor:
    """A detached copy of latents, in which gradients can be taken.

    Args:
        name: of the argument.
        value: what was given.
        shape: the shape that is allowed, for example ``(n, d)``; it begins with ``...`` if any batch is.

    Raises:
        TypeError: if it is not a floating-point tensor.
        ValueError: if it has another number of dimensions, is empty or not finite.
    """
    if not (isinstance(value, Tensor) and value.is_floating_point()):
        kind = f"a tensor of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise TypeError(f"{name} is {kind}; pass a floating-point tensor {shape}.")
    n_dimensions = len([part for part in shape.strip("()").split(",") if part.strip() not in ("", "...")])
    fits = value.ndim >= n_dimensions if "..." in shape else value.ndim == n_dimensions
    if not fits or value.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; pass {shape}, with no dimension of size zero.")
    if not value.isfinite().all():
        raise ValueError(f"{name} holds a NaN or an infinity; pass finite numbers.")
    return value.detach().clone()


def check_tangent(name: str, vector: object, at: str, z: Tensor) -> Tensor:
    """A detached copy of tangent vectors at latents ``z`` ``(..., d)`` of the argument ``at``; batches may broadcast.

    Raises:
        TypeError: if it is not a floating-point tensor.
        ValueError: if size, dtype, device or batch do not go with the latents, or if it is not finite.
    """
    vector = check_latents(name, vector, "(..., d)")
    if vector.dtype != z.dtype or vector.device != z.device:
        raise ValueError(
            f"{name} is {vector.dtype} on {vector.device}, {at} is {z.dtype} on {z.device}; pass two that match."
        )
    try:
        torch.broadcast_shapes(vector.shape[:-1], z.shape[:-1])
        fits = vector.shape[-1] == z.shape[-1]
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} has shape {tuple(vector.shape)} at latents {tuple(z.shape)} of {at}; "
            "pass vectors of the same latent size, one for each latent or with batches that broadcast."
        )
    return vector


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse what is not a whole number of at least ``least``.

    Raises:
        ValueError: with the value given.
    """
    if not (isinstance(value, Integral) and int(value) >= least):
        raise ValueError(f"{name} is {value!r}; pass a whole number, at least {least}.")


def check_geometry(manifold: LatentManifold, z: Tensor, twice: bool = False) -> None:
    """Refuse a generator that does not take latents ``(..., d)``; where the prior is positive plays no part.

    Args:
        manifold: the model.
        z: latents to try it on.
        twice: whether tangents will be differentiated too.

    Raises:
        ValueError: as :func:`geodreg.interpolation.arguments.check_generator`.
    """
    check_generator(manifold.without_density(), lifted(z).reshape(-1, z.shape[-1]), twice=twice)
