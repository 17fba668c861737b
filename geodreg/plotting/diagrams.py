"""Persistence diagrams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from geodreg.plotting.style import DATA_COLOR, MODEL_COLOR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_diagrams"]


def plot_diagrams(diagrams: Mapping[str, pd.DataFrame]) -> Figure:
    """Persistence diagrams by name: birth and death of components and holes, on the same axes."""
    figure, axes = plt.subplots(1, len(diagrams), figsize=(9, 3.3), layout="constrained", squeeze=False)
    top = 1.05 * max(diagram["death"].max() for diagram in diagrams.values())
    for axis, (name, diagram) in zip(axes[0], diagrams.items(), strict=True):
        axis.plot([0, top], [0, top], color="grey", linewidth=0.8)
        for dimension, marker, color in ((0, ".", DATA_COLOR), (1, "^", MODEL_COLOR)):
            part = diagram[diagram["dimension"] == dimension]
            label = ("components", "holes")[dimension]
            axis.plot(
                part["birth"], part["death"], marker, color=color, markersize=5, alpha=0.6, label=label, rasterized=True
            )
        axis.set(xlabel="birth", title=name, xlim=(-0.02, top), ylim=(0, top), aspect="equal")
    axes[0, 0].set_ylabel("death")
    axes[0, -1].legend(frameon=False, loc="lower right")
    return figure
