"""The notebooks that readers take along: no MyST, which plain Jupyter would show as it is written."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pybtex.database

from geodreg.book.plain import Reader, plain_notebook
from geodreg.book.site.citations import name_and_year
from geodreg.workspace.files import write_whole

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["EXPORT", "without_outputs", "write_notebooks"]

EXPORT = "notebooks"
"""Folder beside the site's, for the notebooks without outputs that launch links open."""


def write_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Write each page that is a notebook twice: executed, for its download button, and without outputs, to be launched.

    In a download, other pages are links if ``html_baseurl`` says where the site is, and their titles alone otherwise,
    since nothing stands beside it; exported notebooks stand beside each other.
    """
    if exception is not None or app.builder.name != "html":
        return
    shutil.rmtree(Path(app.outdir).parent / EXPORT, ignore_errors=True)  # pages that are gone
    numbers = _numbers(app)
    works = _works(app)
    for name in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(name))
        if source.suffix != ".ipynb":
            continue
        notebook = json.loads(source.read_text(encoding="utf-8"))
        for folder, beside in ((Path(app.outdir, "_sources"), False), (Path(app.outdir).parent / EXPORT, True)):
            reader = Reader(
                refer=lambda target, words, name=name, beside=beside: _link(app, name, target, words, beside),  # type: ignore[misc]
                number=numbers.get,
                cite=lambda keys: f"({'; '.join(works.get(key, key) for key in keys)})",
                read=lambda file, folder=source.parent: (folder / file).read_text(encoding="utf-8"),  # type: ignore[misc]
            )
            plain = plain_notebook(notebook, reader, source.parent)
            target = folder / f"{name}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            content = without_outputs(plain) if beside else plain
            write_whole(target, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def without_outputs(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """A notebook as before its run: no outputs, no counts of cells, and no record of where it ran."""
    cells = []
    for cell in notebook["cells"]:
        metadata = {key: value for key, value in cell["metadata"].items() if key not in ("papermill", "execution")}
        run: dict[str, Any] = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
        cells.append({**cell, "metadata": metadata, **run})
    metadata = {key: value for key, value in notebook["metadata"].items() if key != "papermill"}
    return {**notebook, "cells": cells, "metadata": metadata}


def _numbers(app: Sphinx) -> dict[str, str]:
    """The numbers of equations and of figures, by label."""
    env = app.env
    found = {label: str(number) for label, (_, number) in env.get_domain("math").data["objects"].items()}
    for label, (page, anchor, _) in env.get_domain("std").data["labels"].items():
        figures = env.toc_fignumbers.get(page, {}).get("figure", {})
        if anchor in figures:
            found[label] = ".".join(map(str, figures[anchor]))
    return found


def _works(app: Sphinx) -> dict[str, str]:
    """Names and years of the works in the book's list, by key."""
    found: dict[str, str] = {}
    for file in app.config.bibtex_bibfiles:
        entries = pybtex.database.parse_file(str(Path(app.srcdir, file))).entries
        found |= {key: name_and_year(entry) for key, entry in entries.items()}
    return found


def _link(app: Sphinx, page: str, target: str, words: str | None, beside: bool) -> str:
    """A label, or a page, as Markdown."""
    labels, anonymous = (app.env.get_domain("std").data[name] for name in ("labels", "anonlabels"))
    path = str(Path(page).parent / target).removeprefix("./") if not target.startswith("/") else target[1:]
    if target in labels:
        document, anchor, title = labels[target]
    elif target in anonymous:
        (document, anchor), title = anonymous[target], target
    elif path in app.env.titles:
        document, anchor, title = path, "", app.env.titles[path].astext()
    else:
        return words or target
    shown = words or title
    if document == page:  # Jupyter names the place of a heading by its words
        return f"[{shown}](#{re.sub(r'[ ]', '-', title)})"
    if beside and Path(app.env.doc2path(document)).suffix == ".ipynb":
        return f"[{shown}]({Path(document).name}.ipynb)"
    base = app.config.html_baseurl
    if base:
        return f"[{shown}]({base.rstrip('/')}/{document}.html{f'#{anchor}' if anchor else ''})"
    return f"*{shown}*"
