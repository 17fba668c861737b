"""The commands that Snakemake calls for a sweep."""

from __future__ import annotations

import typer

from geodreg.errors import PlainError
from geodreg.sweeps.definition import read_sweep
from geodreg.sweeps.results import execute

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The commands behind `make sweep`.")


@app.command("run")
def run_command(name: str, slug: str) -> None:
    """Execute one run of a sweep."""
    sweep = read_sweep(name)
    try:
        execute(sweep, next(run for run in sweep.runs() if run.slug == slug))
    except PlainError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@app.callback()
def main() -> None:
    """The commands behind `make sweep`."""


if __name__ == "__main__":
    app()
