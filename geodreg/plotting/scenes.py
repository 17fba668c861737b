"""Images side by side."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

__all__ = ["plot_rows"]


def plot_rows(rows: Mapping[str, Tensor], low: float = 0.0, high: float = 1.0) -> Figure:
    """Rows of images ``(n, h, w)`` by name, bright for high values."""
    n = max(len(images) for images in rows.values())
    figure, grid = plt.subplots(len(rows), n, figsize=(9.0, 1.0 * len(rows)), layout="constrained", squeeze=False)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image, cmap="gray", vmin=low, vmax=high)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure
