"""Effects with their intervals, a strip each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from geodreg.paper.trial.definitions import METHODS
from geodreg.plotting.style import DATA_COLOR, MODEL_COLOR

if TYPE_CHECKING:
    from geodreg.paper.trial.effects import Effect

__all__ = ["plot_effects"]

FRACTION, MARGIN = "fraction", 0.04
HEIGHT, WIDTH, TEXT = 0.75, 7.4, 44  # inches a strip and altogether, characters in a line of the label
NARROW_HEIGHT, NARROW_WIDTH = 1.15, 3.5  # for telephones, where the label stands above its strip


def plot_effects(effects: Sequence[Effect], *, narrow: bool = False) -> Figure:
    """A strip for each effect: every seed, mean, plain 95 % interval, bound (dashed), of the part on which it hangs.

    Strips of one quantity have one scale; that of fractions goes from none to all.

    Args:
        effects: those of one claim; such without data are left out, and if all are, a line of text says so.
        narrow: for telephones, the labels above the strips.
    """
    shown = [effect for effect in effects if effect.parts]
    height, width = (NARROW_HEIGHT, NARROW_WIDTH) if narrow else (HEIGHT, WIDTH)
    if not shown:
        figure, ax = plt.subplots(figsize=(width, height))
        ax.axis("off")
        ax.text(0.5, 0.5, "not measured yet", ha="center", va="center", color="dimgrey", transform=ax.transAxes)
        return figure
    figure, axes = plt.subplots(len(shown), 1, figsize=(width, height * len(shown) + 0.3), squeeze=False)
    scales: dict[str, tuple[float, float]] = {}
    for effect in shown:
        low, high = _extent(effect)
        before = scales.get(_quantity(effect), (low, high))
        scales[_quantity(effect)] = min(low, before[0]), max(high, before[1])
    for ax, effect in zip(axes[:, 0], shown, strict=True):
        part = effect.decisive
        seeds = list(part.seeds.values()) if effect.test.versus is None else []
        ax.plot(part.interval, [0, 0], color=MODEL_COLOR, linewidth=4.0, alpha=0.5, solid_capstyle="butt")
        ax.plot(seeds, [0] * len(seeds), "|", color=DATA_COLOR, markersize=13, markeredgewidth=1.4)
        ax.plot(part.value, 0, "D", color=MODEL_COLOR, markersize=5)
        ax.axvline(effect.test.bound, color="black", linestyle="dashed", linewidth=1.0)
        named = ", ".join(filter(None, [effect.title, METHODS.get(effect.test.method or ""), part.name]))
        label = textwrap.fill(f"{effect.test.what}: {named}", TEXT)
        if narrow:
            ax.set_title(label, loc="left", fontsize=8.5)
        else:
            ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8.5)
        ax.set_yticks([])
        ax.set_ylim(-1, 1)
        low, high = (0.0, 1.0) if _quantity(effect) == FRACTION else scales[_quantity(effect)]
        ax.set_xlim(low - MARGIN * (high - low), high + MARGIN * (high - low))
        ax.spines["left"].set_visible(False)
        ax.tick_params(labelsize=8)
    figure.tight_layout(h_pad=0.2)
    return figure


def _extent(effect: Effect) -> tuple[float, float]:
    """From the least to the greatest of all that is drawn of an effect."""
    part = effect.decisive
    drawn = [*part.interval, part.value, effect.test.bound]
    drawn += [] if effect.test.versus is not None else part.seeds.values()
    return min(drawn), max(drawn)


def _quantity(effect: Effect) -> str:
    """What is measured, without the weight; fractions are of one kind whatever they are of."""
    low, high = _extent(effect)
    if 0.0 < effect.test.bound < 1.0 and low >= 0.0 and high <= 1.0:
        return FRACTION
    return effect.test.what.split(", mu =")[0]
