"""The metric over a latent plane, and distances between points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.paper.scaling import Scaling
from geodreg.plotting.plane import latent_grid
from geodreg.plotting.style import MODEL_COLOR
from geodreg.plotting.themes import KEPT

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_indicatrices", "plot_magnification", "plot_scaling"]


def plot_magnification(axes: Axes, manifold: LatentManifold, extent: float, n: int = 121) -> None:
    r"""The magnification factor :math:`\sqrt{\det g}` of a double-precision model with two latents, over their plane.

    The scale is logarithmic, and ends at the first and the last percent of the values: where the map folds the factor
    is zero.

    Args:
        axes: to draw on.
        manifold: with two latents, or over a plane through more: :class:`~geodreg.paper.latent_plane.LatentPlane`.
        extent: largest coordinate that is drawn.
        n: points of the grid along each axis.
    """
    factor = manifold.without_density().log_volume(latent_grid(extent, n)).detach().numpy() / math.log(10)
    low, high = np.quantile(factor[np.isfinite(factor)], (0.01, 0.99))
    image = axes.imshow(
        factor, extent=(-extent, extent, -extent, extent), origin="lower", cmap="cividis", vmin=low, vmax=high,
        interpolation="bilinear",
    )  # fmt: skip
    bar = axes.figure.colorbar(image, ax=axes, label=r"$\log_{10} \sqrt{\det g}$", shrink=0.8, extend="both")
    for place, patch in enumerate(bar.ax.patches):  # the arrows beyond both ends
        patch.set_gid(f"{KEPT}-{place}")
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def plot_indicatrices(axes: Axes, table: pd.DataFrame, radius: float, color: str = MODEL_COLOR) -> None:
    r"""The metric as ellipses :math:`\{v : v^\top g v = r^2\}`, one around each latent.

    Args:
        axes: to draw on.
        table: of :func:`~geodreg.paper.latent_plane.tabulate_metric`; rows on a fold, whose ellipse is infinite,
            are left out.
        radius: length of the steps in data space, in data units.
        color: of the ellipses.
    """
    finite = table[np.isfinite(table["long"])]
    z1, z2, long, short, angle = (finite[name].to_numpy() for name in ("z1", "z2", "long", "short", "angle"))
    ellipses = EllipseCollection(
        2 * radius * long, 2 * radius * short, angle, units="xy",
        offsets=np.stack([z1, z2], axis=-1), offset_transform=axes.transData,
        facecolor=(*to_rgb(color), 0.3), edgecolor=color, linewidth=0.7,
    )  # fmt: skip
    axes.add_collection(ellipses)
    axes.set(aspect="equal", xlabel="$z_1$", ylabel="$z_2$")


def plot_scaling(axes: Axes, scaling: Scaling, images: Tensor, marked: Mapping[str, Tensor]) -> None:
    """Images at the points of a multidimensional scaling, some of them framed.

    Args:
        axes: to draw on.
        scaling: of two dimensions.
        images: grey values in [0, 1], ``(n, height, width)``.
        marked: which images are framed, by the colour of the frame, ``(n,)`` each.
    """
    points = scaling.points.numpy()
    frames = [next((color for color, own in marked.items() if own[i]), None) for i in range(len(points))]
    # Framed ones are drawn last, so that no neighbour hides them.
    for i in sorted(range(len(points)), key=lambda i: frames[i] is not None):
        thumbnail = OffsetImage(1 - images[i].numpy(), cmap="gray", zoom=0.75, norm=None)
        frame = {"edgecolor": frames[i] or "none", "linewidth": 2.2, "boxstyle": "square,pad=0.08"}
        axes.add_artist(AnnotationBbox(thumbnail, points[i], bboxprops=frame, pad=0.08))
    low, high = points.min(0), points.max(0)
    margin = 0.08 * (high - low).max()
    axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin), aspect="equal")
