"""One drawing for a light page and for a dark one."""

from __future__ import annotations

import colorsys
import re

__all__ = ["DARK_GROUND", "KEPT", "contrast", "for_both_themes", "on_dark"]

DARK_GROUND = "#121212"  # of the book's theme in the dark
KEPT = "colour-of-a-map"  # beginning of the id of what keeps its colours, since they are those of a picture
PALE, LEAST = (
    2.0,
    3.0,
)  # contrast with white below which a colour is a ground; and the least that a line has in the dark
BRIGHTEST = "#ced6dd"  # the theme's text in the dark; white on black would dazzle
PAINTED = re.compile(r"\b(fill|stroke|stop-color)\s*(:\s*|=\")(#[0-9a-fA-F]{6})\b")
ROOT = re.compile(r"<svg\b[^>]*>")


def for_both_themes(svg: str) -> str:
    """Add to an SVG what its colours are on a dark page; the pictures in it, and what is named so, stay as they are.

    Each colour keeps its hue, and contrasts with the dark ground as it did with white. Viewers that know nothing of
    dark pages show the drawing as it was. In a page it follows the ``color-scheme`` of the element that shows it.

    Args:
        svg: a drawing on white, with its colours as ``#rrggbb``, in styles or in attributes.

    Raises:
        ValueError: if the text is no SVG.

    Example:
        >>> "prefers-color-scheme: dark" in for_both_themes('<svg><path style="fill: #ffffff"/></svg>')
        True
    """
    root = ROOT.search(svg)
    if root is None:
        raise ValueError("the text has no svg element; pass a drawing as SVG.")
    rules = {
        f':is([style*="{kind}: {color}"],[{kind}="{color}"]):not([id^="{KEPT}"] *){{{kind}:{on_dark(color)}!important}}'
        for kind, _, color in PAINTED.findall(svg)
    }
    style = f"svg{{fill:{BRIGHTEST}}}" + "".join(sorted(rules))  # what has no colour of its own is black otherwise
    return f"{svg[: root.end()]}<style>@media (prefers-color-scheme: dark){{{style}}}</style>{svg[root.end() :]}"


def on_dark(color: str) -> str:
    """The colour of the same hue whose contrast with the dark ground is that of a colour with white, if it can be.

    What is neither white nor a pale ground contrasts by 3 to 1 at least, as lines have to (WCAG 2.1, 1.4.11).

    Example:
        >>> on_dark("#ffffff"), on_dark("#000000")
        ('#121212', '#ced6dd')
    """
    wanted = contrast(color, "#ffffff")
    if wanted >= PALE:
        wanted = max(wanted, LEAST)
    if wanted == 1.0:
        return DARK_GROUND
    if wanted >= contrast(BRIGHTEST, DARK_GROUND):
        return BRIGHTEST
    hue, _, saturation = colorsys.rgb_to_hls(*_channels(color))
    low, high = 0.0, 1.0
    for _ in range(20):  # contrast grows with lightness
        middle = (low + high) / 2
        found = _as_hex(colorsys.hls_to_rgb(hue, middle, saturation))
        low, high = (low, middle) if _is_enough(found, wanted) else (middle, high)
    return _as_hex(colorsys.hls_to_rgb(hue, high, saturation))


def contrast(one: str, other: str) -> float:
    """Contrast of two colours as the WCAG define it, 1 to 21.

    Example:
        >>> round(contrast("#000000", "#ffffff"), 6)
        21.0
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _is_enough(color: str, wanted: float) -> bool:
    return _luminance(color) > _luminance(DARK_GROUND) and contrast(color, DARK_GROUND) >= wanted


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _as_hex(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
