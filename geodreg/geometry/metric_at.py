"""The whole metric at one point of a large generator, its tangents in chunks, within a budget of memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geodreg.derivatives.jacobian_products import GIB, Allocated, Linearization, bytes_of_row, rows_within
from geodreg.geometry.manifold import LatentManifold

__all__ = ["metric_at", "pushed_at", "tangents_at_once", "varies_with_the_point"]

TANGENTS, BLOCKS = 0.125, 4  # of the budget, for all tangents of a point, which are multiplied in blocks
MEASURED = 16  # tangents by which it is told what one takes
CACHE = 2**29  # bytes up to which a processor gains by more tangents at once; they share a point, and convolutions gain


def metric_at(manifold: LatentManifold, latent: Tensor, at_once: int, memory: float) -> tuple[Tensor, float]:
    """The metric at a point ``(1, d)``, ``(d, d)``, in double precision: of all tangents if they fit, else by products.

    The other number is what of the largest eigenvalue is rounding: of products that of the numbers in them, of tangents
    its square, since the metric itself is put together in double precision.

    Args:
        manifold: the model.
        latent: the point.
        at_once: tangents that go through the generator together, as :func:`tangents_at_once` has it.
        memory: the budget, in GiB.
    """
    identity = torch.eye(latent.shape[-1], dtype=latent.dtype, device=latent.device)
    size, eps = manifold.data_size(latent), torch.finfo(latent.dtype).eps
    if len(identity) * size * latent.element_size() < TANGENTS * memory * GIB:
        with torch.no_grad():
            tangents = [pushed_at(manifold, latent, part) for part in identity.split(at_once)]
        return _gram(torch.cat(tangents).double()), max(eps**2 * size, torch.finfo(torch.float64).eps * len(identity))
    parts = []
    n_rows = rows_within(memory, bytes_of_row(manifold.generate_flat, latent), latent.device)
    for part in identity.split(min(n_rows, at_once)):
        at = Linearization(manifold.generate_flat, latent.expand(len(part), -1))
        parts.append(at.pull(at.push(part)).double())
    metric = torch.cat(parts)
    return 0.5 * (metric + metric.mT), eps


def pushed_at(manifold: LatentManifold, latent: Tensor, directions: Tensor) -> Tensor:
    """Tangents of a point ``(1, d)`` in directions ``(c, d)``, ``(c, D)``, by the rung of the manifold's ladder."""
    _rung(manifold, latent)
    zero = latent.new_zeros(1, len(directions))
    return manifold.ladder.push(lambda t: manifold.measured(latent + t @ directions), zero)[1].squeeze(0)


def tangents_at_once(manifold: LatentManifold, latent: Tensor, memory: float) -> int:
    """Tangents of a point ``(1, d)`` that go through the generator and back together, within half of a budget in GiB.

    Raises:
        ValueError: if not even one fits.
    """
    n_bytes = bytes_of_row(manifold.generate_flat, latent)
    n_rows = rows_within(memory, n_bytes, latent.device)
    if _rung(manifold, latent) != "layers":
        return max(1, n_rows - 1)
    point = latent.detach().clone().requires_grad_()
    few = torch.eye(latent.shape[-1], dtype=latent.dtype, device=latent.device)[: min(n_rows, MEASURED)]
    with Allocated() as allocated, torch.enable_grad():
        tangents = pushed_at(manifold, point, few)
        if tangents.requires_grad:
            torch.autograd.grad(tangents, point, tangents.detach(), allow_unused=True)
    return max(1, rows_within(memory, allocated.n_bytes // len(few), latent.device, CACHE) - 1)


def varies_with_the_point(manifold: LatentManifold, latent: Tensor) -> bool:
    """Whether what :func:`pushed_at` returns has a graph to the point ``(1, d)``: not by two reverse passes."""
    return _rung(manifold, latent) != "reverse"


def _rung(manifold: LatentManifold, latent: Tensor) -> str:
    """Name of the rung of the manifold's ladder, which is chosen now if it has not been."""
    return (manifold.ladder.rung or manifold.ladder.choose(latent.detach())).name


def _gram(rows: Tensor) -> Tensor:
    """Inner products of rows ``(d, D)``, ``(d, d)``: little more than those above the diagonal are computed."""
    blocks, first, columns = rows.tensor_split(BLOCKS), 0, []
    for block in blocks:
        first += len(block)
        columns.append(nn.functional.pad(rows[:first] @ block.mT, (0, 0, 0, len(rows) - first)))
    upper = torch.cat(columns, dim=1)
    return upper.triu() + upper.triu(1).mT
