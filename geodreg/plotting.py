"""The figures of the book, from paths and manifolds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from mpl_toolkits.mplot3d.axes3d import Axes3D
from torch import Tensor

from geodreg.comparison import NAMES
from geodreg.manifold import LatentManifold
from geodreg.paths import Paths

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "METHOD_STYLE",
    "plot_curves",
    "plot_density",
    "plot_diagram",
    "plot_grid",
    "plot_interpolations",
    "plot_points",
    "plot_sheet",
    "use_house_style",
]

METHOD_STYLE: dict[str, dict[str, Any]] = {
    "geodreg": {"color": "#2a8c4a", "linestyle": "dashdot"},
    "geodesic": {"color": "#c8372d", "linestyle": "dotted"},
    "straight": {"color": "#2b61a8", "linestyle": "solid"},
}
"""The paper's colours and line styles, so that the figures compare at a glance and without colour."""

HATCHES = {"geodreg": "///", "geodesic": "...", "straight": ""}


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


def plot_points(axes: Axes, x: Tensor, title: str, color: str = "#2b61a8") -> None:
    """Points of the plane, ``(n, 2)``."""
    axes.plot(*x.T.numpy(), ".", color=color, markersize=2, alpha=0.5, rasterized=True)
    axes.set_aspect("equal")
    axes.set_title(title)


def plot_grid(axes: Axes, manifold: LatentManifold, extent: float, n_lines: int = 25) -> None:
    """Image of a square grid of the latent plane under a double-precision generator of the plane."""
    lines = torch.linspace(-extent, extent, n_lines, dtype=torch.float64)
    fine = torch.linspace(-extent, extent, 20 * n_lines, dtype=torch.float64)
    for fixed in lines:
        for z in (torch.stack([fixed.expand_as(fine), fine], -1), torch.stack([fine, fixed.expand_as(fine)], -1)):
            x = manifold.generate(z)
            axes.plot(*x.T.numpy(), color="#c8372d", linewidth=0.5, alpha=0.7)
    axes.set_aspect("equal")


def plot_density(axes: Axes, manifold: LatentManifold, extent: float, n: int = 201) -> None:
    """Log-density of a double-precision model at the images of latent points, over the latent plane."""
    line = torch.linspace(-extent, extent, n, dtype=torch.float64)
    z = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    image = axes.imshow(
        -manifold.nll(z).detach().numpy(),
        extent=(-extent, extent, -extent, extent),
        origin="lower",
        cmap="viridis",
        vmin=-6.0,
        vmax=0.0,
        interpolation="bilinear",
    )
    axes.figure.colorbar(image, ax=axes, label=r"$\log p(x(z))$", shrink=0.8)


def plot_curves(axes: Axes, paths: Mapping[str, Paths], pair: int, in_latent: bool = False, n: int = 300) -> None:
    """Paths of each method between one pair of ends, in a latent plane or in a data plane."""
    for method, path in paths.items():
        profile = path.resample(n)
        points = (profile.z if in_latent else profile.x)[pair]
        axes.plot(*points.T.numpy(), label=NAMES[method], **METHOD_STYLE[method])
    axes.plot(*points[[0, -1]].T.numpy(), "o", color="black", markersize=4)
    axes.set_aspect("equal")


def plot_interpolations(paths: Mapping[str, Paths], pairs: Sequence[int], n_images: int = 12) -> Figure:
    """Figure 3's panels: for each pair the lengths as bars, strips of images, and the nll along the paths.

    Args:
        paths: paths of grey images ``(P, K, h, w)`` by method.
        pairs: which of the ``P`` pairs to show, a panel each.
        n_images: images of a strip, evenly spaced by arc length.
    """
    figure = plt.figure(figsize=(9.0, 3.9 * len(pairs)), layout="constrained")
    panels = figure.subfigures(len(pairs), 1, squeeze=False, hspace=0.06)[:, 0]
    for panel, pair in zip(panels, pairs, strict=True):
        _plot_panel(panel, paths, pair, n_images)
    return figure


def _plot_panel(panel: SubFigure, paths: Mapping[str, Paths], pair: int, n_images: int) -> None:
    bars, strips, curves = panel.subplot_mosaic(
        [["bars", "strips"], ["bars", "nll"]], width_ratios=[1, 4.2], height_ratios=[1.55, 1]
    ).values()
    rows = []
    for place, (method, path) in enumerate(paths.items()):
        color = METHOD_STYLE[method]["color"]
        length = path.length[pair].item()
        bars.bar(place, length, color="white", edgecolor=color, hatch=HATCHES[method], linewidth=1.5)
        bars.text(place, length, f"{length:.1f}", ha="center", va="bottom", fontsize="small")
        rows.append(_strip(path.resample(n_images).x[pair]))
        profile = path.resample(200)
        position = torch.linspace(0, 1, 200)
        curves.plot(position, profile.nll[pair], label=NAMES[method], **METHOD_STYLE[method])
    bars.set_xticks(range(len(paths)), [NAMES[method] for method in paths], rotation=60, ha="right")
    bars.set_ylabel("length in data space")
    bars.margins(y=0.1)
    picture = np.concatenate(rows)
    strips.imshow(picture, cmap="gray_r", vmin=0.0, vmax=1.0, aspect="equal", interpolation="nearest")
    height = len(picture) / len(paths)
    strips.set_yticks([(place + 0.5) * height for place in range(len(paths))], [NAMES[method] for method in paths])
    for label, method in zip(strips.get_yticklabels(), paths, strict=True):
        label.set_color(METHOD_STYLE[method]["color"])
    strips.set_xticks([])
    strips.tick_params(length=0)
    strips.spines[:].set_visible(False)
    curves.set_xlabel("share of the path's length")
    curves.set_ylabel("NLL (nats)")
    curves.set_xlim(0, 1)
    curves.legend(frameon=False, ncols=len(paths), loc="upper center", bbox_to_anchor=(0.5, 1.22), fontsize="small")


def _strip(images: Tensor, border: int = 1) -> np.ndarray:
    """Images ``(n, h, w)`` side by side in one array, with a white border around each."""
    return np.concatenate([np.pad(image, border) for image in images.cpu().numpy()], axis=1)


def plot_diagram(axes: Axes, diagram: pd.DataFrame, title: str) -> None:
    """Persistence diagram: birth and death of components and holes."""
    top = 1.1 * diagram["death"].max()
    axes.plot([0, top], [0, top], color="grey", linewidth=0.8)
    for dimension, marker, color in ((0, ".", "#8a8a8a"), (1, "^", "#2b61a8")):
        part = diagram[diagram["dimension"] == dimension]
        label = ("components", "holes")[dimension]
        axes.plot(part["birth"], part["death"], marker, color=color, markersize=5, alpha=0.7, label=label)
    axes.set(xlabel="birth", ylabel="death", title=title, xlim=(0, top), ylim=(0, top))
    axes.set_aspect("equal")


def plot_sheet(axes: Axes3D, manifold: LatentManifold, extent: float, color: str, n: int = 60) -> None:
    """A surface in space, the image of a disc of the latent plane, as a translucent sheet (axes in 3-D)."""
    radii = torch.linspace(0, extent, n, dtype=torch.float64)
    angles = torch.linspace(0, 2 * torch.pi, 2 * n, dtype=torch.float64)
    radius, angle = torch.meshgrid(radii, angles, indexing="ij")
    z = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)
    x = manifold.generate(z).numpy()
    axes.plot_surface(x[..., 0], x[..., 1], x[..., 2], color=color, alpha=0.25, linewidth=0, rstride=4, cstride=8)
    axes.plot_wireframe(x[..., 0], x[..., 1], x[..., 2], color=color, alpha=0.35, linewidth=0.5, rstride=8, cstride=8)
