"""Where the method ends: folds, what the density does not know, and what the verdicts depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from geodreg.models.zoo import TITLES
from geodreg.paper.trial.sensitivity import STATEMENTS
from geodreg.plotting.style import DATA_COLOR, MODEL_COLOR, MODEL_STYLE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_acceptance_by_nll", "plot_fold", "plot_sensitivity"]

PARAMETERS = {
    "mu": "weight $\\mu$",
    "noise": "noise $\\sigma$",
    "latent_dim": "latent size $d$",
    "activation": "activation",
}


def plot_fold(table: pd.DataFrame) -> Figure:
    """NLL against the distance to a fold, a line for each noise.

    Args:
        table: ``noise``, ``distance`` in latent units and ``nll`` in nats.
    """
    figure, ax = plt.subplots(figsize=(5.2, 3.2))
    groups = list(table.groupby("noise"))
    for shade, (noise, own) in zip(np.linspace(1.0, 0.6, len(groups)), groups, strict=True):
        ax.plot(own["distance"], own["nll"], color=MODEL_COLOR, alpha=float(shade))
        ax.annotate(
            f"$\\sigma$ = {noise:g}", (own["distance"].min(), own["nll"].iloc[own["distance"].argmin()]),
            xytext=(4, 3), textcoords="offset points", fontsize=8,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.set_xlabel("distance to the fold in latent space")
    ax.set_ylabel("NLL (nats)")
    figure.tight_layout()
    return figure


def plot_acceptance_by_nll(table: pd.DataFrame, bounds: Mapping[str, float]) -> Figure:
    """Fraction accepted in each tenth of the samples by NLL, a line for each training.

    Args:
        table: of :func:`~geodreg.paper.trial.sensitivity.acceptance_by_nll`.
        bounds: fraction of real images that is accepted, by what it is called.
    """
    figure, ax = plt.subplots(figsize=(5.2, 3.2))
    for model, own in table.groupby("model"):
        style = MODEL_STYLE[str(model)]
        for _, seed in own.groupby("seed"):
            ax.plot(seed["group"], seed["accepted"], color=style["color"], alpha=0.35, linewidth=1.0)
        mean = own.groupby("group")["accepted"].mean()
        ax.plot(mean.index, mean, **style, markersize=5, label=TITLES[str(model)])
    for label, share in bounds.items():
        ax.axhline(share, color=DATA_COLOR, linestyle="dashed", linewidth=1.0, label=label)
    ax.set_xlabel("tenth of the samples by NLL, densest first")
    ax.set_ylabel("fraction accepted by the judge")
    ax.set_ylim(0, 1.02)
    ax.set_xticks(sorted(table["group"].unique()))
    ax.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def plot_sensitivity(table: pd.DataFrame) -> Figure:
    """Fraction of the pairs in which each statement holds: a row for each statement, a column for each setting.

    Args:
        table: of :func:`~geodreg.paper.trial.sensitivity.sensitivity`.
    """
    parameters = [name for name in PARAMETERS if (table["parameter"] == name).any()]
    size = (1.9 * len(parameters), 1.5 * len(STATEMENTS) + 0.4)
    figure, axes = plt.subplots(
        len(STATEMENTS), len(parameters), figsize=size, sharey=True, sharex="col", squeeze=False
    )
    for column, parameter in enumerate(parameters):
        chosen = table[table["parameter"] == parameter]
        values = sorted(chosen["value"].unique(), key=lambda value: (isinstance(value, str), value))
        position = {value: index for index, value in enumerate(values)}
        for row, statement in enumerate(STATEMENTS):
            ax = axes[row, column]
            for model, own in chosen[chosen["statement"] == statement].groupby("model"):
                x, y = zip(*sorted(zip(own["value"].map(position), own["share"], strict=True)), strict=True)
                ax.plot(x, y, **MODEL_STYLE[str(model)], markersize=5, label=TITLES[str(model)],
                        linestyle="none" if parameter == "activation" else "solid")  # fmt: skip
            ax.axhline(0.5, color="black", linestyle="dashed", linewidth=0.8)
            ax.set_ylim(-0.04, 1.04)
            ax.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
            ax.set_xticks(range(len(values)), [f"{v:g}" if isinstance(v, float | int) else v for v in values])
            ax.set_xlim(-0.4, len(values) - 0.6)
            ax.tick_params(axis="x", labelsize=8, rotation=45 if parameter in ("mu", "activation") else 0)
            ax.tick_params(axis="y", labelsize=8)
            if column == 0:
                ax.set_title(STATEMENTS[statement], loc="left", fontsize=10)
        axes[-1, column].set_xlabel(PARAMETERS[parameter])
    axes[0, -1].legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, fontsize=8, loc="lower right")
    figure.tight_layout(h_pad=0.4)
    return figure
