"""Figures that can be moved: one picture at a time, chosen by method and weight, with its numbers beside it.

What a page gets is plain markup that shows all pictures as small multiples, with a plot and a table of their numbers,
and with the numbers as JSON. The script ``book/_static/movable.js`` shows one of them instead, adds the controls, and
lights a row of the table and its mark in the plot together; nothing is fetched.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from geodreg.book.movable_plot import Mark, plot_markup
from geodreg.paper.labels import names_of

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import HTML

__all__ = ["movable_figure", "movable_markup"]

DIGITS = 3  # significant ones, of the median number of a column


class _Row(NamedTuple):
    """One path: what was chosen, and its numbers, as they are and as they are read."""

    method: str
    mu: float
    numbers: dict[str, float | None]
    text: dict[str, str]


def movable_figure(name: str, frames: Sequence[str], table: pd.DataFrame, labels: Mapping[str, str]) -> HTML:
    """A figure that can be moved, as the output of a cell.

    Args:
        name: of the figure on its page, letters, digits and hyphens.
        frames: a picture each, as markup.
        table: a row for each picture, in the same order: ``method``, ``mu`` and the columns that are labelled. The
            rows of a method stand together, by increasing weight.
        labels: which columns are shown beside the pictures, and what they are called; the second of them is plotted
            over the first.

    Raises:
        ValueError: as :func:`movable_markup`.
    """
    from IPython.display import HTML

    return HTML(movable_markup(name, frames, table, labels))


def movable_markup(name: str, frames: Sequence[str], table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """The markup of :func:`movable_figure`, which is well-formed XML too.

    Raises:
        ValueError: if there are not as many pictures as rows, or none, or the name could not be a part of an address.
    """
    if not 0 < len(frames) == len(table):
        raise ValueError(f"{len(frames)} frames do not go with {len(table)} rows; pass a picture for each row.")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise ValueError(f"name is {name!r}; pass letters, digits and hyphens, a letter first.")
    names = names_of(table["method"])
    methods = {method: names[method] for method in dict.fromkeys(table["method"])}
    rows = _rows(table, list(labels))
    data = {"labels": dict(labels), "methods": methods, "rows": [row._asdict() for row in rows]}
    return "\n".join(
        [
            f'<div class="movable" id="{name}">',
            '<div class="movable-frames">',
            *(_frame(frame, names[row.method], row, labels) for frame, row in zip(frames, rows, strict=True)),
            "</div>",
            _numbers(names, rows, labels),
            f'<script type="application/json">{_inside_a_script(data)}</script>',
            "</div>",
        ]
    )


def _rows(table: pd.DataFrame, columns: Sequence[str]) -> list[_Row]:
    values = {column: [float(value) for value in table[column]] for column in columns}
    texts = {column: _as_text(numbers) for column, numbers in values.items()}
    return [
        _Row(
            str(method),
            float(mu),
            {column: numbers[place] if math.isfinite(numbers[place]) else None for column, numbers in values.items()},
            {"mu": f"{mu:g}", **{column: written[place] for column, written in texts.items()}},
        )
        for place, (method, mu) in enumerate(zip(table["method"], table["mu"], strict=True))
    ]


def _as_text(numbers: Sequence[float]) -> list[str]:
    """Numbers of a column with the same number of decimals: three significant digits of the median that is not zero."""
    sizes = [abs(number) for number in numbers if math.isfinite(number) and number != 0.0]
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(median(sizes)))) if sizes else DIGITS - 1
    return [f"{number:.{decimals}f}" if math.isfinite(number) else "not finite" for number in numbers]


def _frame(picture: str, method: str, row: _Row, labels: Mapping[str, str]) -> str:
    said = ", ".join(f"{label} {row.text[column]}" for column, label in labels.items())
    caption = f"<strong>{escape(method)}, weight {row.text['mu']}</strong>: {escape(said)}"
    return f'<div class="movable-frame">{picture}<p class="movable-caption">{caption}</p></div>'


def _numbers(names: Mapping[str, str], rows: Sequence[_Row], labels: Mapping[str, str]) -> str:
    """The numbers of all pictures as a table that a reader opens."""
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in ("method", "weight", *labels.values()))
    body = []
    for row in rows:
        weight, cells = row.text["mu"], "".join(f"<td>{escape(row.text[column])}</td>" for column in labels)
        body.append(f'<tr><td>{escape(names[row.method])}</td><th scope="row">{weight}</th>{cells}</tr>')
    return (
        '<details class="movable-numbers"><summary>The numbers of all weights</summary>'
        f"{_plot(names, rows, labels)}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></details>"
    )


def _plot(names: Mapping[str, str], rows: Sequence[_Row], labels: Mapping[str, str]) -> str:
    """The second column over the first, for the rows in which both are finite."""
    if len(labels) < 2:
        return ""
    across, up = list(labels)[:2]
    marks = []
    for place, row in enumerate(rows):
        x, y = row.numbers[across], row.numbers[up]
        if x is not None and y is not None:
            name = f"{names[row.method]}, weight {row.text['mu']}"
            marks.append(Mark(place, row.method, name, (x, y), (row.text[across], row.text[up])))
    return plot_markup(marks, (labels[across], labels[up]))


def _inside_a_script(data: object) -> str:
    """As JSON in which no tag can end the element that it stands in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
