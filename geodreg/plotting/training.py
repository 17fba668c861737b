"""Quality against training time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from geodreg.plotting.style import DATA_COLOR, MODEL_COLOR

__all__ = ["plot_acceptance"]


def plot_acceptance(milestones: Mapping[str, Sequence[float]], real: float) -> Figure:
    """Share of samples that the judge accepts against seconds of training, below that of real digits.

    Args:
        milestones: columns ``seconds`` and ``accepted`` of a model card.
        real: share of real test digits that the judge accepts.
    """
    figure, axes = plt.subplots(figsize=(6.0, 2.8), layout="constrained")
    axes.plot(milestones["seconds"], milestones["accepted"], "o-", color=MODEL_COLOR, markersize=4, label="samples")
    axes.axhline(real, color=DATA_COLOR, linestyle="--", label="real test digits")
    axes.axhline(0.85 * real, color=DATA_COLOR, linestyle=":", label="0.85 of that")
    axes.set(xlabel="seconds of training", ylabel="share accepted", ylim=(0, 1))
    axes.legend(frameon=False)
    return figure
