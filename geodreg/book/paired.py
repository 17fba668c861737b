"""A page as a notebook to work in, beside its source: ``make notebooks``."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geodreg.book.parameters import pair
from geodreg.workspace.files import put_aside, write_whole

__all__ = ["write_paired"]

OURS, WRITTEN = "geodreg", "written"  # where a notebook's metadata have the sum of the cells that were written


def write_paired(source: Path, notebook: Path) -> str | None:
    """Write a page as a notebook without outputs; one that somebody has edited or executed is put aside, not lost.

    Whether somebody has is seen by its cells, whose sum was written into it: Jupyter saves a notebook that nobody has
    changed in other words.

    Args:
        source: MyST text.
        notebook: to write.

    Returns:
        a sentence about one that was put aside, or None.

    Raises:
        geodreg.workspace.files.FileError: if it cannot be written; nothing half-written is left.
    """
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "page.ipynb"
        pair(source, plain)
        page = json.loads(plain.read_text(encoding="utf-8"))
    total = _sum_of_cells(page)
    page["metadata"].setdefault(OURS, {})[WRITTEN] = total
    said = None
    if notebook.is_file() and _is_changed(notebook, total):
        aside = put_aside(notebook)
        said = f"{notebook} was edited or executed; it is made again from {source}, and yours is now {aside}."
    write_whole(notebook, (json.dumps(page, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode())
    return said


def _is_changed(notebook: Path, total: str) -> bool:
    """Whether a notebook is neither what was written there nor what is to be written, as that of an earlier release."""
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        return _sum_of_cells(content) not in (content["metadata"].get(OURS, {}).get(WRITTEN), total)
    except (ValueError, KeyError, TypeError, AttributeError):  # no notebook, or one that was damaged
        return True


def _sum_of_cells(notebook: Mapping[str, Any]) -> str:
    """SHA-256 over what somebody may have written into the cells of a notebook, and what they have computed."""
    cells = [
        [
            cell["cell_type"],
            "".join(cell["source"]),
            cell["metadata"].get("tags", []),
            cell.get("attachments", {}),
            cell.get("outputs", []),
        ]
        for cell in notebook["cells"]
    ]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()
