"""The figures of the book, from paths and manifolds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from torch import Tensor

from geodreg.comparison import NAMES
from geodreg.manifold import LatentManifold
from geodreg.paths import Paths

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "METHOD_STYLE",
    "animate_solution",
    "latent_grid",
    "plot_curves",
    "plot_density",
    "plot_diagrams",
    "plot_grid",
    "plot_interpolations",
    "plot_mismatch",
    "plot_plane",
    "plot_points",
    "use_house_style",
]

METHOD_STYLE: dict[str, dict[str, Any]] = {
    "geodreg": {"color": "#2a8c4a", "linestyle": "dashdot"},
    "geodesic": {"color": "#c8372d", "linestyle": "dotted"},
    "straight": {"color": "#2b61a8", "linestyle": "solid"},
}
"""The paper's colours and line styles, so that the figures compare at a glance and without colour."""

DATA_COLOR, MODEL_COLOR = "#8a8a8a", "#7b5aa6"  # the methods' colours are for methods alone
BACKGROUND = 0.3  # opacity of data behind something else
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


def plot_points(axes: Axes, x: Tensor, title: str, alpha: float = 0.7) -> None:
    """Points of the plane, ``(n, 2)``."""
    axes.plot(*x.T.numpy(), ".", color=DATA_COLOR, markersize=2, alpha=alpha, rasterized=True)
    axes.set(aspect="equal", title=title, xlabel="$x_1$", ylabel="$x_2$")


def plot_grid(axes: Axes, manifold: LatentManifold, extent: float, n_lines: int = 25) -> None:
    """Image of a square grid of the latent plane under a double-precision generator of the plane."""
    lines = torch.linspace(-extent, extent, n_lines, dtype=torch.float64)
    fine = torch.linspace(-extent, extent, 20 * n_lines, dtype=torch.float64)
    for fixed in lines:
        for z in (torch.stack([fixed.expand_as(fine), fine], -1), torch.stack([fine, fixed.expand_as(fine)], -1)):
            axes.plot(*manifold.generate(z).T.numpy(), color=MODEL_COLOR, linewidth=0.5, alpha=0.8)
    axes.set_aspect("equal")


def latent_grid(extent: float, n: int) -> Tensor:
    """Points of a square grid of the latent plane in double precision, ``(n, n, 2)``."""
    line = torch.linspace(-extent, extent, n, dtype=torch.float64)
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)


def plot_density(axes: Axes, manifold: LatentManifold, extent: float, n: int = 201) -> None:
    """Log-density of a double-precision model at the images of latent points, over the latent plane."""
    log_density = -manifold.nll(latent_grid(extent, n)).detach().numpy()
    image = axes.imshow(
        log_density,
        extent=(-extent, extent, -extent, extent),
        origin="lower",
        cmap="viridis",
        vmin=np.quantile(log_density, 0.02),
        vmax=np.quantile(log_density, 0.995),
        interpolation="bilinear",
    )
    axes.figure.colorbar(image, ax=axes, label=r"$\log p(x(z))$ in nats", shrink=0.8)
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def plot_curves(axes: Axes, paths: Mapping[str, Paths], pair: int, in_latent: bool = False, n: int = 300) -> None:
    """Paths of each method between one pair of ends, in a latent plane or in a data plane."""
    for method in list(paths)[::-1]:  # the straight line below the others
        profile = paths[method].resample(n)
        points = (profile.z if in_latent else profile.x)[pair]
        line = axes.plot(*points.T.numpy(), label=NAMES[method], **METHOD_STYLE[method])[0]
        line.set_path_effects([Stroke(linewidth=3.2, foreground="white", alpha=0.5), Normal()])
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
        curves.plot(position, profile.nll[pair].cpu(), label=NAMES[method], **METHOD_STYLE[method])
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


def plot_plane(
    manifold: LatentManifold, data: Tensor, paths: Mapping[str, Paths], pair: int, extent: float = 2.5
) -> Figure:
    """Figure 2's panels, for a generator of the plane: data, mapped grid, density with paths, paths in data space.

    Args:
        manifold: a model with two latents and two-dimensional data, in double precision.
        data: ``(n, 2)``.
        paths: paths by method.
        pair: which pair to show.
        extent: of the latent plane that is shown.
    """
    figure, axes = plt.subplots(2, 2, figsize=(8.0, 7.4), layout="constrained")
    plot_points(axes[0, 0], data, "(a) data")
    plot_points(axes[0, 1], data, "(b) latent grid, mapped", BACKGROUND)
    plot_grid(axes[0, 1], manifold, extent)
    plot_density(axes[1, 0], manifold, extent)
    plot_curves(axes[1, 0], paths, pair, in_latent=True)
    axes[1, 0].set_title("(c) density over the latent plane")
    plot_points(axes[1, 1], data, "(d) interpolations", BACKGROUND)
    plot_curves(axes[1, 1], paths, pair)
    axes[1, 1].legend(loc="upper right", fontsize="x-small")
    for axis in axes.flat[[0, 1, 3]]:
        axis.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8))
    return figure


def animate_solution(
    manifold: LatentManifold, data: Tensor, stages: Sequence[Mapping[str, Paths]], extent: float = 2.5
) -> FuncAnimation:
    """Paths of one pair on their way from the start curve to the end, in the latent plane and in the data plane.

    Args:
        manifold: a model with two latents and two-dimensional data, in double precision.
        data: ``(n, 2)``.
        stages: paths by method without batch dimensions, one mapping a frame.
        extent: of the latent plane that is shown.
    """
    figure, (latent, plane) = plt.subplots(1, 2, figsize=(8.0, 3.8), layout="constrained")
    plot_density(latent, manifold, extent)
    plot_points(plane, data, "", BACKGROUND)
    plane.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8))
    lines = {
        method: [axes.plot([], [], label=NAMES[method], **METHOD_STYLE[method])[0] for axes in (latent, plane)]
        for method in list(stages[0])[::-1]
    }
    plane.legend(loc="upper right", fontsize="x-small")
    profiles = [{method: path.resample(100) for method, path in stage.items()} for stage in stages]

    def draw(frame: int) -> list[Line2D]:
        for method, (in_latent, in_plane) in lines.items():
            in_latent.set_data(*profiles[frame][method].z.T.numpy())
            in_plane.set_data(*profiles[frame][method].x.T.numpy())
        latent.set_title(f"latent plane, iteration {frame}")
        plane.set_title("data plane")
        return [line for pair in lines.values() for line in pair]

    return FuncAnimation(figure, draw, frames=len(stages), interval=350)


def plot_diagrams(diagrams: Mapping[str, pd.DataFrame]) -> Figure:
    """Persistence diagrams by name: birth and death of components and holes, on the same axes."""
    figure, axes = plt.subplots(1, len(diagrams), figsize=(9, 3.3), layout="constrained", squeeze=False)
    top = 1.05 * max(diagram["death"].max() for diagram in diagrams.values())
    for axis, (name, diagram) in zip(axes[0], diagrams.items(), strict=True):
        axis.plot([0, top], [0, top], color="grey", linewidth=0.8)
        for dimension, marker, color in ((0, ".", DATA_COLOR), (1, "^", MODEL_COLOR)):
            part = diagram[diagram["dimension"] == dimension]
            label = ("components", "holes")[dimension]
            axis.plot(
                part["birth"], part["death"], marker, color=color, markersize=5, alpha=0.6, label=label, rasterized=True
            )
        axis.set(xlabel="birth", title=name, xlim=(-0.02, top), ylim=(0, top), aspect="equal")
    axes[0, 0].set_ylabel("death")
    axes[0, -1].legend(frameon=False, loc="lower right")
    return figure


def plot_mismatch(manifold: LatentManifold, points: Tensor, paths: Mapping[str, Paths], extent: float = 2.4) -> Figure:
    """Figure 1's drawing: a surface in space as a translucent sheet, data on it, and paths of one pair.

    Args:
        manifold: a model with two latents and three-dimensional data, in double precision.
        points: data on the surface, ``(n, 3)``.
        paths: paths without batch dimensions, by method.
        extent: latent radius up to which the sheet is drawn.
    """
    figure = plt.figure(figsize=(7, 4.4))
    axes: Any = figure.add_axes((-0.18, -0.28, 1.36, 1.6), projection="3d", computed_zorder=False)
    radii, angles = torch.linspace(0, extent, 40).double(), torch.linspace(0, 2 * torch.pi, 97).double()
    radius, angle = torch.meshgrid(radii, angles, indexing="ij")
    x = manifold.generate(torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)).numpy()
    grid = x[..., 0], x[..., 1], x[..., 2]
    axes.plot_surface(*grid, color=MODEL_COLOR, alpha=0.16, linewidth=0, rstride=3, cstride=6)
    axes.plot_wireframe(*grid, color=MODEL_COLOR, alpha=0.4, linewidth=0.5, rstride=6, cstride=6)
    axes.scatter(*points.T, s=5, color="#5a5a5a", alpha=0.6, depthshade=False, rasterized=True)
    for method, path in paths.items():
        curve = path.resample(200).x + torch.tensor([0.0, 0.0, 0.03])
        axes.plot(*curve.T, label=NAMES[method], **{**METHOD_STYLE[method], "linewidth": 3})
    axes.scatter(*path.x[[0, -1]].T, s=40, color="black", depthshade=False)
    figure.legend(frameon=False, loc="upper right", handlelength=4)
    axes.view_init(elev=58, azim=-78)
    axes.set_box_aspect((1, 1, 0.3))
    axes.set_axis_off()
    return figure
