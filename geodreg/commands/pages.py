"""``geodreg run`` and ``geodreg sweep``: pages with other parameters."""

from __future__ import annotations

import difflib
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from geodreg.book.execution import run_page
from geodreg.book.parameters import PageError, checked, declared
from geodreg.book.sweeps.columns import check_known_columns, check_table
from geodreg.book.sweeps.definition import NOTEBOOKS, SweepError, page_names, read_sweep, sweep_names
from geodreg.book.sweeps.results import Ending, prepare, to_be_made_again
from geodreg.book.sweeps.summary import INDEX, write_summary
from geodreg.commands.command_group import starting_with
from geodreg.workspace.locks import BusyError, alone, call_alone
from geodreg.workspace.unfinished import unfinished

__all__ = ["run_command", "sweep_command"]

# Those that this process may use, which a job of a cluster or `taskset` may have cut down.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_command(
    notebook: Annotated[
        str,
        typer.Argument(
            help="A page such as fig3-mnist-gan, or the path of a notebook.", autocompletion=starting_with(page_names)
        ),
    ],
    parameters: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME VALUE", help="A parameter; as often as needed.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The executed notebook; what the page writes comes beside it at the end.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only show the page's parameters.")] = False,
) -> None:
    """Execute a page with other parameters; their names, types and ranges are checked first."""
    source = find_page(notebook)
    if show:
        for parameter in declared(source).values():
            typer.echo(f"{parameter.name}: {parameter.kind} = {parameter.default}  {parameter.help}")
        return
    given = dict(map(_split, parameters or []))
    if "" in given:
        raise PageError(
            "-p needs the name of a parameter and a value, such as -p seed 1; `--show` lists the parameters."
        )
    output = out or Path("runs", "pages", source.stem, "page.ipynb")
    if output.suffix != ".ipynb":
        raise PageError(f"--out is {output}, which is not a notebook; give a name that ends with .ipynb.")
    checked(source, given)  # what is refused is refused before a folder is made
    try:
        with alone(output.parent, f"a page in {output.parent}"), unfinished(output) as page:
            run_page(source, page, given, progress=True)
    except BusyError as error:
        raise BusyError(f"{error} To run both at once, give this one another folder with --out.") from None
    typer.echo(f"Written: {output}")


def sweep_command(
    name: Annotated[
        str,
        typer.Argument(help="Name of a file in sweeps/, without .yaml.", autocompletion=starting_with(sweep_names)),
    ],
    cores: Annotated[int, typer.Option(help="Runs at a time on this machine.", min=1)] = CORES,
    profile: Annotated[Path | None, typer.Option(help="Snakemake profile of a cluster.", exists=True)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be run.")] = False,
) -> None:
    """Run a sweep, in parallel, and sum it up; what is there already is not run again."""
    sweep = read_sweep(name)
    runs = sweep.runs()
    check_table(sweep)
    check_known_columns(sweep, runs)
    if profile is not None:
        _check_paths_of_jobs()
    config = [f"sweep={sweep.file}", *(["dry_run=1"] if dry_run else [])]
    command = [sys.executable, "-m", "snakemake", "--snakefile", "sweep.smk", "--config", *config]
    command += ["--profile", str(profile)] if profile else ["--cores", str(cores)]
    command += ["--keep-going", "--retries", "1", "--rerun-incomplete", "--nolock", "--quiet", "host", "reason"]
    if dry_run:  # changes nothing: no lock and no parameters are written, and no damaged results put aside
        again = [str(path) for path in to_be_made_again(sweep)]
        command += ["--dry-run", *(["--forcerun", *again] if again else [])]
        raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own command
    with alone(sweep.folder, f"the sweep {name}") as lock:
        for sentence in prepare(sweep):
            typer.echo(sentence, err=True)
        code = call_alone(command, lock)
        endings = write_summary(sweep)
    counts = Counter(endings.values())
    typer.echo(f"{len(runs)} runs: {', '.join(f'{number} {ending}' for ending, number in counts.items())}.")
    typer.echo(f"Summary: {sweep.folder / INDEX}")
    for slug, ending in endings.items():
        if ending is not Ending.DONE:
            typer.echo(f"{ending}: {slug}", err=True)
    if code or counts[Ending.DONE] < len(runs):
        raise typer.Exit(code or 1)


def _check_paths_of_jobs() -> None:
    """Refuse what the scripts of a cluster's jobs cannot name: Snakemake writes these paths into them as they are.

    Raises:
        SweepError: if the environment or the folder has a space or another letter that means something to a shell.
    """
    for path in (sys.executable, str(Path.cwd())):
        if shlex.quote(path) != path:
            raise SweepError(
                f"The jobs of a cluster are started by scripts that cannot name {path}; for sweeps with a profile put "
                "the checkout into a folder whose path is of letters, digits and / . _ - alone."
            )


def find_page(notebook: str) -> Path:
    """The source of a page, by its name or its path.

    Raises:
        PageError: if there is none.
    """
    for path in (Path(notebook), NOTEBOOKS / f"{notebook}.md"):
        if path.is_file():
            return path
    known = page_names()
    near = difflib.get_close_matches(notebook, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the pages here are: {', '.join(known) or 'none'}."
    raise PageError(f"There is no page {notebook!r}; {hint}")


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
