"""The course of Algorithm 1, and what its step does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from geodreg.plotting.style import DATA_COLOR, MODEL_COLOR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_course", "plot_steps"]


def plot_course(course: pd.DataFrame) -> Figure:
    """Spacing, and NLL at the points and along the path, over the iterations, a line for each pair.

    Args:
        course: from :func:`geodreg.paper.printed_algorithm.course`, with the weight as a column ``mu``.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.2))
    for mu, pair in course[["mu", "pair"]].drop_duplicates().to_numpy():
        run = course[(course["mu"] == mu) & (course["pair"] == pair)]
        style = {"color": MODEL_COLOR if mu > 0 else DATA_COLOR, "linewidth": 1.2}
        left.plot(run["iteration"], run["gap"], **style, label=f"weight {mu:g}" if mu > 0 else "without density")
        if mu > 0:
            right.plot(run["iteration"], run["nll_points"], **style, label="at the points")
            right.plot(run["iteration"], run["nll_path"], **style, linestyle="dashed", label="along the path")
    left.set_ylabel("longest chord / mean chord")
    right.set_ylabel("mean NLL (nats)")
    for ax in (left, right):
        ax.set_xscale("symlog", linthresh=30)
        ax.set_xlabel("iteration")
        handles, labels = ax.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))
        ax.legend(once.values(), once.keys(), frameon=False)
    figure.tight_layout()
    return figure


def plot_steps(steps: pd.DataFrame) -> Figure:
    """Largest angle over the step, a mark for each pair; the limit dashed, and the zigzag that it predicts beyond.

    Args:
        steps: from :func:`geodreg.paper.printed_algorithm.step_sweep`, with a column ``model``.
    """
    import seaborn as sns

    figure, ax = plt.subplots(figsize=(6.0, 3.2))
    colors = dict(zip(steps["model"].unique(), (DATA_COLOR, MODEL_COLOR), strict=True))
    sns.lineplot(
        steps,
        x="share",
        y="angle",
        hue="model",
        style="model",
        palette=colors,
        estimator="median",
        errorbar=None,
        ax=ax,
    )
    sns.scatterplot(steps, x="share", y="angle", hue="model", palette=colors, s=22, legend=False, ax=ax)
    beyond = np.linspace(1.0, steps["share"].max(), 100)
    ax.plot(beyond, 2.0 * np.degrees(np.arccos(1.0 / beyond)), color="black", linewidth=1.0, label="zigzag, predicted")
    ax.axvline(1.0, color="black", linestyle="dashed", linewidth=1.0)
    ax.set_xlabel("step / limit that the chords set in flat space")
    ax.set_ylabel("largest angle (degrees)")
    ax.legend(title=None, frameon=False)
    figure.tight_layout()
    return figure
