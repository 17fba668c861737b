"""Papermill's command line as far as the first cell of a page, without a kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from papermill.cli import papermill

from geodreg.book.notebook import check_parameters
from geodreg.book.parameters import pair


def through_papermill(source: Path, *options: str) -> dict[str, Any]:
    """What the first cell of a page finds, if papermill's own command line is given options."""
    notebook, out = source.with_suffix(".in.ipynb"), source.with_suffix(".out.ipynb")
    pair(source, notebook)
    words = [str(notebook), str(out), *options, "--prepare-only", "--no-progress-bar"]
    result = CliRunner().invoke(papermill, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    cells = ["".join(cell["source"]) for cell in json.loads(out.read_text())["cells"] if cell["cell_type"] == "code"]
    n_cells = 2 if "# Parameters" in cells[1] else 1
    namespace: dict[str, Any] = {"In": ["", *cells[:n_cells], "from geodreg.book import notebook\nbegin(globals())"]}
    for cell in cells[:n_cells]:
        exec(cell, namespace)  # noqa: S102 - as the kernel does
    return check_parameters(namespace)
