"""Whether judges and their probabilities can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from geodreg.plotting.style import MODEL_COLOR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_judges", "plot_reliability"]

MARKERS = ("o", "s", "D", "^", "v")
COLORS = (MODEL_COLOR, "#16858c", "#b5542a")
APART = 0.22  # rows from one judge's points to the next one's


def plot_judges(table: pd.DataFrame) -> Figure:
    """Fractions of images accepted, a row for each kind of image, a colour and marker for each judge.

    Full markers are of real digits and of kinds that the judge was trained on, empty ones of kinds new to it.

    Args:
        table: columns ``judge``, ``kind``, ``group`` and ``accepted``, as of
            :func:`geodreg.paper.realism.acceptance_table`; every judge with the same kinds.
    """
    kinds, judges = list(dict.fromkeys(table["kind"])), list(dict.fromkeys(table["judge"]))
    figure, axes = plt.subplots(figsize=(6.4, 0.34 * len(kinds) + 1.2), layout="constrained")
    for i, (judge, rows) in enumerate(table.groupby("judge", sort=False)):
        y = rows["kind"].map(kinds.index) + APART * (i - (len(judges) - 1) / 2)
        color, marker = COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]
        new = rows["group"] == "unseen"
        axes.scatter([], [], color=color, marker=marker, label=judge)
        axes.scatter(rows["accepted"][~new], y[~new], s=26, color=color, marker=marker, zorder=3)
        axes.scatter(rows["accepted"][new], y[new], s=26, edgecolors=color, facecolors="none", marker=marker, zorder=3)
    for row in range(len(kinds) - 1):
        axes.axhline(row + 0.5, color="grey", linewidth=0.4, alpha=0.6)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="fraction accepted", xlim=(-0.02, 1.02), ylim=(len(kinds) - 0.5, -0.5))
    figure.legend(loc="outside upper center", ncols=len(judges), frameon=False)
    return figure


def plot_reliability(table: pd.DataFrame) -> Figure:
    """Fraction correct against confidence, from :func:`geodreg.paper.realism.reliability_table`."""
    figure, axes = plt.subplots(figsize=(4.2, 4.0), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    area = 25 * np.log10(table["images"] + 1)
    axes.scatter(table["confidence"], table["correct"], s=area, color=MODEL_COLOR, alpha=0.8, zorder=3)
    axes.set(xlabel="mean probability of what it says", ylabel="fraction correct", xlim=(0, 1.05), ylim=(0, 1.05))
    axes.set_aspect("equal")
    return figure
