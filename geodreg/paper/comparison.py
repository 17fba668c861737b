"""The three methods of the paper side by side, and what they are compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Unpack

import numpy as np
import torch
from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import Settings, interpolate
from geodreg.interpolation.paths import Paths, Profile
from geodreg.paper.as_printed import AsPrinted, as_printed
from geodreg.paper.labels import LABELS, NAMES, UNSOLVED, names_of
from geodreg.paper.wording import percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LABELS",
    "NAMES",
    "compare",
    "medians",
    "names_of",
    "paired_differences",
    "random_pairs",
    "summarise",
    "tabulate_paths",
]

FEWEST = 6  # pairs; the extremes of fewer hold the median with less than 95 %


def compare(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    with_slerp: bool = False,
    with_algorithm1: AsPrinted | None = None,
    **settings: Unpack[Settings],
) -> dict[str, Paths]:
    """Paths between the same endpoints by each of the paper's three methods, with the same settings.

    Args:
        manifold: the model.
        start: latents ``(..., d)``.
        end: latents ``(..., d)``.
        with_slerp: whether spherical interpolation is compared too.
        with_algorithm1: weight and settings of the paper's algorithm as printed, if it is compared too. It begins with
            the straight line, and takes nothing else from the settings but the number of points.
        settings: as for :func:`~geodreg.interpolate`.

    Returns:
        the paths by method, in the order of the paper's strips: ``"geodreg"``, ``"geodesic"``, ``"straight"``, and then
        ``"algorithm1"`` and ``"slerp"`` if they are asked for.
    """
    geodesic = interpolate(manifold, start, end, "geodesic", **settings)
    straight = interpolate(manifold, start, end, "straight", **settings)
    usual = settings.get("init", "straight") == "straight" and settings.get("solver", "newton") == "newton"
    known = geodesic if usual and settings.get("n_points") != "auto" else None
    regularised = interpolate(manifold, start, end, "geodreg", **settings, geodesic=known)
    paths = {"geodreg": regularised, "geodesic": geodesic, "straight": straight}
    if with_algorithm1 is not None:
        n_points = regularised.z.shape[regularised.status.ndim]
        paths["algorithm1"] = as_printed(manifold, start, end, with_algorithm1, n_points)
    if with_slerp:
        paths["slerp"] = interpolate(manifold, start, end, "slerp", **settings)
    return paths


def summarise(
    paths: Mapping[str, Paths], n: int = 200, measures: Mapping[str, Callable[[Profile], Tensor]] | None = None
) -> pd.DataFrame:
    """One row for each method and pair, measured along the paths.

    Columns: ``method``, ``pair``, ``length`` and ``chord`` (between the endpoints) in data units, ``nll_mean`` and
    ``nll_max`` in nats, ``gap``, ``iterations``, ``converged``, ``status``, and one for each further measure.

    Args:
        paths: paths by method.
        n: points of each path, evenly spaced by arc length, at which it is measured.
        measures: further numbers ``(...)`` of a path, taken from its profile.
    """
    import pandas as pd

    tables = []
    for method, path in paths.items():
        profile = path.resample(n)
        ends = path.measured[..., [0, -1], :].double()
        columns = {
            "length": path.length,
            "chord": (ends[..., 1, :] - ends[..., 0, :]).norm(dim=-1),
            "nll_mean": profile.nll.mean(-1),
            "nll_max": profile.nll.amax(-1),
            "gap": path.gap,
            "iterations": path.iterations,
            "converged": path.converged,
            **{name: measure(profile) for name, measure in (measures or {}).items()},
        }
        table = pd.DataFrame({name: values.flatten().cpu().numpy() for name, values in columns.items()})
        table.insert(0, "pair", range(len(table)))
        table.insert(0, "method", method)
        table["status"] = path.status.flatten().astype(str)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def medians(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Medians over pairs of some columns of a summary, a row for each method, for reading.

    Args:
        table: from :func:`summarise`.
        columns: columns to show, and what to call them; ``LABELS`` has names for the usual ones.
    """
    grouped = table.groupby("method")
    rows = grouped[list(columns)].median().rename(columns=dict(columns))
    rows["converged"] = grouped["converged"].mean().map(percent)
    rows.loc[rows.index.isin(UNSOLVED), "converged"] = "(not solved)"
    names = names_of(rows.index)
    return rows.loc[list(names)].rename(index=names).reset_index()


def paired_differences(table: pd.DataFrame, column: str, method: str, other: str, seed: int = 0) -> dict[str, float]:
    """How much more of a column one method has than another, pair by pair.

    Args:
        table: from :func:`summarise`.
        column: which of its columns.
        method: the one.
        other: the other.
        seed: of the resampling.

    Returns:
        ``median`` of the differences with the bounds of its 95 % interval, ``low`` and ``high`` (percentiles of the
        bootstrap over pairs; not numbers where there are too few pairs for an interval), and the ``share`` of pairs in
        which the method has more.
    """
    from scipy.stats import bootstrap

    columns = table.set_index(["method", "pair"])[column]
    difference = (columns[method] - columns[other]).to_numpy()
    low = high = math.nan
    if len(difference) >= FEWEST:
        found = bootstrap((difference,), np.median, method="percentile", rng=np.random.default_rng(seed))
        low, high = (float(end) for end in found.confidence_interval)
    return {
        "median": float(np.median(difference)),
        "low": low,
        "high": high,
        "share": float((difference > 0).mean()),
    }


def tabulate_paths(paths: Mapping[str, Paths], n: int = 100) -> pd.DataFrame:
    """The curves of all methods as one table, ``n`` points of each path evenly spaced by arc length."""
    import pandas as pd

    return pd.concat([path.to_frame(n) for path in paths.values()], ignore_index=True)


def random_pairs(latents: Tensor, n_pairs: int, seed: int, labels: Tensor | None = None) -> Tensor:
    """Indices of random pairs of rows, ``(n_pairs, 2)``, no row twice; of different labels, if labels are given.

    Raises:
        ValueError: if there are not enough rows.
    """
    order = torch.randperm(len(latents), generator=torch.Generator().manual_seed(seed)).tolist()
    pairs: list[tuple[int, int]] = []
    while len(pairs) < n_pairs:
        if not order:
            raise ValueError(f"{len(latents)} latents do not give {n_pairs} pairs; ask for fewer pairs.")
        first = order.pop(0)
        partner = next((i for i in order if labels is None or labels[i] != labels[first]), None)
        if partner is not None:
            order.remove(partner)
            pairs.append((first, partner))
    return torch.tensor(pairs)
