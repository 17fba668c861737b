"""The commands that Snakemake calls for a sweep, and for the chapters that sweeps have in the book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geodreg.book.sweeps.chapters import add_chapters
from geodreg.book.sweeps.definition import read_sweep
from geodreg.book.sweeps.results import execute, prepared
from geodreg.commands.command_group import PlainGroup
from geodreg.workspace.home import ensure_home

app = typer.Typer(cls=PlainGroup, no_args_is_help=True, add_completion=False, help="The commands behind `make sweep`.")


@app.command("run")
def run_command(name: str, slug: str) -> None:
    """Execute one run of a sweep, as it was prepared when the sweep was started."""
    sweep = read_sweep(name)
    execute(sweep, prepared(sweep, slug))


@app.command("chapters")
def chapters_command(
    book: Annotated[Path, typer.Option(help="Folder of the book.")],
    toc: Annotated[Path, typer.Option(help="Table of contents to write.")],
    sweeps: Annotated[list[str] | None, typer.Option("--sweep", help="A sweep that gets a chapter.")] = None,
) -> None:
    """Put the summaries of sweeps into the book."""
    add_chapters(sweeps or [], book, toc)


@app.callback()
def main() -> None:
    """The commands behind `make sweep`."""
    ensure_home()  # a node of a cluster may have none


if __name__ == "__main__":
    app()
