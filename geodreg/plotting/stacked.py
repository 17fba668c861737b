"""A figure whose panels stand in a row, for a screen that is too narrow for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.legend import Legend

__all__ = ["stack"]

WIDTH = 4.1  # inches; on a telephone, letters of 8 points are 9 pixels high then
HIGHEST = 0.7  # height of a panel over its width; more where pictures fill it, without a bar of colours beside them
COLUMNS = 2  # of a legend of all panels, at most


def stack(figure: Figure) -> bool:
    """Put the panels of a figure one below the other, for a narrow screen, and say whether it has a row of them.

    The figure itself is changed. Panels keep their proportions, but for high ones; those with a common axis get its
    labels and ticks, and a legend of the whole figure stands above them in two columns. A figure of one panel, or of
    several rows, stays as it is.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.0), layout="constrained")
        >>> stack(figure), [round(float(inches), 2) for inches in figure.get_size_inches()]
        (True, [4.1, 5.74])
        >>> stack(figure)
        False
        >>> plt.close(figure)
    """
    places = {ax: place for ax in figure.axes if (place := ax.get_subplotspec()) is not None}
    panels = list(places)
    if len(panels) < 2 or any(_grid(place) != (1, len(panels)) for place in places.values()):
        return False
    width, height = figure.get_size_inches()
    label = panels[0].get_ylabel()
    rows = figure.add_gridspec(len(panels), 1)
    for index, ax in enumerate(panels):
        ax.set_subplotspec(rows[index, 0])
        if ax is not panels[0] and ax.get_shared_y_axes().joined(ax, panels[0]):
            ax.tick_params(axis="y", labelleft=True)
            ax.set_ylabel(ax.get_ylabel() or label)
    are_pictures = len(panels) == len(figure.axes) and all(ax.get_aspect() != "auto" for ax in panels)
    highest = 1.0 if are_pictures else HIGHEST
    figure.set_size_inches(WIDTH, len(panels) * WIDTH * min(highest, height * len(panels) / width))
    for legend in list(figure.legends):
        _in_columns(figure, legend)
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.tight_layout()
    figure.draw_without_rendering()
    figure.draw_without_rendering()  # colorbars find their places in the second one
    return True


def _in_columns(figure: Figure, legend: Legend) -> None:
    """Put another legend above the panels, in as many columns as fit, since those of a legend stay as they are."""
    handles = [handle for handle in legend.legend_handles if handle is not None]
    texts = legend.get_texts()
    for columns in range(min(COLUMNS, len(texts)), 0, -1):
        another = figure.legend(
            handles,
            [text.get_text() for text in texts],
            loc="outside upper center",
            frameon=legend.get_frame_on(),
            ncols=columns,
            title=legend.get_title().get_text() or None,
            fontsize=texts[0].get_fontsize(),
            handlelength=legend.handlelength,
            handletextpad=legend.handletextpad,
            columnspacing=legend.columnspacing,
        )
        if columns == 1 or another.get_window_extent().width <= figure.bbox.width:
            break
        another.remove()
    legend.remove()


def _grid(panel: SubplotSpec) -> tuple[int, int]:
    """Rows and columns of the grid that a panel stands in."""
    grid = panel.get_gridspec()
    return grid.nrows, grid.ncols
