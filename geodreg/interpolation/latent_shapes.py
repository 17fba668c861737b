"""Latents as they are given, flat or in the shape that a generator takes, one start with many endpoints."""

from __future__ import annotations

import torch
from torch import Tensor

from geodreg.geometry.manifold import LatentManifold

__all__ = ["as_given", "flat_endpoints", "flat_latents", "refuse_other_shape"]

UNIT_DIMENSIONS = 3  # most dimensions of size one that are tried after a latent


def flat_latents(manifold: LatentManifold, name: str, z: Tensor, n_batch: int | None = None) -> tuple[Tensor, bool]:
    """Latents ``(..., d)`` from latents ``(..., d)`` or ``(..., *latent_shape)``, and whether they were shaped.

    Args:
        manifold: the model; without a shape of latents they are flat.
        name: of the argument.
        z: a tensor; whatever else was given is for others to refuse.
        n_batch: number of dimensions of the batch, if there is but one that is allowed.

    Raises:
        ValueError: if they have neither shape.
    """
    shape = manifold.latent_shape
    if shape is None or not isinstance(z, Tensor):
        return z, False
    k, d = len(shape), torch.Size(shape).numel()
    if z.ndim >= k and z.shape[z.ndim - k :] == shape and n_batch in (None, z.ndim - k):
        return z.reshape(*z.shape[: z.ndim - k], d), True
    if z.ndim >= 1 and z.shape[-1] == d and n_batch in (None, z.ndim - 1):
        return z, False
    sizes = ", ".join(map(str, shape))
    batch = "..." if n_batch is None else ", ".join("n" * n_batch)
    raise ValueError(f"{name} has shape {tuple(z.shape)}; pass ({batch}, {d}) or ({batch}, {sizes}), by latent_shape.")


def flat_endpoints(manifold: LatentManifold, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Both endpoints ``(..., d)`` with one batch, and whether one was given in the shape that the generator takes.

    Raises:
        ValueError: as :func:`flat_latents`, or if the batches do not broadcast.
    """
    (start, start_shaped), (end, end_shaped) = (
        flat_latents(manifold, name, z) for name, z in (("start", start), ("end", end))
    )
    both = isinstance(start, Tensor) and isinstance(end, Tensor)
    if both and start.ndim >= 1 and end.ndim >= 1 and start.shape != end.shape and start.shape[-1] == end.shape[-1]:
        try:
            batch = torch.broadcast_shapes(start.shape[:-1], end.shape[:-1])
        except RuntimeError as error:
            raise ValueError(
                f"start and end differ in shape: {tuple(start.shape)} and {tuple(end.shape)}; pass two latents that "
                "match, or batches that broadcast."
            ) from error
        start, end = (z.expand(*batch, z.shape[-1]) for z in (start, end))
    return start, end, start_shaped or end_shaped


def as_given(manifold: LatentManifold, z: Tensor, is_shaped: bool) -> Tensor:
    """Latents ``(..., d)`` in the shape that the generator takes, if they are to be."""
    return z.unflatten(-1, manifold.latent_shape) if is_shaped and manifold.latent_shape is not None else z


def refuse_other_shape(manifold: LatentManifold, given: torch.Size, z: Tensor) -> None:
    """Refuse flat latents that a generator takes in another shape only, and say in which.

    Tried are the last dimensions of what was given, and a vector with dimensions of size one after it, as generators of
    transposed convolutions want.

    Args:
        manifold: the model.
        given: shape of the latents that were given.
        z: the same latents as ``(n, d)``.

    Raises:
        ValueError: if the generator does not take them, and takes another shape.
    """
    if manifold.latent_shape is not None or _takes(manifold, z[:2]):
        return
    of_tensor = [tuple(given[-k:]) for k in range(2, len(given) + 1)]
    of_vector = [(z.shape[-1], *[1] * k) for k in range(1, UNIT_DIMENSIONS + 1)]
    for shape in [*of_tensor, *of_vector]:
        if _takes(manifold, z.new_zeros(2, *shape)):
            raise ValueError(
                f"The generator does not take latents (n, {z.shape[-1]}), and does take (n, "
                f"{', '.join(map(str, shape))}); pass LatentManifold(generator, latent_shape={shape})."
            )


def _takes(manifold: LatentManifold, rows: Tensor) -> bool:
    try:
        with torch.no_grad():
            x = manifold.function(rows)
    except Exception:  # noqa: BLE001 - whatever it raises for latents of another shape
        return False
    return isinstance(x, Tensor) and x.ndim >= 2 and len(x) == len(rows)
