"""What a rerun says of itself: which parameters it ran with that are not the page's."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping

from geodreg.book.parameters import Parameter
from geodreg.book.values import Value

__all__ = ["is_earlier_note", "rerun_note"]

# Earlier releases wrote the note as a cell of text, which a rerun of that notebook with other values would keep.
EARLIER = re.compile(
    r"\*\*A rerun with (other parameters:\*\* .* Everything else is as on the page\.|the page's own parameters\.\*\*)",
    re.DOTALL,
)


def rerun_note(known: Mapping[str, Parameter], values: Mapping[str, Value], given: Collection[str]) -> str:
    """The parameters that a rerun changes, with their defaults, as Markdown; empty for the page's own run.

    Args:
        known: the page's parameters, by name.
        values: those that it runs with, all of them.
        given: names of those that were given to it.

    Example:
        >>> known = {"mu": Parameter("mu", "float", "0.1", "weight"), "seed": Parameter("seed", "int", "0", "")}
        >>> rerun_note(known, {"mu": 0.5, "seed": 0}, ["mu", "seed"])
        '**A rerun with other parameters:** `mu` = 0.5 (default 0.1). Everything else is as on the page.'
        >>> rerun_note(known, {"mu": 0.1, "seed": 0}, ["mu"])
        "**A rerun with the page's own parameters.**"
        >>> rerun_note(known, {"mu": 0.1, "seed": 0}, [])
        ''
    """
    changed = [
        f"`{name}` = {values[name]!r} (default {parameter.default})"
        for name, parameter in known.items()
        if name in values and _is_changed(parameter, values[name], name in given)
    ]
    if changed:
        return f"**A rerun with other parameters:** {', '.join(changed)}. Everything else is as on the page."
    return "**A rerun with the page's own parameters.**" if given else ""


def is_earlier_note(text: str) -> bool:
    """Whether a cell of text is such a note, which knows nothing of the values that its notebook runs with next."""
    return EARLIER.fullmatch(text.strip()) is not None


def _is_changed(parameter: Parameter, value: Value, is_given: bool) -> bool:
    try:
        return bool(value != ast.literal_eval(parameter.default))
    except (SyntaxError, ValueError):  # an expression, whose value only its own cell knows
        return is_given
