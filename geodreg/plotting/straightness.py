"""Figure 4: how long and how straight paths are in data space."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geodreg.interpolation.paths import Paths
from geodreg.paper.labels import NAMES
from geodreg.paper.metrics import cosine_dissimilarity
from geodreg.plotting.style import METHOD_STYLE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_excess", "plot_references", "plot_spectra", "plot_straightness"]

QUARTILES = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
MARKERS = {"geodreg": "^", "geodesic": "o", "straight": "s", "algorithm1": "v", "slerp": "D"}


def plot_straightness(paths: Mapping[str, Paths], n: int = 100) -> tuple[Figure, Figure]:
    """Figure 4: how much longer paths are than the chords of their pairs, and cosine dissimilarities along them.

    Args:
        paths: paths ``(P, K, *data_shape)`` by method.
        n: points of each path, evenly spaced by arc length.

    Returns:
        the panels beside each other, and for a telephone one below the other.
    """
    bands = {
        method: cosine_dissimilarity(path.resample(n)).double().cpu().quantile(QUARTILES, dim=0).numpy()
        for method, path in paths.items()
    }
    return _plot_bands(paths, bands, is_narrow=False), _plot_bands(paths, bands, is_narrow=True)


def _plot_bands(paths: Mapping[str, Paths], bands: Mapping[str, NDArray[np.float64]], is_narrow: bool) -> Figure:
    """The two panels, with the quartiles of the dissimilarities ``(3, n)`` by method."""
    grid, size = ((2, 1), (4.7, 6.6)) if is_narrow else ((1, 2), (9.0, 3.9))
    figure, (left, right) = plt.subplots(*grid, figsize=size, layout="constrained")
    position = np.linspace(0.0, 1.0, next(iter(bands.values())).shape[1])
    ends = next(iter(paths.values())).x[:, [0, -1]].flatten(2).double().cpu()
    chord = (ends[:, 1] - ends[:, 0]).norm(dim=-1)
    order = chord.argsort()
    pair = np.arange(1, len(order) + 1)
    aside = np.linspace(-0.22, 0.22, len(paths))  # so that marks of the same height stand beside each other
    for (method, path), shift in zip(paths.items(), aside, strict=True):
        style, name = METHOD_STYLE[method], NAMES[method]
        excess = path.length.double().cpu() / chord - 1
        left.plot(pair + shift, 100 * excess[order], **_marker(method))
        low, median, high = bands[method]
        right.fill_between(position, low, high, color=style["color"], alpha=0.18, linewidth=0)
        right.plot(position, median, label=name, **{**style, "linewidth": 2.4})
    left.set(xlabel="pair, by length of the chord", ylabel="longer than the chord (%)", xticks=pair)
    left.set_ylim(bottom=0)
    left.legend(frameon=False, handlelength=3.2)
    right.set(xlabel="fraction of the path's length", ylabel="cosine dissimilarity", xlim=(0, 1))
    right.set_ylim(bottom=0)
    right.legend(frameon=False, handlelength=3.2, title="median and quartiles")
    return figure


def plot_references(table: pd.DataFrame) -> Figure:
    """Lengths on exact renderers over the distance between the endpoints, pair by pair, next to references.

    Args:
        table: rows of :func:`geodreg.paper.lambertian.exact_lengths` with columns ``object`` and ``manifold`` added.
    """
    objects, manifolds = table["object"].unique(), table["manifold"].unique()
    figure, grid = plt.subplots(
        len(objects), len(manifolds), figsize=(2.25 * len(manifolds), 2.5 * len(objects)), sharex=True, sharey="row",
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for row, name in zip(grid, objects, strict=True):
        for axes, manifold in zip(row, manifolds, strict=True):
            part = table[(table["object"] == name) & (table["manifold"] == manifold)].sort_values("chord")
            pair = np.arange(1, len(part) + 1)
            for method in ("straight", "geodesic"):
                axes.plot(pair, part[method] / part["chord"], **_marker(method))
            axes.plot(pair, part["reference"] / part["chord"], "_", color="black", markersize=11, label="reference")
            axes.set_title(f"{name}: {manifold}", fontsize=9)
        row[0].set_ylabel("length / chord")
    for axes in grid[-1]:
        axes.set_xlabel("pair, by distance")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), frameon=False, ncols=3, loc="outside lower center")
    return figure


def _marker(method: str) -> dict[str, Any]:
    color = METHOD_STYLE[method]["color"]
    return {"marker": MARKERS[method], "linestyle": "", "color": color, "label": NAMES[method], "markersize": 5}


def plot_excess(table: pd.DataFrame, order: Sequence[str]) -> Figure:
    """Excess lengths of all pairs by data set and method.

    Args:
        table: with columns ``data``, ``method`` and ``excess``.
        order: the data sets, from top to bottom.
    """
    import seaborn as sns

    figure, axes = plt.subplots(figsize=(8.0, 0.75 * len(order) + 1.0), layout="constrained")
    methods = [method for method in NAMES if method in set(table["method"])]
    colors = {NAMES[method]: METHOD_STYLE[method]["color"] for method in methods}
    shown = table.assign(method=table["method"].map(NAMES))
    sns.boxplot(
        shown, x="excess", y="data", hue="method", order=order, hue_order=list(colors), palette=colors,
        fill=False, linewidth=1.2, whis=(0, 100), gap=0.2, ax=axes,
    )  # fmt: skip
    axes.set(xlabel="excess length: length over distance between the endpoints, minus one", ylabel="")
    axes.set_xlim(left=0)
    axes.legend(frameon=False)
    axes.grid(axis="x", alpha=0.3)
    return figure


def plot_spectra(shares: Mapping[str, np.ndarray], theory: Sequence[float], n_shown: int = 15) -> Figure:
    """Fraction of the energy in the first components, by data set, next to the theory's.

    Args:
        shares: cumulated fractions by name.
        theory: the fraction in the first 1, 4 and 9 harmonics.
        n_shown: components that are shown.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    colors = plt.get_cmap("copper")(np.linspace(0.0, 0.65, len(shares)))  # not its pale end
    for (name, share), marker, color in zip(shares.items(), itertools.cycle("os^dv"), colors, strict=False):
        style = {"marker": marker, "color": color, "markersize": 4, "linewidth": 1.2}
        axes.plot(np.arange(1, n_shown + 1), 100 * share[:n_shown], label=name, **style)
    axes.plot(
        [1, 4, 9], 100 * torch.tensor(theory), "*", color="black", markersize=11, label="sphere, harmonics", zorder=4
    )
    axes.axvline(9, color="grey", linewidth=0.8)
    axes.set(xlabel="components", ylabel="fraction of the energy (%)", xticks=range(1, n_shown + 1))
    axes.legend(frameon=False)
    return figure
