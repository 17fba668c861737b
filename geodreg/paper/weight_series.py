"""One path at several weights, by each of the two things that the paper calls GeodReg."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import Settings, interpolate
from geodreg.interpolation.paths import Paths, Profile
from geodreg.paper.as_printed import AsPrinted, as_printed
from geodreg.paper.comparison import summarise

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["at_weights", "summarise_weights"]


def at_weights(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    loss_weights: Sequence[float],
    algorithm1_weights: Sequence[float],
    printed: AsPrinted,
    **settings: Unpack[Settings],
) -> list[Paths]:
    """Paths between two latents at each weight of the printed loss, and at each weight of Algorithm 1 as printed.

    Every path is solved as :func:`~geodreg.paper.comparison.compare` solves it at that weight with the same settings;
    none starts from that of another weight.

    Args:
        manifold: the model.
        start: latent ``(d,)``.
        end: latent ``(d,)``.
        loss_weights: weights of the density in the printed loss, zero or positive; one at least.
        algorithm1_weights: weights of the density in Algorithm 1, zero or positive.
        printed: everything else that Algorithm 1 needs; its own weight does not count.
        settings: of the loss's minimisers, as for :func:`~geodreg.interpolate`; Algorithm 1 takes the number of points.

    Returns:
        the paths, ``"geodreg"`` by increasing weight and then ``"algorithm1"`` by increasing weight; a weight that is
        given twice has one path.

    Raises:
        ValueError: as :func:`~geodreg.interpolate` and :func:`~geodreg.paper.as_printed.as_printed`.
    """
    steps: list[Settings] = [{**settings, "mu": mu} for mu in sorted(set(loss_weights))]
    by_loss = [interpolate(manifold, start, end, **step) for step in steps]
    n_points = by_loss[0].z.shape[-2]
    variants = [replace(printed, mu=mu) for mu in sorted(set(algorithm1_weights))]
    return by_loss + [as_printed(manifold, start, end, variant, n_points) for variant in variants]


def summarise_weights(
    paths: Sequence[Paths], measures: Mapping[str, Callable[[Profile], Tensor]] | None = None
) -> pd.DataFrame:
    """One row a path, in their order: ``method``, ``mu``, and the columns of a summary without its pair.

    Args:
        paths: one path each, from :func:`at_weights`.
        measures: further numbers of a path, as for :func:`~geodreg.paper.comparison.summarise`.
    """
    import pandas as pd

    rows = [summarise({path.method: path}, measures=measures).assign(mu=path.mu) for path in paths]
    table = pd.concat(rows, ignore_index=True).drop(columns="pair")
    return table[["method", "mu", *table.columns.difference(["method", "mu"], sort=False)]]
