"""Figure 3: strips of images, lengths, and density along paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path as MplPath
from torch import Tensor

from geodreg.interpolation.paths import Paths
from geodreg.paper.labels import names_of
from geodreg.plotting.style import HATCHES, METHOD_STYLE

__all__ = ["plot_each", "plot_interpolations", "plot_nine", "plot_strips"]

SIZES = ("font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
TICK = MplPath([(-0.9, 0.0), (-0.3, -0.7), (0.9, 0.8)])
ACCEPTED, REJECTED = "#1f6fb2", "#b3261e"
N_NLL = 200  # points of a path at which its nll is drawn
LEVELS = 63  # above zero, of each colour in strips; more are not seen, and make a file half as large again


def plot_interpolations(
    paths: Mapping[str, Paths],
    pairs: Sequence[int],
    n_images: int = 12,
    cmap: str = "gray_r",
    accepts: Callable[[Tensor], Tensor] | None = None,
    is_narrow: bool = False,
) -> Figure:
    """Figure 3's panels: for each pair strips of images, lengths as bars beside them, and the nll along the paths.

    Each panel's grey values are stretched alike, from its least to its greatest.

    Args:
        paths: paths of grey images ``(P, K, h, w)`` by method.
        pairs: which of the ``P`` pairs to show, a panel each.
        n_images: images of a strip, evenly spaced by arc length.
        cmap: ``"gray_r"`` for ink on paper, ``"gray"`` for light.
        accepts: a judge of images ``(n, h, w)``, whose marks ``(n,)`` stand under them.
        is_narrow: for a column or a telephone.
    """
    return _plot_panels(paths, _nll_curves(paths, pairs), n_images, cmap, accepts, is_narrow)


def _nll_curves(paths: Mapping[str, Paths], pairs: Sequence[int]) -> list[tuple[int, dict[str, Tensor]]]:
    """Pairs, each with the nll along its paths by method, ``(n,)``."""
    along = {method: of_all[list(pairs)].resample(N_NLL).nll.cpu() for method, of_all in paths.items()}
    return [(pair, {method: of_all[place] for method, of_all in along.items()}) for place, pair in enumerate(pairs)]


def _plot_panels(
    paths: Mapping[str, Paths],
    curves: Sequence[tuple[int, Mapping[str, Tensor]]],
    n_images: int,
    cmap: str,
    accepts: Callable[[Tensor], Tensor] | None,
    is_narrow: bool,
) -> Figure:
    """A panel for each pair, whose nll along the paths is given."""
    place = _Places.of(is_narrow, len(paths), n_images, accepts is not None)
    figure = plt.figure(figsize=(place.width, place.panel * len(curves) + place.legend))
    sizes: dict[Any, float] = dict.fromkeys(SIZES, place.text)
    with plt.rc_context(sizes):
        for row, (pair, nll) in enumerate(curves):
            axes = _plot_panel(figure, place, row * place.panel, paths, pair, nll, n_images, cmap, accepts)
        handles, labels = axes.get_legend_handles_labels()
        columns = 2 if is_narrow else len(labels)
        figure.legend(handles, labels, frameon=False, ncols=columns, loc="lower center", handlelength=3.2)
    return figure


def plot_each(
    paths: Mapping[str, Paths],
    pairs: Sequence[int],
    text: str,
    n_images: tuple[int, int] = (12, 7),
    cmap: str = "gray_r",
    accepts: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, tuple[Figure, Figure]]:
    """Figure 3's panels as drawings of their own, numbered, each for wide screens and for narrow ones.

    Args:
        paths: paths of grey images ``(P, K, h, w)`` by method.
        pairs: which of the ``P`` pairs to show.
        text: what is said of a panel to whom it is not shown, with ``{}`` for its number.
        n_images: images of a strip, wide and narrow.
        cmap: as for :func:`plot_interpolations`.
        accepts: as there.

    Returns:
        both drawings of each panel, by what is said of it.
    """

    def drawn(number: int, pair: int, curves: Mapping[str, Tensor], *, is_narrow: bool) -> Figure:
        figure = _plot_panels(paths, [(pair, curves)], n_images[is_narrow], cmap, accepts, is_narrow)
        figure.text(0.005, 0.995, str(number), fontsize="large", fontweight="bold", va="top")
        return figure

    measured = enumerate(_nll_curves(paths, pairs), start=1)
    return {
        text.format(number): (drawn(number, pair, curves, is_narrow=False), drawn(number, pair, curves, is_narrow=True))
        for number, (pair, curves) in measured
    }


def plot_nine(
    models: Mapping[str, tuple[Mapping[str, Paths], str, Callable[[Tensor], Tensor] | None]],
    n_pairs: int = 3,
    n_images: int = 7,
) -> dict[str, Figure]:
    """The whole of Figure 3: a column for each model, a panel in it for each of its first pairs.

    Args:
        models: by title, paths by method, colour map and judge, as for :func:`plot_interpolations`.
        n_pairs: panels of each model.
        n_images: images of a strip.

    Returns:
        the columns by title.
    """
    columns = {}
    for title, (paths, cmap, accepts) in models.items():
        columns[title] = plot_interpolations(paths, range(n_pairs), n_images, cmap, accepts, is_narrow=True)
        columns[title].axes[0].set_title(title, fontsize="large")
    return columns


def plot_strips(
    images: Mapping[str, Tensor],
    notes: Mapping[str, Sequence[str]] | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
    cmap: str = "gray_r",
) -> Figure:
    """Strips of images, grey or in colour, a panel for each pair and a row for each method.

    Args:
        images: by method, grey ``(P, n, h, w)`` or in colour ``(P, n, 3, h, w)``; a method may have fewer pairs, the
            first ones, and then has no row in the other panels.
        notes: by method, a note of each pair, which stands to the right of its row.
        limits: least and greatest value of a pixel; what lies beyond is shown as these.
        cmap: for grey images.
    """
    n_pairs = max(map(len, images.values()))
    shown = [[method for method in images if pair < len(images[method])] for pair in range(n_pairs)]
    names = names_of(images)
    heights = [len(methods) for methods in shown]
    n = max(strips.shape[1] for strips in images.values())
    figure, grid = plt.subplots(
        n_pairs, 1, figsize=(9.0, 6.6 * sum(heights) / n + 0.2 * n_pairs),
        layout="constrained", squeeze=False, height_ratios=heights,
    )  # fmt: skip
    low, high = limits
    for pair, (axes, methods) in enumerate(zip(grid[:, 0], shown, strict=True)):
        scaled = [((images[method][pair] - low) / (high - low)).clamp(0.0, 1.0) for method in methods]
        picture = np.concatenate([_strip((strip * LEVELS).round() / LEVELS) for strip in scaled])
        axes.imshow(
            picture, cmap=plt.get_cmap(cmap).with_extremes(bad=(0, 0, 0, 0)), vmin=0.0, vmax=1.0, interpolation="none"
        )
        height = len(picture) / len(methods)
        axes.set_yticks(
            [(place + 0.5) * height for place in range(len(methods))], [names[method] for method in methods]
        )
        for place, (label, method) in enumerate(zip(axes.get_yticklabels(), methods, strict=True)):
            label.set_color(METHOD_STYLE[method]["color"])
            if notes is not None:
                beside = (picture.shape[1] * 1.01, (place + 0.5) * height)
                axes.text(*beside, notes[method][pair], va="center")
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


@dataclass(frozen=True)
class _Places:
    """Where the parts of a panel stand, in inches, and how large their text is, in points."""

    width: float
    text: float
    left: float  # of the strips, where their names end
    strips: float  # width
    bars: float  # width
    row: float  # height of a strip with its marks
    mark: float  # height of the marks
    strips_high: float
    panel: float  # height
    legend: float  # height

    @staticmethod
    def of(is_narrow: bool, n_methods: int, n_images: int, is_judged: bool) -> _Places:
        # The smallest text is read at 9 pixels or more: a wide drawing is shown at 0.74 of its
        # natural size or more, a narrow one at 0.65.
        width, text, left, bars = (4.7, 10.5, 1.1, 0.7) if is_narrow else (9.0, 9.5, 1.15, 1.2)
        strips = width - left - bars - 0.3
        mark = 0.17 if is_judged else 0.0
        row = strips / n_images + mark
        legend = 0.22 * -(-n_methods // 2) + 0.15 if is_narrow else 0.35
        return _Places(
            width,
            text,
            left,
            strips,
            bars,
            row,
            mark,
            row * n_methods,
            row * n_methods + 0.4 + 0.55 + 1.0 + 0.6,
            legend,
        )


def _plot_panel(
    figure: Figure,
    place: _Places,
    above: float,
    paths: Mapping[str, Paths],
    pair: int,
    nll: Mapping[str, Tensor],
    n_images: int,
    cmap: str,
    accepts: Callable[[Tensor], Tensor] | None,
) -> Axes:
    """Draw one panel, so many inches below the top of the figure."""
    width, height = figure.get_size_inches()

    def add(left: float, top: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / width, 1 - (above + top + high) / height, wide / width, high / height))

    strips = add(place.left, 0.4, place.strips, place.strips_high)
    bars = add(place.left + place.strips + 0.1, 0.4, place.bars, place.strips_high)
    curves = add(place.left, 0.4 + place.strips_high + 0.55, place.strips + 0.1 + place.bars, 1.0)
    names = names_of(paths)
    shown = {method: of_all[pair].resample(n_images).x for method, of_all in paths.items()}
    low, high = (float(limit) for limit in torch.stack(list(shown.values())).aminmax())
    position = torch.linspace(0, 1, N_NLL)
    for line, (method, images) in enumerate(shown.items()):
        path, color = paths[method][pair], METHOD_STYLE[method]["color"]
        picture = _strip((((images - low) / (high - low)) * LEVELS).round() / LEVELS)
        bottom = line + 1 - place.mark / place.row  # below stand the judge's marks
        strips.imshow(
            picture, extent=(0, n_images, bottom, line), cmap=plt.get_cmap(cmap).with_extremes(bad=(0, 0, 0, 0)),
            vmin=0.0, vmax=1.0, interpolation="none", aspect="auto",
        )  # fmt: skip
        if accepts is not None:
            marks = accepts(images).cpu().numpy()
            x, y = np.arange(n_images) + 0.5, np.full(n_images, (bottom + line + 1) / 2)
            style: dict[str, Any] = {
                "linestyle": "",
                "markersize": 5.5,
                "markerfacecolor": "none",
                "markeredgewidth": 1.3,
            }
            strips.plot(x[marks], y[marks], marker=TICK, color=ACCEPTED, clip_on=False, **style)
            strips.plot(x[~marks], y[~marks], marker="x", color=REJECTED, clip_on=False, **style)
        length = path.length.item()
        bars.barh(line + 0.45, length, 0.62, color="white", edgecolor=color, hatch=HATCHES[method], linewidth=1.5)
        bars.annotate(f"{length:.1f}", (length, line + 0.45), (3, 0), textcoords="offset points", va="center")
        curves.plot(position, nll[method], label=names[method], **METHOD_STYLE[method])
    strips.set(xlim=(0, n_images), ylim=(len(paths), 0), xticks=[])
    broken = [names[method].replace(" (", "\n(") for method in paths]  # there is little room
    strips.set_yticks([place + 0.45 for place in range(len(paths))], broken)
    for label, method in zip(strips.get_yticklabels(), paths, strict=True):
        label.set_color(METHOD_STYLE[method]["color"])
    strips.tick_params(length=0)
    strips.spines[:].set_visible(False)
    bars.set(ylim=(len(paths), 0), yticks=[], xlabel="length")
    bars.margins(x=0.6 if place.bars < 1 else 0.3)
    bars.locator_params(axis="x", nbins=1 if place.bars < 1 else 3)
    curves.set(xlabel="fraction of the path's length", ylabel="NLL (nats)", xlim=(0, 1))
    curves.locator_params(axis="y", nbins=4)
    return curves


def _strip(images: Tensor, share: float = 0.04) -> np.ndarray:
    """Images side by side in one array, each with a border a fraction of its height wide.

    Grey ones ``(n, h, w)`` give ``(h', w')`` with a border of no value; those in colour ``(n, 3, h, w)`` give
    ``(h', w', 4)`` with a border that is transparent.
    """
    border = max(1, round(share * images.shape[-2]))
    if images.ndim == 4:
        opaque = torch.cat([images, torch.ones_like(images[:, :1])], dim=1).movedim(1, -1).cpu().numpy()
        return np.concatenate([np.pad(image, ((border,) * 2, (border,) * 2, (0, 0))) for image in opaque], axis=1)
    framed = [np.pad(image, border, constant_values=np.nan) for image in images.cpu().numpy()]
    return np.concatenate(framed, axis=1)
