"""Formulas of docstrings, one below the other, so that a narrow screen shows them whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["stack_formulas", "stacked"]

GAP = re.compile(r"\\q?quad\b")
ENVIRONMENT, BREAK = "\\begin{", r" \\ "


def stacked(formula: str) -> str:
    r"""Formulas that stand in one line with a gap between them, one below the other.

    What is inside of braces stays together, and so does what has lines already.

    Example:
        >>> print(stacked(r"a = b, \qquad c = \text{if \quad d}"))
        \begin{gathered} a = b, \\ c = \text{if \quad d} \end{gathered}
        >>> stacked("a = b")
        'a = b'
    """
    if ENVIRONMENT in formula:
        return formula
    gaps = [gap for gap in GAP.finditer(formula) if _depth(formula[: gap.start()]) == 0]
    if not gaps:
        return formula
    edges = [0, *(edge for gap in gaps for edge in gap.span()), len(formula)]
    lines = [formula[start:stop].strip() for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    return f"\\begin{{gathered}} {BREAK.join(lines)} \\end{{gathered}}"


def _depth(text: str) -> int:
    return text.count("{") - text.count("}") - text.count(r"\{") + text.count(r"\}")


def stack_formulas(app: Sphinx, doctree: nodes.document) -> None:
    """Stack the formulas of all docstrings of a page."""
    from sphinx import addnodes

    for docstring in doctree.findall(addnodes.desc_content):
        for block in docstring.findall(nodes.math_block):
            block.children = [nodes.Text(stacked(block.astext()))]
            block.children[0].parent = block
