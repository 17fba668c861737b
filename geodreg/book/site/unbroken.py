"""A number and its unit, and a symbol and its value, stay in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["keep_units", "unbroken"]

UNIT = re.compile(r"(?<=\d) (?=(?:%|(?:ms|s|nats|[KMG]iB|[kMG]B)\b))")
VALUE = re.compile(r"\b(mu|[a-zA-Z]) (=|<|>) (?=[-\N{MINUS SIGN}]?\d)")
SPACE = "\N{NO-BREAK SPACE}"
AS_WRITTEN = (nodes.literal, nodes.math, nodes.FixedTextElement)  # the last are blocks of code and of formulas


def unbroken(text: str) -> str:
    """Text whose lines do not end between a number and its unit, or within ``mu = 0.1``.

    Example:
        >>> unbroken("98 % at mu = 0.1 in 5 s, 3 seeds").replace(SPACE, "~")
        '98~% at mu~=~0.1 in 5~s, 3 seeds'
    """
    return VALUE.sub(rf"\1{SPACE}\2{SPACE}", UNIT.sub(SPACE, text))


def keep_units(app: Sphinx, doctree: nodes.document) -> None:
    """Do so in all of a page but code and formulas."""
    for text in list(doctree.findall(nodes.Text)):
        kept = unbroken(text)
        if kept != text and not _is_as_written(text.parent):
            text.parent.replace(text, nodes.Text(kept))


def _is_as_written(node: nodes.Node | None) -> bool:
    return node is not None and (isinstance(node, AS_WRITTEN) or _is_as_written(node.parent))
