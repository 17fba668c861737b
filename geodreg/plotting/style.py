"""One look for all figures."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt

__all__ = ["BACKGROUND", "DATA_COLOR", "HATCHES", "METHOD_STYLE", "MODEL_COLOR", "MODEL_STYLE", "use_house_style"]

METHOD_STYLE: dict[str, dict[str, Any]] = {
    "geodreg": {"color": "#23803f", "linestyle": "dashdot"},
    "geodesic": {"color": "#c8372d", "linestyle": "dotted"},
    "straight": {"color": "#2b61a8", "linestyle": "solid"},
    "algorithm1": {"color": "#1c1c1c", "linestyle": (0, (5, 1.2, 1, 1.2, 1, 1.2))},
    "slerp": {"color": "#8a6508", "linestyle": "dashed"},
}
"""The paper's colours and line styles, and two more, so that the figures compare at a glance and without colour.

Labels have these colours too, so each contrasts with white as WCAG AA asks of text.
"""

DATA_COLOR, MODEL_COLOR = "#8a8a8a", "#7b5aa6"  # the methods' colours are for methods alone
MODEL_STYLE: dict[str, dict[str, Any]] = {  # where models share a panel
    "circle-gan": {"marker": "s", "color": DATA_COLOR},
    "mnist-dcgan": {"marker": "D", "color": "#b4517e"},
    "mnist-gan": {"marker": "o", "color": MODEL_COLOR},
    "mnist-vae": {"marker": "^", "color": "#16858c"},
    "yale-dcgan": {"marker": "v", "color": "#b3541e"},
}
BACKGROUND = 0.3  # opacity of data behind something else
HATCHES = {"geodreg": "///", "geodesic": "---", "straight": "", "algorithm1": "xxx", "slerp": "\\\\\\"}


def use_house_style() -> None:
    """One look for all figures; SVG that is the same, byte for byte, on every run."""
    import seaborn as sns

    sns.set_theme(context="notebook", style="ticks", font_scale=0.85)
    plt.rcParams.update(
        {
            "svg.hashsalt": "geodreg",
            "svg.fonttype": "path",
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "lines.linewidth": 1.8,
        }
    )
