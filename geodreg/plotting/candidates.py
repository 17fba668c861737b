"""Densities and metrics compared: what each buys over its weight, and what its paths look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from geodreg.models.zoo import TITLES
from geodreg.plotting.style import METHOD_STYLE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_candidate_strips", "plot_candidates"]

COLORS = {  # of a density, whatever energy stands beside it; each contrasts with white as WCAG AA asks of text
    "push-forward": METHOD_STYLE["geodreg"]["color"],
    "data": "#7b3aa6",
    "codes": "#b3541e",
    "prior": "#2b61a8",
    "volume": "#5f6b73",
    "discriminator": "#c8372d",
    "features": "#1c1c1c",
    "fisher-rao": "#00696b",
    "slerp": METHOD_STYLE["slerp"]["color"],
}
LATENT, METRICS = "latent-", ("features", "fisher-rao")
WIDTH, HEIGHT = 2.6, 2.3  # inches of a panel
ROWS = {False: "pairs of one class", True: "pairs of two classes"}
FAR, LONGEST = 1.5, 3.0  # times the ninth decile, and relative length, up to which curves are shown
SHOWN = ("0.8", "0.9", "1.1", "1.2", "1.5", "2", "3", "5")  # lengths beside the powers of ten
ACCEPTED, DOUBTED, REJECTED = "#1f6fb2", "#8a6508", "#b3261e"


def plot_candidates(
    curves: pd.DataFrame, measure: str, label: str, titles: Mapping[str, str], models: Sequence[str], at: float
) -> Figure:
    """A measure against relative length, a curve for each candidate: a column a model, a row for each kind of pairs.

    Args:
        curves: from :func:`geodreg.paper.which_density.prices.price_curves`.
        measure: column of it.
        label: what to call the measure.
        titles: of the candidates, by name.
        models: in this order.
        at: relative length at which candidates are compared, marked.
    """
    size = (WIDTH * len(models) + 0.5, HEIGHT * len(ROWS) + 0.4)
    figure, axes = plt.subplots(len(ROWS), len(models), figsize=size, squeeze=False, layout="constrained")
    lines: dict[str, Any] = {}
    empty = []
    for column, model in enumerate(models):
        of_model = curves[curves["model"] == model]
        kinds = [(apart, kind) for apart, kind in ROWS.items() if apart in set(of_model["apart"])]
        for row, ax in enumerate(axes[:, column]):
            if row >= len(kinds):
                ax.set_axis_off()
                empty.append(ax)
                continue
            apart, kind = kinds[row]
            own = of_model[of_model["apart"] == apart]
            for name, part in own.groupby("candidate", sort=False):
                (line,) = ax.plot(part["relative_length"], part[measure], **_style(str(name)))
                lines.setdefault(titles.get(str(name), str(name)), line)
            ax.axhline(0.0, color="grey", linewidth=0.8)
            ax.axvline(1.0, color="grey", linewidth=0.8)
            ax.axvline(at, color="grey", linewidth=0.8, linestyle=(0, (4, 3)))
            ax.set_ylim(*_limits(own[measure]))
            ax.set_xscale("log")
            ax.set_xlim(own["relative_length"].min() / 1.03, min(LONGEST, 1.03 * own["relative_length"].max()))
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:g}" in SHOWN else "")
            ax.set_title(f"{TITLES[model]}, {kind}" if len(kinds) > 1 else TITLES[model], fontsize="small")
            if row == len(kinds) - 1:
                ax.set_xlabel("relative length")
            if column == 0:
                ax.set_ylabel(label)
    if empty:
        empty[0].legend(lines.values(), lines.keys(), loc="center", frameon=False, fontsize=8.5)
    else:
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
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


def _style(name: str) -> dict[str, Any]:
    """Colour of a density; a dashed line and diamonds where it stands beside the energy of latent space."""
    is_latent = name.startswith(LATENT)
    return {
        "color": COLORS[name.removeprefix(LATENT)],
        "linestyle": "--" if is_latent else ":" if name in METRICS else "-",
        "marker": "D" if is_latent else "s" if name in METRICS else "o",
        "markersize": 4.5 if is_latent else 3.5,
        "linewidth": 1.8 if is_latent else 1.2,
    }
