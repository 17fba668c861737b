"""What each method buys and costs over its weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from torch import Tensor

from geodreg.models.zoo import TITLES
from geodreg.plotting.style import METHOD_STYLE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_prices", "plot_sheet"]

WIDTH, HEIGHT = 2.5, 2.1  # inches of a panel
BUDGET_STYLES = (":", "--", "-")  # from the smallest budget to the largest
LARGE = 100.0
NARROW = 2.5  # ratio of the largest to the least relative length, below which ticks are evenly spaced
GREY_MARKERS = ("o", "s")


def plot_prices(
    prices: pd.DataFrame, measures: Mapping[str, str], models: Sequence[str], *, narrow: bool = False
) -> Figure:
    """Measures against relative length, a curve for each method over its weight: a row a measure, a column a model.

    Args:
        prices: from :func:`geodreg.paper.trial.price.price_list`, averaged over what is not to be told apart.
        measures: columns to show, and what to call them.
        models: in this order.
        narrow: for telephones: the columns one below the other.
    """
    rows, columns = (len(measures) * len(models), 1) if narrow else (len(measures), len(models))
    size = (WIDTH * columns + 0.6, HEIGHT * rows + 0.7)
    share: Literal["none", "col"] = "none" if narrow else "col"
    figure, axes = plt.subplots(rows, columns, figsize=size, sharex=share, squeeze=False, layout="constrained")
    axes = axes.reshape(len(models), len(measures)).T if narrow else axes
    for column, model in enumerate(models):
        own = prices[prices["model"] == model]
        for row, (measure, label) in enumerate(measures.items()):
            ax = axes[row, column]
            _curves(ax, own, measure)
            if own[measure].abs().max() > LARGE:  # where paths run away, the others are to be seen all the same
                ax.set_yscale("symlog", linthresh=1.0)
            ax.axhline(0.0, color="grey", linewidth=0.8)
            ax.axvline(1.0, color="grey", linewidth=0.8)
            ax.set_xscale("log")
            if own["relative_length"].max() < NARROW * own["relative_length"].min():  # no decade has ticks there
                ax.xaxis.set_major_locator(MaxNLocator(4))
                ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if str(value)[0] in "235" else "")
            if narrow or column == 0:
                ax.set_ylabel(label)
        axes[0, column].set_title(TITLES[model])
        axes[-1, column].set_xlabel("length over StraightZ's")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, columns), frameon=False, fontsize=8)
    return figure


def _curves(ax: Axes, own: pd.DataFrame, measure: str) -> None:
    printed = sorted({name for name in own["curve"] if name.startswith("printed")}, key=_budget_and_grey)
    budgets = sorted({_budget_and_grey(name)[0] for name in printed})
    for name in printed:
        budget, grey = _budget_and_grey(name)
        part = own[own["curve"] == name]
        ax.plot(
            part["relative_length"],
            part[measure],
            BUDGET_STYLES[budgets.index(budget) % len(BUDGET_STYLES)],
            marker=GREY_MARKERS[(grey - 1) % len(GREY_MARKERS)],
            markersize=3,
            linewidth=1.0,
            color=METHOD_STYLE["algorithm1"]["color"],
            label=f"Algorithm 1, {budget} iterations" + (f", grey range {grey}" if grey > 1 else ""),
        )
    for name, label, key in (("loss", "minimiser of the loss", "geodreg"), ("slerp", "slerp", "slerp")):
        part = own[own["curve"] == name]
        style = METHOD_STYLE[key]
        ax.plot(part["relative_length"], part[measure], "D-", markersize=4, color=style["color"], label=label)


def _budget_and_grey(name: str) -> tuple[int, int]:
    """Of a curve's name.

    Example:
        >>> _budget_and_grey("printed_b300_g2")
        (300, 2)
    """
    _, budget, grey = name.split("_")
    return int(budget[1:]), int(grey[1:])


def plot_sheet(images: Tensor, verdicts: Mapping[str, Tensor], columns: int = 12) -> Figure:
    """Images ``(n, h, w)`` in rows, with a letter for each judge below, filled where it accepts.

    Args:
        images: grey values in [0, 1].
        verdicts: whether each judge accepts, ``(n,)``, by its letter.
        columns: images in a row.
    """
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(0.68 * columns, 0.85 * rows), squeeze=False)
    for place, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if place >= len(images):
            continue
        ax.imshow(images[place].cpu().numpy(), cmap="gray_r", vmin=0.0, vmax=1.0)
        for i, (letter, accepts) in enumerate(verdicts.items()):
            good = bool(accepts[place])
            ax.text(
                (i + 0.5) / len(verdicts),
                -0.16,
                letter if good else "✗",
                transform=ax.transAxes,
                ha="center",
                va="center",
                fontsize=8,
                fontweight="bold",
                color="black" if good else "#b2182b",
            )
    figure.subplots_adjust(left=0.0, right=1.0, top=1.0, bottom=0.05, wspace=0.08, hspace=0.35)
    return figure
