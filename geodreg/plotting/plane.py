"""Figures 1 and 2: generators whose latent space and data can be drawn as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from torch import Tensor

from geodreg.geometry.curve import along, chord_norms, equal_length_positions
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.paths import Paths
from geodreg.paper.labels import names_of
from geodreg.plotting.style import BACKGROUND, DATA_COLOR, METHOD_STYLE, MODEL_COLOR

__all__ = [
    "animate_solution",
    "latent_grid",
    "plot_curves",
    "plot_density",
    "plot_grid",
    "plot_mismatch",
    "plot_plane",
    "plot_points",
    "plot_starts",
]

START_COLORS = ("#d98a1f", "black")  # not the methods': all of these paths are of one


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
    """Paths of each method between one pair of endpoints, in a latent plane or in a data plane."""
    names = names_of(paths)
    for method in list(paths)[::-1]:  # the straight line below the paper's others
        profile = paths[method].resample(n)
        points = (profile.z if in_latent else profile.x)[pair]
        line = axes.plot(*points.T.numpy(), label=names[method], **METHOD_STYLE[method])[0]
        line.set_path_effects([Stroke(linewidth=3.2, foreground="white", alpha=0.5), Normal()])
    axes.plot(*points[[0, -1]].T.numpy(), "o", color="black", markersize=4)
    axes.set_aspect("equal")


def plot_plane(
    manifold: LatentManifold,
    data: Tensor,
    paths: Mapping[str, Paths],
    pair: int,
    extent: float = 2.5,
    is_narrow: bool = False,
) -> Figure:
    """Figure 2's panels, for a generator of the plane: data, mapped grid, density with paths, paths in data space.

    Where paths lie close to each other over the density, a part of it is shown larger in a corner.

    Args:
        manifold: a model with two latents and two-dimensional data, in double precision.
        data: ``(n, 2)``.
        paths: paths by method.
        pair: which pair to show.
        extent: of the latent plane that is shown.
        is_narrow: for a telephone, one panel below the other.
    """
    grid, size = ((4, 1), (4.7, 15.6)) if is_narrow else ((2, 2), (8.0, 7.4))
    # panels of fixed shape in one column: without compression their labels would be cut at the left
    layout = ConstrainedLayoutEngine(compress=True, w_pad=0.12) if is_narrow else "constrained"
    figure, axes = plt.subplots(*grid, figsize=size, layout=layout)
    of_data, of_grid, of_density, of_paths = axes.flat
    plot_points(of_data, data, "(a) data")
    plot_points(of_grid, data, "(b) latent grid, mapped", BACKGROUND)
    plot_grid(of_grid, manifold, extent)
    plot_density(of_density, manifold, extent)
    plot_curves(of_density, paths, pair, in_latent=True)
    of_density.set(title="(c) density over the latent plane", xlim=(-extent, extent), ylim=(-extent, extent))
    _enlarge_where_close(of_density, paths, pair, extent)
    plot_points(of_paths, data, "(d) interpolations", BACKGROUND)
    plot_curves(of_paths, paths, pair)
    handles, labels = of_paths.get_legend_handles_labels()
    columns = 2 if is_narrow else len(paths)
    figure.legend(handles[::-1], labels[::-1], frameon=False, ncols=columns, loc="outside lower center")
    for axis in (of_data, of_grid, of_paths):
        axis.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8))
    return figure


def _enlarge_where_close(axes: Axes, paths: Mapping[str, Paths], pair: int, extent: float) -> None:
    """A square around the middle of the geodesic, drawn larger in the corner that the paths leave free.

    Nothing is drawn where the geodesic and the straight line can be told apart as they are, or are the same.
    """
    curves = {method: path.resample(201).z[pair] for method, path in paths.items()}
    line, geodesic = curves["straight"], curves["geodesic"]
    apart = torch.cdist(geodesic, line).amin(-1).max().item()
    if not 0.002 * extent < apart < 0.1 * extent:
        return
    middle, half, size = geodesic[100], 2.5 * apart, 0.36
    drawn = torch.cat(list(curves.values())) / extent
    corners = [(x, y) for x in (-1, 1) for y in (-1, 1)]
    free = min(corners, key=lambda corner: ((drawn * torch.tensor(corner)).amin(-1) > 1 - 2 * size).sum().item())
    place = (0.02 if free[0] < 0 else 0.98 - size, 0.02 if free[1] < 0 else 0.98 - size, size, size)
    low, high = (middle - half).tolist(), (middle + half).tolist()
    inset = axes.inset_axes(
        place, xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[], facecolor="white"
    )
    plot_curves(inset, paths, pair, in_latent=True)
    inset.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    inset.spines[:].set_visible(True)
    axes.indicate_inset_zoom(inset, edgecolor="white", alpha=1.0)


def plot_starts(
    manifold: LatentManifold, data: Tensor, starts: Mapping[str, tuple[Tensor, Paths]], pair: int
) -> Figure:
    """Start curves and where the solver went from each, in the latent plane over the density, and in the data plane.

    Args:
        manifold: a model with two latents and two-dimensional data, in double precision.
        data: ``(n, 2)``.
        starts: by name, start curves ``(P, K, 2)`` and the paths found from them; two at most.
        pair: which pair to show.
    """
    figure, (latent, plane) = plt.subplots(1, 2, figsize=(8.0, 3.8), layout="constrained")
    plot_density(latent, manifold, extent=2.5)
    plot_points(plane, data, "data plane", BACKGROUND)
    for (name, (curves, paths)), color in zip(starts.items(), START_COLORS, strict=False):
        begun, found = along(curves, equal_length_positions(chord_norms(curves), 300))[pair], paths.resample(300)
        for axes, start, path in ((latent, begun, found.z[pair]), (plane, manifold.generate(begun), found.x[pair])):
            outline = [Stroke(linewidth=3.6, foreground="white", alpha=0.7), Normal()]
            axes.plot(*start.T.numpy(), ":", color=color, label=f"{name}: start", path_effects=outline)
            axes.plot(*path.T.numpy(), color=color, label=f"{name}: path", path_effects=outline)
            axes.plot(*path[[0, -1]].T.numpy(), "o", color="black", markersize=4, zorder=3)
    latent.set_title("density over the latent plane")
    plane.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8))
    handles, labels = plane.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
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
    names = names_of(stages[0])
    lines = {
        method: [axes.plot([], [], label=names[method], **METHOD_STYLE[method])[0] for axes in (latent, plane)]
        for method in list(stages[0])[::-1]
    }
    plane.legend(loc="upper right", fontsize=9)
    profiles = [{method: path.resample(100) for method, path in stage.items()} for stage in stages]

    def draw(frame: int) -> list[Line2D]:
        for method, (in_latent, in_plane) in lines.items():
            in_latent.set_data(*profiles[frame][method].z.T.numpy())
            in_plane.set_data(*profiles[frame][method].x.T.numpy())
        latent.set_title(f"latent plane, iteration {frame}")
        plane.set_title("data plane")
        return [line for pair in lines.values() for line in pair]

    return FuncAnimation(figure, draw, frames=len(stages), interval=350)


def plot_mismatch(manifold: LatentManifold, points: Tensor, paths: Mapping[str, Paths], extent: float = 2.4) -> Figure:
    """Figure 1's drawing: a surface in space as a translucent sheet, data on it, and paths of one pair.

    Args:
        manifold: a model with two latents and three-dimensional data, in double precision.
        points: data on the surface, ``(n, 3)``.
        paths: paths without batch dimensions, by method.
        extent: latent radius up to which the sheet is drawn.
    """
    figure = plt.figure(figsize=(5.2, 4.2))
    axes: Any = figure.add_axes((-0.32, -0.32, 1.64, 1.6), projection="3d", computed_zorder=False)
    radii, angles = torch.linspace(0, extent, 40).double(), torch.linspace(0, 2 * torch.pi, 97).double()
    radius, angle = torch.meshgrid(radii, angles, indexing="ij")
    x = manifold.generate(torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)).numpy()
    grid = x[..., 0], x[..., 1], x[..., 2]
    axes.plot_surface(*grid, color=MODEL_COLOR, alpha=0.16, linewidth=0, rstride=3, cstride=6)
    axes.plot_wireframe(*grid, color=MODEL_COLOR, alpha=0.4, linewidth=0.5, rstride=6, cstride=6)
    axes.scatter(*points.T, s=5, color="#5a5a5a", alpha=0.6, depthshade=False, rasterized=True)
    names = names_of(paths)
    for method, path in paths.items():
        curve = path.resample(200).x + torch.tensor([0.0, 0.0, 0.03])
        axes.plot(*curve.T, label=names[method], **{**METHOD_STYLE[method], "linewidth": 3})
    axes.scatter(*path.x[[0, -1]].T, s=40, color="black", depthshade=False)
    figure.legend(frameon=False, loc="upper right", handlelength=4, fontsize=10.5)
    axes.view_init(elev=58, azim=-78)
    axes.set_box_aspect((1, 1, 0.3))
    axes.set_axis_off()
    return figure
