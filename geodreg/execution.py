"""Running a page: a notebook source through papermill, with the names of its parameters checked first."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["NotebookError", "pair", "run_page"]


class NotebookError(Exception):
    """A page that cannot be run as asked, or that failed; the message says where and what to do."""


def run_page(source: Path, output: Path, parameters: Mapping[str, Any] | None = None) -> None:
    """Execute a notebook source and write the executed notebook, complete or not at all.

    The page runs in the folder of the output, so that what it writes lies beside it.

    Args:
        source: MyST text (``.md``) or a notebook (``.ipynb``).
        output: the executed notebook.
        parameters: values that replace those of the page's parameters cell.

    Raises:
        NotebookError: if a parameter is unknown, or a cell fails; the notebook that failed is kept beside the output,
            as ``<name>.failed.ipynb``.
    """
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    output.parent.mkdir(parents=True, exist_ok=True)
    failed = output.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        plain, executed = Path(scratch) / f"{source.stem}.ipynb", Path(scratch) / "executed.ipynb"
        pair(source, plain)
        _check_names(source, papermill.inspect_notebook(plain), parameters or {})
        try:
            papermill.execute_notebook(
                plain,
                executed,
                dict(parameters or {}),
                cwd=output.parent,
                progress_bar=False,
                # Sockets in a folder of our own instead of ports, which other users could listen on.
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{scratch}/kernel"}}),
            )
        except PapermillExecutionError as error:
            _write_notebook(nbformat.read(executed, as_version=4), failed, source)
            raise NotebookError(
                f"{source} failed in cell {error.exec_count}: {error.ename}: {error.evalue}\n"
                f"Look at it with: jupyter lab {failed}"
            ) from None
        _write_notebook(nbformat.read(executed, as_version=4), output, source)


def pair(source: Path, notebook: Path) -> None:
    """Write a notebook source as a notebook without outputs."""
    import jupytext

    jupytext.write(jupytext.read(source), notebook)


def _check_names(source: Path, known: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    for name in parameters:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}."
            raise NotebookError(f"{source} has no parameter {name}; {hint}")


def _write_notebook(notebook: Any, path: Path, source: Path) -> None:  # noqa: ANN401 - nbformat's nodes have no types
    import nbformat

    notebook.metadata.papermill.update(input_path=source.name, output_path=path.name)  # no path of this machine
    part = path.with_suffix(".part")
    nbformat.write(notebook, part)
    part.replace(path)


def main(
    source: Annotated[Path, typer.Argument(help="Notebook source.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Argument(help="Notebook to write.")],
    only_pair: Annotated[bool, typer.Option("--pair", help="Write the notebook without executing it.")] = False,
) -> None:
    """Execute one page of the book, or write it as a plain notebook."""
    try:
        (pair if only_pair else run_page)(source, output)
    except NotebookError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
