"""The plot of a figure that can be moved: two of its numbers over each other, with a mark for each of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Mark", "plot_markup"]

WIDTH, HEIGHT = 320, 200  # in the plot's own units,
LEFT, RIGHT, TOP, BOTTOM = 52, 308, 14, 158  # and what of it is between the axes
MARGIN = 14  # between the axes and the nearest mark


@dataclass(frozen=True)
class Mark:
    """A picture's place in the plot.

    Attributes:
        row: of the table of numbers.
        method: which marks are joined by a line.
        name: what the mark is called when it is pointed at.
        at: its numbers across and up, finite.
        written: these as a reader sees them.
    """

    row: int
    method: str
    name: str
    at: tuple[float, float]
    written: tuple[str, str]


def plot_markup(marks: Sequence[Mark], labels: tuple[str, str]) -> str:
    """The plot as an ``<svg>``; a mark says in ``data-row`` which row of the table it is.

    Its axes have the smallest and the largest number of each kind, and no others.

    Args:
        marks: in the order in which those of a method are joined; nothing is drawn where there are none.
        labels: what the numbers across and up are called.
    """
    if not marks:
        return ""
    x = _scale([mark.at[0] for mark in marks], LEFT + MARGIN, RIGHT - MARGIN)
    y = _scale([mark.at[1] for mark in marks], BOTTOM - MARGIN, TOP + MARGIN)
    centre, middle = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
    parts = [
        f'<path class="movable-axes" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>',
        f'<text x="{centre}" y="{HEIGHT - 6}" text-anchor="middle">{escape(labels[0])}</text>',
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
        f"{escape(labels[1])}</text>",
    ]
    by_x, by_y = (sorted((mark.at[axis], mark.written[axis]) for mark in marks) for axis in (0, 1))
    for (across, said_across), (up, said_up) in zip((by_x[0], by_x[-1]), (by_y[0], by_y[-1]), strict=True):
        parts += [
            f'<text x="{x(across):.1f}" y="{BOTTOM + 16}" text-anchor="middle">{escape(said_across)}</text>',
            f'<text x="{LEFT - 6}" y="{y(up) + 4:.1f}" text-anchor="end">{escape(said_up)}</text>',
        ]
    for method in dict.fromkeys(mark.method for mark in marks):
        own = [(mark, f"{x(mark.at[0]):.1f}", f"{y(mark.at[1]):.1f}") for mark in marks if mark.method == method]
        line = " ".join(f"{across},{up}" for _, across, up in own)
        parts.append(f'<polyline class="movable-path {escape(method)}" points="{line}"/>')
        parts += [
            f'<circle class="movable-point {escape(method)}" data-row="{mark.row}" cx="{across}" cy="{up}" r="4">'
            f"<title>{escape(mark.name)}</title></circle>"
            for mark, across, up in own
        ]
    said = f"{labels[1]} over {labels[0]}, with a mark for each row of the table."
    return (
        f'<svg class="movable-plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}" fill="none" '
        f'stroke="currentColor">{"".join(parts)}</svg>'
    )


def _scale(numbers: Sequence[float], low: float, high: float) -> Callable[[float], float]:
    """A linear map of the smallest number to one place and the largest to another; of equal ones, to the middle."""
    least, most = min(numbers), max(numbers)
    if most == least:
        return lambda _: (low + high) / 2
    return lambda number: low + (high - low) * (number - least) / (most - least)
