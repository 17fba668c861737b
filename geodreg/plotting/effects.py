"""Effects with their intervals, a strip each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from geodreg.plotting.style import DATA_COLOR, MODEL_COLOR

if TYPE_CHECKING:
    from geodreg.paper.verdict.effects import Effect

__all__ = ["plot_effects"]

HEIGHT, WIDTH, TEXT = 0.6, 7.4, 40  # inches a strip and altogether, characters in a line of the label


def plot_effects(effects: Sequence[Effect]) -> Figure:
    """A strip for each effect: every seed, mean, 95 % interval (thick) and corrected one (thin), bound (dashed).

    Args:
        effects: those of one claim; such without data are left out.
    """
    shown = [effect for effect in effects if effect.seeds]
    figure, axes = plt.subplots(len(shown), 1, figsize=(WIDTH, HEIGHT * len(shown) + 0.3), squeeze=False)
    for ax, effect in zip(axes[:, 0], shown, strict=True):
        seeds = list(effect.seeds.values()) if effect.test.versus is None else []
        ax.plot(effect.corrected, [0, 0], color=MODEL_COLOR, linewidth=1.0)
        ax.plot(effect.interval, [0, 0], color=MODEL_COLOR, linewidth=4.0, alpha=0.5, solid_capstyle="butt")
        ax.plot(seeds, [0] * len(seeds), "|", color=DATA_COLOR, markersize=13, markeredgewidth=1.4)
        ax.plot(effect.value, 0, "D", color=MODEL_COLOR, markersize=5)
        ax.axvline(effect.test.bound, color="black", linestyle="dashed", linewidth=1.0)
        label = textwrap.fill(f"{effect.test.what}: {effect.title}", TEXT)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8.5)
        ax.set_yticks([])
        ax.set_ylim(-1, 1)
        ax.margins(x=0.08)
        ax.spines["left"].set_visible(False)
        ax.tick_params(labelsize=8)
    figure.tight_layout(h_pad=0.2)
    return figure
