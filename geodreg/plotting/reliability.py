"""Whether probabilities can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from geodreg.plotting.style import MODEL_COLOR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_reliability"]


def plot_reliability(table: pd.DataFrame) -> Figure:
    """Share correct against confidence, from :func:`geodreg.paper.realism.reliability_table`."""
    figure, axes = plt.subplots(figsize=(4.2, 4.0), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    area = 25 * np.log10(table["images"] + 1)
    axes.scatter(table["confidence"], table["correct"], s=area, color=MODEL_COLOR, alpha=0.8, zorder=3)
    axes.set(xlabel="mean probability of what it says", ylabel="share correct", xlim=(0, 1.05), ylim=(0, 1.05))
    axes.set_aspect("equal")
    return figure
