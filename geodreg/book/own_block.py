"""The block of the page on one's own generator, run when the site is built, so that its picture is what it makes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["block_of"]


def block_of(page: str) -> str:
    """The Python that the first block of a page hands to the interpreter.

    Args:
        page: its text.

    Raises:
        ValueError: if there is none.
    """
    found = re.search(r"^python - <<'END'\n(.*?)^END$", page, flags=re.DOTALL | re.MULTILINE)
    if found is None:
        raise ValueError("The page has no block that begins with python - <<'END' and ends with END.")
    return found[1]


def main(
    page: Annotated[Path, typer.Argument(help="Page.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder that it writes into.")],
) -> None:
    """Run the block of a page in a folder."""
    out.mkdir(parents=True, exist_ok=True)
    code = block_of(page.read_text(encoding="utf-8"))
    run = subprocess.run([sys.executable, "-"], input=code, text=True, cwd=out, check=False)
    raise typer.Exit(run.returncode)


if __name__ == "__main__":
    typer.run(main)
