"""The whole metric at one point of a large generator, its tangents in chunks, within a budget of memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geodreg.derivatives.jacobian_products import GIB, Linearization
from geodreg.geometry.manifold import LatentManifold

__all__ = ["metric_at", "pushed_at", "varies_with_the_point"]

TANGENTS, BLOCKS = 0.125, 4  # of the budget, for all tangents of a point, which are multiplied in blocks


def metric_at(manifold: LatentManifold, latent: Tensor, at_once: int, memory: float) -> Tensor:
    """The metric at a point ``(1, d)``, ``(d, d)``, in double precision: of all tangents if they fit, else by products.

    Args:
        manifold: the model.
        latent: the point.
        at_once: tangents that go through the generator together.
        memory: the budget, in GiB.
    """
    identity = torch.eye(latent.shape[-1], dtype=latent.dtype, device=latent.device)
    if len(identity) * manifold.data_size(latent) * latent.element_size() < TANGENTS * memory * GIB:
        with torch.no_grad():
            tangents = [pushed_at(manifold, latent, part) for part in identity.split(at_once)]
        return _gram(torch.cat(tangents).double())
    parts = []
    for part in identity.split(at_once):
        at = Linearization(manifold.generate_flat, latent.expand(len(part), -1))
        parts.append(at.pull(at.push(part)).double())
    metric = torch.cat(parts)
    return 0.5 * (metric + metric.mT)


def pushed_at(manifold: LatentManifold, latent: Tensor, directions: Tensor) -> Tensor:
    """Tangents of a point ``(1, d)`` in directions ``(c, d)``, ``(c, D)``, by the rung of the manifold's ladder."""
    if manifold.ladder.rung is None:
        manifold.ladder.choose(latent.detach())
    zero = latent.new_zeros(1, len(directions))
    return manifold.ladder.push(lambda t: manifold.measured(latent + t @ directions), zero)[1].squeeze(0)


def varies_with_the_point(manifold: LatentManifold, latent: Tensor) -> bool:
    """Whether what :func:`pushed_at` returns has a graph to the point ``(1, d)``: not by two reverse passes."""
    if manifold.ladder.rung is None:
        manifold.ladder.choose(latent.detach())
    return manifold.ladder.rung is not None and manifold.ladder.rung.name != "reverse"


def _gram(rows: Tensor) -> Tensor:
    """Inner products of rows ``(d, D)``, ``(d, d)``: little more than those above the diagonal are computed."""
    blocks, first, columns = rows.tensor_split(BLOCKS), 0, []
    for block in blocks:
        first += len(block)
        columns.append(nn.functional.pad(rows[:first] @ block.mT, (0, 0, 0, len(rows) - first)))
    upper = torch.cat(columns, dim=1)
    return upper.triu() + upper.triu(1).mT
