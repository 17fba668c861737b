"""Quality against training time, what the weight of the density buys, and what methods trade for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

from geodreg.paper.labels import NAMES
from geodreg.plotting.style import DATA_COLOR, METHOD_STYLE, MODEL_COLOR

__all__ = ["plot_acceptance", "plot_trade", "plot_weights"]


def plot_acceptance(milestones: Mapping[str, Sequence[float]], real: float) -> Figure:
    """Fraction of samples that the judge accepts against seconds of training, below that of real digits.

    Args:
        milestones: columns ``seconds`` and ``accepted`` of a model card.
        real: fraction of real test digits that the judge accepts.
    """
    figure, axes = plt.subplots(figsize=(6.0, 2.8), layout="constrained")
    axes.plot(milestones["seconds"], milestones["accepted"], "o-", color=MODEL_COLOR, markersize=4, label="samples")
    axes.axhline(real, color=DATA_COLOR, linestyle="--", label="real test digits")
    axes.axhline(0.85 * real, color=DATA_COLOR, linestyle=":", label="0.85 of that")
    axes.set(xlabel="seconds of training", ylabel="fraction accepted", ylim=(0, 1))
    axes.legend(frameon=False)
    return figure


def plot_weights(table: pd.DataFrame, chosen: Mapping[str, float]) -> Figure:
    """Gain in density and cost in length over the weight, a curve for each model.

    Args:
        table: rows of :func:`geodreg.paper.weight.compare_weights` with a column ``model`` added.
        chosen: weight chosen for each model.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.3), layout="constrained")
    panels = (("gain", "NLL below StraightZ's (nats)"), ("longer", "longer than the geodesic (fraction)"))
    for (column, label), panel in zip(panels, axes, strict=True):
        for (model, mu), style in zip(chosen.items(), ("o-", "s--", "^:"), strict=False):
            part = table[table["model"] == model].set_index("mu")[column]
            (line,) = panel.plot(part, style, markersize=4, color=MODEL_COLOR, label=model)
            panel.plot(mu, part[mu], "o", color=line.get_color(), markersize=12, fillstyle="none")
        panel.axhline(0.0, color="grey", linewidth=0.8)
        panel.set(xscale="log", xlabel=r"weight $\mu$", ylabel=label)
    axes[0].legend(frameon=False)
    return figure


def plot_trade(numbers: pd.DataFrame) -> Figure:
    """Length against density, a marker for each pair and method.

    Args:
        numbers: columns ``method``, ``pair``, ``length`` and ``nll_mean``; lengths are compared with those of the
            geodesic of the same pair, densities with those of the straight line.
    """
    figure, axes = plt.subplots(figsize=(6.0, 3.3), layout="constrained")
    known = numbers.set_index(["method", "pair"])
    for method, marker in zip(NAMES, "o^svD", strict=True):
        if method in known.index:
            rows = known.loc[method]
            longer = 100 * (rows["length"] / known["length"]["geodesic"] - 1)
            thinner = rows["nll_mean"] - known["nll_mean"]["straight"]
            axes.plot(longer, thinner, marker, color=METHOD_STYLE[method]["color"], label=NAMES[method])
    axes.axhline(0.0, color="grey", linewidth=0.8)
    axes.axvline(0.0, color="grey", linewidth=0.8)
    axes.set(xlabel="longer than the geodesic (%)", ylabel="mean NLL above StraightZ's (nats)")
    axes.legend(frameon=False)
    return figure
