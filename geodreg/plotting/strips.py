"""Figure 3: strips of images, lengths, and density along paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from geodreg.interpolation.paths import Paths
from geodreg.paper.labels import names_of
from geodreg.plotting.style import HATCHES, METHOD_STYLE

__all__ = ["plot_interpolations", "plot_nine", "plot_strips"]

N_PAPER = 3  # strips of a panel in the paper; more make it higher
LEVELS = 63  # above zero, of each colour in strips; more are not seen, and make a file half as large again


def plot_interpolations(
    paths: Mapping[str, Paths], pairs: Sequence[int], n_images: int = 12, cmap: str = "gray_r"
) -> Figure:
    """Figure 3's panels: for each pair the lengths as bars, strips of images, and the nll along the paths.

    Args:
        paths: paths of grey images ``(P, K, h, w)`` by method.
        pairs: which of the ``P`` pairs to show, a panel each.
        n_images: images of a strip, evenly spaced by arc length.
        cmap: ``"gray_r"`` for ink on paper, ``"gray"`` for light.
    """
    height = 3.9 + 0.7 * max(0, len(paths) - N_PAPER)
    figure = plt.figure(figsize=(9.0, height * len(pairs)), layout="constrained")
    panels = figure.subfigures(len(pairs), 1, squeeze=False, hspace=0.06)[:, 0]
    for panel, pair in zip(panels, pairs, strict=True):
        curves = _plot_panel(panel, paths, pair, n_images, cmap)
        curves.legend(
            frameon=False, ncols=len(paths), loc="upper center", bbox_to_anchor=(0.47, 1.24), fontsize="small"
        )
    return figure


def plot_nine(models: Mapping[str, tuple[Mapping[str, Paths], str]], n_pairs: int = 3, n_images: int = 7) -> Figure:
    """The whole of Figure 3: a column for each model, a panel for each of its first pairs.

    Args:
        models: by title, paths by method and colour map, as for :func:`plot_interpolations`.
        n_pairs: panels of each model.
        n_images: images of a strip.
    """
    n_methods = max(len(paths) for paths, _ in models.values())
    height = 3.1 + 0.55 * max(0, n_methods - N_PAPER)
    figure = plt.figure(figsize=(4.6 * len(models), height * n_pairs), layout="constrained")
    panels = figure.subfigures(n_pairs, len(models), squeeze=False, wspace=0.04, hspace=0.05)
    for column, (title, (paths, cmap)) in zip(panels.T, models.items(), strict=True):
        for pair, panel in enumerate(column):
            curves = _plot_panel(panel, paths, pair, n_images, cmap, compact=True)
        column[0].suptitle(title, fontsize="large")
    handles, labels = curves.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=len(labels), loc="outside lower center", handlelength=4)
    return figure


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
            picture, cmap=plt.get_cmap(cmap).with_extremes(bad="white"), vmin=0.0, vmax=1.0, interpolation="none"
        )
        height = len(picture) / len(methods)
        axes.set_yticks(
            [(place + 0.5) * height for place in range(len(methods))], [names[method] for method in methods]
        )
        for place, (label, method) in enumerate(zip(axes.get_yticklabels(), methods, strict=True)):
            label.set_color(METHOD_STYLE[method]["color"])
            if notes is not None:
                beside = (picture.shape[1] * 1.01, (place + 0.5) * height)
                axes.text(*beside, notes[method][pair], va="center", fontsize="small")
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


def _plot_panel(
    panel: SubFigure, paths: Mapping[str, Paths], pair: int, n_images: int, cmap: str, compact: bool = False
) -> Axes:
    """Draw one panel; a compact one leaves the names of the bars to the legend."""
    is_crowded = len(paths) > N_PAPER
    bars, strips, curves = panel.subplot_mosaic(
        [["bars", "strips"], ["bars", "nll"]],
        width_ratios=[1.3 if is_crowded else 1.0, 4.2],
        height_ratios=[1.55 * max(1.0, len(paths) / N_PAPER), 1],
    ).values()
    rows, names = [], names_of(paths)
    broken = [names[method].replace(", ", ",\n") for method in paths]  # where there is little room
    note: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": "xx-small" if compact else "small"}
    note |= {"rotation": 90} if compact and is_crowded else {}
    for place, (method, of_all_pairs) in enumerate(paths.items()):
        path, color = of_all_pairs[pair], METHOD_STYLE[method]["color"]
        length = path.length.item()
        bars.bar(place, length, color="white", edgecolor=color, hatch=HATCHES[method], linewidth=1.5)
        bars.text(place, length, f"{length:.1f}", **note)
        rows.append(_strip(path.resample(n_images).x))
        position = torch.linspace(0, 1, 200)
        curves.plot(position, path.resample(200).nll.cpu(), label=names[method], **METHOD_STYLE[method])
    if compact:
        bars.set_xticks([])
    elif is_crowded:
        bars.set_xticks(range(len(paths)), broken, rotation=90)
    else:
        bars.set_xticks(range(len(paths)), broken, rotation=60, ha="right")
    bars.set_ylabel("length in data space")
    bars.margins(y=0.2 if "rotation" in note else 0.1)
    picture = np.concatenate(rows)
    low = min(0.0, float(np.nanmin(picture)))
    strips.imshow(
        picture, cmap=plt.get_cmap(cmap).with_extremes(bad="white"), vmin=low, vmax=1.0, interpolation="nearest"
    )
    height = len(picture) / len(paths)
    strips.set_yticks([(place + 0.5) * height for place in range(len(paths))], broken)
    for label, method in zip(strips.get_yticklabels(), paths, strict=True):
        label.set_color(METHOD_STYLE[method]["color"])
    strips.set_xticks([])
    strips.tick_params(length=0)
    if is_crowded:
        strips.tick_params(labelsize="small")
    strips.spines[:].set_visible(False)
    curves.set_xlabel("fraction of the path's length")
    curves.set_ylabel("NLL (nats)")
    curves.set_xlim(0, 1)
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
