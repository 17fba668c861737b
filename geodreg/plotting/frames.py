"""Pictures of one path each, as markup that stands in a page: SVG of a plane, and strips of grey images.

Colours are those of the page, through the classes that ``book/_static/movable.css`` knows. Where there is no style
sheet, as in a notebook, lines have the colour of the text, drawings a small size, and the images of a strip a line.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from geodreg.interpolation.paths import Paths
from geodreg.paper.labels import names_of

__all__ = ["plane_frames", "strip_frames"]

UNITS = 100  # of a drawing, a unit of data; coordinates are rounded to a tenth of one of these
LEVELS = 15  # above zero, of grey: half a byte a pixel
MARKS = {True: ("accepted", "M2 7l3 3 5-8"), False: ("rejected", "M2 2l8 8M10 2l-8 8")}  # a tick and a cross


def plane_frames(
    paths: Sequence[Paths], data: Tensor, extent: float = 1.6, n_data: int = 300, n: int = 150
) -> list[str]:
    """One path a drawing, in the plane of the data: data points, the path, the solver's points, and the endpoints.

    Args:
        paths: one path each, of a generator of the plane.
        data: ``(N, 2)``.
        extent: half the side of the square that is shown, in units of the data.
        n_data: how many of the data are drawn, evenly chosen from their order.
        n: points of the path that are joined, evenly spaced by arc length; what is not finite is left out.

    Returns:
        an ``<svg>`` for each path, which says in words what it shows.
    """
    half = round(extent * UNITS)
    thinned = data[:: max(1, len(data) // n_data)][:n_data]
    names = names_of(path.method for path in paths)
    frames = []
    for path in paths:
        what = f"Path by {names[path.method]} at weight {path.mu:g} among points of the data."
        curve, points = _places(path.resample(n).x), _places(path.x)
        frames.append(
            f'<svg viewBox="{-half} {-half} {2 * half} {2 * half}" width="320" height="320" role="img" '
            f'aria-label="{what}" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round">'
            f'<path class="movable-data" stroke-width="4" opacity="0.4" d="{_dots(_places(thinned))}"/>'
            f'<path class="movable-path {path.method}" stroke-width="4" d="{_line(curve)}"/>'
            f'<path class="movable-path {path.method}" stroke-width="9" d="{_dots(points)}"/>'
            f'<path class="movable-endpoints" stroke-width="14" d="{_dots(_places(path.x[[0, -1]]))}"/></svg>'
        )
    return frames


def strip_frames(strips: Sequence[Tensor], accepted: Sequence[Tensor]) -> list[str]:
    """Strips of grey images, ink on paper, with a tick below those that a judge accepts and a cross below the others.

    Args:
        strips: images along a path ``(n, h, w)``, of grey values in [0, 1]; what lies beyond is shown as these.
        accepted: whether the judge takes each image for a digit, ``(n,)``.

    Returns:
        a list of images for each strip; an image's text says where it stands and what the judge says.
    """
    frames = []
    for images, passes in zip(strips, accepted, strict=True):
        items = []
        for place, (image, passed) in enumerate(zip(images, passes.tolist(), strict=True)):
            word, shape = MARKS[bool(passed)]
            items.append(
                f'<li style="display:inline-block"><img src="{_png(image)}" width="{image.shape[1]}" '
                f'height="{image.shape[0]}" alt="Image {place + 1} of {len(images)}, {word}"/>'
                f'<svg class="movable-mark {word}" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" '
                'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">'
                f'<path d="{shape}"/></svg></li>'
            )
        frames.append(f'<ol class="movable-strip">{"".join(items)}</ol>')
    return frames


def _places(x: Tensor) -> list[tuple[float, float]]:
    """Points of the plane ``(n, 2)`` in a drawing, whose second axis points down."""
    finite = x[x.isfinite().all(-1)].detach().double().cpu() * UNITS
    return [(round(across, 1) + 0.0, round(-up, 1) + 0.0) for across, up in finite.tolist()]  # no minus before a zero


def _line(places: Sequence[tuple[float, float]]) -> str:
    return "M" + " ".join(f"{across:g} {down:g}" for across, down in places) if places else ""


def _dots(places: Sequence[tuple[float, float]]) -> str:
    """Lines of no length, which round ends make dots."""
    return "".join(f"M{across:g} {down:g}h0" for across, down in places)


def _png(image: Tensor) -> str:
    """Grey image ``(h, w)`` as an address that holds the picture itself."""
    levels = (image.detach().cpu().nan_to_num().clamp(0.0, 1.0) * LEVELS).round().to(torch.uint8)
    picture = Image.frombytes("P", (image.shape[1], image.shape[0]), levels.numpy().tobytes())
    picture.putpalette([grey for level in range(LEVELS + 1) for grey in (255 - 255 * level // LEVELS,) * 3])
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True, bits=4)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
