"""What a page draws: kept as files for other pages, and shown in a form for each width and theme."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.workspace.files import write_whole

if TYPE_CHECKING:
    from IPython.display import HTML
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

__all__ = ["save_animation", "save_figure", "save_markup", "show_drawings"]

NARROW = 767  # largest width of a screen, in pixels, that gets the narrow one of two drawings


def save_figure(figure: Figure, name: str) -> None:
    """Write a figure as SVG into the working directory, for pages that show it again."""
    write_whole(Path(name), _drawn(figure).encode())


def show_drawings(drawings: Mapping[str, Figure | tuple[Figure, Figure]]) -> HTML:
    """Drawings side by side where there is room, as the output of a cell; one below the other where there is none.

    Args:
        drawings: by what is said of them to whom they are not shown; a drawing, or one for wide screens and one for
            narrow screens, of which a reader gets either. The panels of a single drawing that stand in a row are put
            one below the other for narrow screens.
    """
    import matplotlib.pyplot as plt
    from IPython.display import HTML

    from geodreg.plotting.stacked import stack

    shown = []
    for text, given in drawings.items():
        wide, narrow = given if isinstance(given, tuple) else (given, None)
        image = f'<img alt="{escape(text)}" src="{_address(wide)}"/>'
        if narrow is None and stack(wide):
            narrow = wide
        if narrow is not None:
            source = f'<source media="screen and (max-width: {NARROW}px)" srcset="{_address(narrow)}"/>'
            image = f"<picture>{source}{image}</picture>"
        shown.append(image)
        for figure in filter(None, (wide, narrow)):
            plt.close(figure)  # or they would be shown once more behind the cell
    return HTML(f'<div class="drawings">{"".join(shown)}</div>')


def _drawn(figure: Figure) -> str:
    from geodreg.plotting.themes import for_both_themes

    content = io.StringIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return for_both_themes(content.getvalue())


def _address(figure: Figure) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(_drawn(figure).encode()).decode()}"


def save_markup(shown: HTML, name: str) -> None:
    """Write the markup that a cell shows into the working directory, for pages that show it again."""
    write_whole(Path(name), f"{shown.data}\n".encode())


def save_animation(animation: FuncAnimation, name: str) -> None:
    """Write an animation as GIF into the working directory, and its last picture as PNG of the same name beside it."""
    from PIL import Image, ImageSequence

    with tempfile.TemporaryDirectory() as scratch:
        moving = Path(scratch) / "moving.gif"
        animation.save(moving, writer="pillow")
        still = io.BytesIO()
        with Image.open(moving) as pictures:
            *_, last = ImageSequence.Iterator(pictures)
            last.convert("RGB").save(still, format="PNG", optimize=True)
        write_whole(Path(name), moving.read_bytes())
    write_whole(Path(name).with_suffix(".png"), still.getvalue())
