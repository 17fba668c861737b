"""The source of a page's tagged cell, read without the packages of notebooks, which take seconds to import."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

__all__ = ["tagged_cell"]

CELL = "{code-cell}"
BLOCK = re.compile(r"---[^\n]*\n(?P<options>.*?)^-{3,}\n?(?P<body>.*)", re.DOTALL | re.MULTILINE)
COLONS = re.compile(r"(?P<options>(?:[ \t]*:[^\n]*(?:\n|\Z))+)(?P<body>.*)", re.DOTALL)


def tagged_cell(source: Path, tag: str) -> str | None:
    """The source of the first cell with a tag, or None if no cell has it.

    MyST text is split by the parser that jupytext uses, a notebook of format 4 is JSON; jupytext itself reads whatever
    is neither, and whatever cannot be read, which it refuses in its own words.

    Args:
        source: MyST text (``.md``) or a notebook (``.ipynb``).
        tag: of the cell.
    """
    try:
        text = source.read_text(encoding="utf-8")
        cells = list(_of_notebook(text) if source.suffix == ".ipynb" else _of_myst(text))
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        cells = []
    if not cells:
        import jupytext

        cells = [(cell.metadata.get("tags", []), cell.source) for cell in jupytext.read(source).cells]
    return next((body for tags, body in cells if tag in tags), None)


def _of_notebook(text: str) -> Iterator[tuple[list[str], str]]:
    """Tags and source of the cells of a notebook."""
    notebook = json.loads(text)
    if notebook["nbformat"] == 4:
        for cell in notebook["cells"]:
            yield cell["metadata"].get("tags", []), "".join(cell["source"])


def _of_myst(text: str) -> Iterator[tuple[list[str], str]]:
    """Tags and source of the code cells of MyST text."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.front_matter import front_matter_plugin

    if not text.startswith("---"):  # without a header it is Markdown of another kind
        return
    depth = 0
    for token in MarkdownIt("commonmark").use(front_matter_plugin).disable("inline").parse(text + "\n"):
        depth += token.nesting
        if depth == 0 and token.type == "fence" and token.info.startswith(CELL):
            pattern = BLOCK if token.content.startswith("---") else COLONS
            parts = pattern.fullmatch(token.content)
            options = parts["options"] if parts else ""
            if pattern is COLONS:
                options = "\n".join(line.lstrip().removeprefix(":") for line in options.splitlines())
            lines = (parts["body"] if parts else token.content).splitlines()
            body = lines[1:] if lines and not lines[0].strip() else lines
            yield (yaml.safe_load(options) or {}).get("tags", []), "\n".join(body)
