"""Running a page: a notebook source through papermill, with the names of its parameters checked first."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from geodreg.book.paired import write_paired
from geodreg.book.parameters import PageError, checked, pair
from geodreg.book.rerun_note import is_earlier_note
from geodreg.errors import PlainError
from geodreg.workspace.files import FileError, has_its_sum, put_aside, sha256_of, sum_file, write_sum, write_whole
from geodreg.workspace.home import ensure_home
from geodreg.workspace.revision import sum_of_sources
from geodreg.workspace.sockets import short_folder

__all__ = ["forget_changed", "run_page"]

START_TIMEOUT = 600  # seconds; hundreds of kernels that start at once from one file system need minutes


def run_page(
    source: Path,
    output: Path,
    parameters: Mapping[str, Any] | None = None,
    progress: bool = False,
    refuse_edits: bool = False,
) -> None:
    """Execute a notebook source and write the executed notebook, complete or not at all.

    The page runs in the folder of the output, so that what it writes lies beside it.

    Args:
        source: MyST text (``.md``) or a notebook (``.ipynb``).
        output: the executed notebook.
        parameters: values that replace those of the page's parameters cell.
        progress: show a bar of the cells that are done, on a terminal.
        refuse_edits: write nothing if the source or the module was edited meanwhile. It is for an output that is newer
            than these files then, and would pass for made of what they are now.

    Raises:
        PageError: if a parameter is unknown or of the wrong type, the page does not start, a cell fails, or there were
            edits; the notebook that failed is kept beside the output, as ``<name>.failed.ipynb``.
    """
    before = _sums(source) if refuse_edits else {}
    values = checked(source, parameters or {})
    import nbformat  # these take seconds: what is refused is refused before
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    output.parent.mkdir(parents=True, exist_ok=True)
    failed = output.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch, short_folder() as sockets:
        plain, executed = Path(scratch) / f"{source.stem}.ipynb", Path(scratch) / "executed.ipynb"
        pair(source, plain)
        if source.suffix == ".ipynb":
            _remove_earlier_notes(plain)
        try:
            papermill.execute_notebook(
                plain,
                executed,
                values,
                cwd=output.parent,
                progress_bar={"disable": None} if progress else False,
                start_timeout=START_TIMEOUT,
                config=Config({"KernelManager": _connection(Path(scratch), sockets)}),
            )
        except PapermillExecutionError as error:
            try:
                _write_notebook(nbformat.read(executed, as_version=4), failed, source)
                look = f"Look at it with: jupyter lab {failed}"
            except FileError as unwritten:
                look = str(unwritten)
            raise PageError(
                f"{source}{_with(values)} failed in cell {error.exec_count}: {error.ename}: {error.evalue}\n{look}"
            ) from None
        except DeadKernelError:
            raise PageError(
                f"{source}{_with(values)} did not end: its process was killed, most often because the memory was full; "
                "call it again with less to do, or with more memory."
            ) from None
        except RuntimeError as error:  # Jupyter has no class of its own for a kernel that does not start
            if not str(error).startswith("Kernel "):
                raise
            raise PageError(
                f"{source}{_with(values)} did not start: {error}. Call it again; where many pages start at once, as on "
                "a cluster, let fewer do so at a time."
            ) from None
        after = _sums(source) if refuse_edits else {}
        if edited := [name for name, total in before.items() if after[name] != total]:
            raise PageError(f"{source}: {' and '.join(edited)} changed while it ran; call the same command again.")
        _write_notebook(nbformat.read(executed, as_version=4), output, source)


def _sums(source: Path) -> dict[str, str]:
    """What an executed page is made of, as far as somebody may edit it meanwhile, with sums."""
    return {"its source": sha256_of(source), "the module": sum_of_sources()}


def _connection(scratch: Path, sockets: Path | None) -> dict[str, str]:
    """How the kernel is reached: by sockets in a folder of our own instead of ports, which other users can see."""
    file = {"connection_file": str(scratch / "kernel.json")}  # not in the home directory, which may not be there
    return file if sockets is None else {**file, "transport": "ipc", "ip": str(sockets / "kernel")}


def _remove_earlier_notes(notebook: Path) -> None:
    """Take out what a notebook that was executed before says of the parameters of that run, where it is no output."""
    import nbformat

    content = nbformat.read(notebook, as_version=4)
    content.cells = [c for c in content.cells if not (c["cell_type"] == "markdown" and is_earlier_note(c["source"]))]
    nbformat.write(content, notebook)


def forget_changed(output: Path) -> str | None:
    """See to it that an output that is not what its run wrote is made again.

    Its sum is removed, which is what the build asks for; an output that was damaged or edited is put aside, not lost.

    Args:
        output: an executed notebook or a table, or where one will be.

    Returns:
        a sentence about what was found, or None if there was nothing to say.
    """
    if not sum_file(output).is_file() or has_its_sum(output):
        return None
    sum_file(output).unlink()
    if not output.is_file():
        return None
    aside = put_aside(output)
    return f"{output} is not what its run wrote (its sha256 differs); it is made again, and this one is now {aside}."


def _with(values: Mapping[str, Any]) -> str:
    return f" with {', '.join(f'{name} = {value!r}' for name, value in values.items())}" if values else ""


def _write_notebook(notebook: Any, path: Path, source: Path) -> None:  # noqa: ANN401 - nbformat's nodes have no types
    import nbformat

    notebook.metadata.papermill.update(input_path=source.name, output_path=path.name)  # no path of this machine
    write_whole(path, (nbformat.writes(notebook) + "\n").encode())


def main(
    source: Annotated[Path, typer.Argument(help="Notebook source.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Argument(help="Notebook to write; its sum is written last, beside it.")],
    only_pair: Annotated[bool, typer.Option("--pair", help="Write the notebook without executing it.")] = False,
) -> None:
    """Execute one page of the book, or write it as a plain notebook."""
    ensure_home()
    try:
        if only_pair:
            if said := write_paired(source, output):
                typer.echo(said, err=True)
        else:
            run_page(source, output, refuse_edits=True)
            write_sum(output)
    except (PlainError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
