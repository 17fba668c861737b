"""Densities and metrics compared: what each buys over its weight, and what its paths look like."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from torch import Tensor

from geodreg.models.zoo import TITLES
from geodreg.plotting.style import MODEL_STYLE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_candidate_strips", "plot_candidates"]

FINE: dict[str, Any] = {"markersize": 3.0, "linewidth": 1.1}
COLUMNS, WIDTH, HEIGHT = 4, 2.15, 1.85  # panels side by side; inches of a panel
HOLLOW = {"markerfacecolor": "none"}  # a single point of two classes, which has no line to tell it
KINDS: dict[bool, Literal["-", "--"]] = {False: "-", True: "--"}
ROWS = {False: "pairs of one class", True: "pairs of two classes"}
FAR, LONGEST = 1.25, 2.1  # times the ninth decile, and relative length, up to which curves are shown
SHOWN = (0.8, 1.0, 1.25, 1.5, 2.0)  # lengths that the axis names
ACCEPTED, DOUBTED, REJECTED = "#1f6fb2", "#8a6508", "#b3261e"


def plot_candidates(
    curves: pd.DataFrame, measure: str, label: str, titles: Mapping[str, str], models: Sequence[str], at: float
) -> Figure:
    """A measure against relative length: a panel for each candidate, all on the same axes, a colour for each model.

    Args:
        curves: from :func:`geodreg.paper.which_density.prices.price_curves`.
        measure: column of it.
        label: what to call the measure.
        titles: of the candidates, by name, in the order of the panels.
        models: in this order.
        at: relative length at which candidates are compared, marked.
    """
    curves = curves[curves["model"].isin(models)]
    others = sorted(set(curves["candidate"]) - set(titles))  # slerp
    names = [*(name for name in titles if name in set(curves["candidate"])), *others]
    n_rows = -(-len(names) // COLUMNS)
    size = (WIDTH * COLUMNS + 0.4, HEIGHT * n_rows + 0.6)
    figure, axes = plt.subplots(n_rows, COLUMNS, figsize=size, sharex=True, sharey=True, squeeze=False)
    figure.set_layout_engine("constrained")
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, names, strict=False):
        for (model, apart), part in curves[curves["candidate"] == name].groupby(["model", "apart"], sort=False):
            style = {**MODEL_STYLE[str(model)], **FINE, **(HOLLOW if apart and len(part) == 1 else {})}
            ax.plot(part["relative_length"], part[measure], linestyle=KINDS[bool(apart)], **style)
        ax.axhline(0.0, color="grey", linewidth=0.8)
        ax.axvline(1.0, color="grey", linewidth=0.8)
        ax.axvline(at, color="grey", linewidth=0.8, linestyle=(0, (4, 3)))
        ax.set_title(textwrap.fill(titles.get(name, name), 22), fontsize=8.5)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    first = axes[0, 0]  # whose limits and ticks all have
    first.set_ylim(*_limits(curves[measure]))
    first.set_xscale("log")
    first.set_xticks(SHOWN, [f"{length:g}" for length in SHOWN])
    first.set_xlim(curves["relative_length"].min() / 1.03, min(LONGEST, 1.03 * curves["relative_length"].max()))
    first.xaxis.set_minor_locator(NullLocator())
    figure.supxlabel("relative length", fontsize=9.5)
    figure.supylabel(label, fontsize=9.5)
    lines = [Line2D([], [], **MODEL_STYLE[model], **FINE, label=TITLES[model]) for model in models]
    lines += [Line2D([], [], color="grey", linestyle=KINDS[apart], label=ROWS[apart]) for apart in KINDS]
    figure.legend(handles=lines, loc="outside upper center", ncols=len(lines), frameon=False, fontsize=8.5)
    return figure


def _limits(values: pd.Series) -> tuple[float, float]:
    """What is shown of a measure: all, but for a few values far above the others."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    usual = max(float(values.quantile(0.9)), 0.0)
    high = min(high, FAR * usual) if usual > 0.0 else high
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def plot_candidate_strips(images: Mapping[str, Tensor], agreed: Mapping[str, Tensor], n_judges: int) -> Figure:
    """A strip of images for each candidate, with the number of judges that accept an image below it.

    Args:
        images: grey values in [0, 1], ``(n, h, w)``, by the candidate's title.
        agreed: how many judges accept each, ``(n,)``.
        n_judges: that there are.
    """
    n = max(map(len, images.values()))
    figure, axes = plt.subplots(
        len(images), n, figsize=(0.62 * n + 2.9, 0.8 * len(images)), squeeze=False, gridspec_kw={"wspace": 0.06}
    )
    for row, (title, strip) in zip(axes, images.items(), strict=True):
        for place, ax in enumerate(row):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            ax.imshow(strip[place].cpu().numpy(), cmap="gray_r", vmin=0.0, vmax=1.0)
            count = int(agreed[title][place])
            color = ACCEPTED if count == n_judges else REJECTED if count == 0 else DOUBTED
            ax.set_xlabel(f"{count}", fontsize=9.5, fontweight="bold", color=color, labelpad=1.0)
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9.5)
    figure.subplots_adjust(left=2.75 / (0.62 * n + 2.9), right=0.995, top=0.995, bottom=0.03, hspace=0.32)
    return figure
