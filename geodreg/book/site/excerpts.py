"""What the search shows of a page, for a site opened as a file: no script may read another page there."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

from geodreg.workspace.files import write_whole

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["FILE", "text_of", "write_excerpts"]

FILE = "search-texts.js"
SILENT = (nodes.comment, nodes.raw, nodes.substitution_definition)  # not words; pictures may lie in what is raw


def text_of(doctree: nodes.document) -> str:
    """The text of a page, section by section, as HTML that says the sections' names and nothing else."""
    return f'<div role="main">{_sections(doctree)}</div>'


def _sections(node: nodes.Node) -> str:
    if isinstance(node, nodes.section):
        inner = "".join(_sections(child) for child in node.children)
        for name in node["ids"]:
            inner = f'<div id="{html.escape(name)}">{inner}</div>'
        return inner
    if any(isinstance(child, nodes.section) for child in node.children):
        return "".join(_sections(child) for child in node.children)
    words = " ".join(_words(node).split())
    return f"{html.escape(words, quote=False)} " if words else ""


def _words(node: nodes.Node) -> str:
    if isinstance(node, SILENT):
        return ""
    if isinstance(node, nodes.Text) or not node.children:
        return node.astext()
    return node.child_text_separator.join(_words(child) for child in node.children)


def write_excerpts(app: Sphinx, exception: Exception | None) -> None:
    """Write the texts of all pages as a script, which the search page loads if it was opened as a file."""
    if exception is not None or app.builder.name != "html":
        return
    texts = {name: text_of(app.env.get_doctree(name)) for name in sorted(app.env.found_docs)}
    content = json.dumps(texts, ensure_ascii=False).replace("</", "<\\/")
    write_whole(Path(app.outdir, "_static", FILE), f"searchTexts({content});\n".encode())
