"""Running a page: a notebook source through papermill, with the names of its parameters checked first."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from geodreg.book.parameters import PageError, Parameter, checked, declared, pair
from geodreg.errors import PlainError
from geodreg.workspace.files import FileError, has_its_sum, sum_file, write_sum, write_whole
from geodreg.workspace.home import ensure_home
from geodreg.workspace.sockets import short_folder

__all__ = ["forget_changed", "run_page"]


def run_page(source: Path, output: Path, parameters: Mapping[str, Any] | None = None, progress: bool = False) -> None:
    """Execute a notebook source and write the executed notebook, complete or not at all.

    The page runs in the folder of the output, so that what it writes lies beside it.

    Args:
        source: MyST text (``.md``) or a notebook (``.ipynb``).
        output: the executed notebook.
        parameters: values that replace those of the page's parameters cell.
        progress: show a bar of the cells that are done, on a terminal.

    Raises:
        PageError: if a parameter is unknown or of the wrong type, or a cell fails; the notebook that failed is kept
            beside the output, as ``<name>.failed.ipynb``.
    """
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
        if values:
            _announce(plain, differences(declared(source), values))
        try:
            papermill.execute_notebook(
                plain,
                executed,
                values,
                cwd=output.parent,
                progress_bar={"disable": None} if progress else False,
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
        _write_notebook(nbformat.read(executed, as_version=4), output, source)


def _connection(scratch: Path, sockets: Path | None) -> dict[str, str]:
    """How the kernel is reached: by sockets in a folder of our own instead of ports, which other users can see."""
    file = {"connection_file": str(scratch / "kernel.json")}  # not in the home directory, which may not be there
    return file if sockets is None else {**file, "transport": "ipc", "ip": str(sockets / "kernel")}


def differences(known: Mapping[str, Parameter], values: Mapping[str, Any]) -> str:
    """What a rerun says of itself: the parameters that it changes, with their defaults, as Markdown.

    Example:
        >>> known = {"mu": Parameter("mu", "float", "0.1", "weight"), "seed": Parameter("seed", "int", "0", "")}
        >>> differences(known, {"mu": 0.5, "seed": 0})
        '**A rerun with other parameters:** `mu` = 0.5 (default 0.1). Everything else is as on the page.'
    """
    changed = [
        f"`{name}` = {value!r} (default {known[name].default})"
        for name, value in values.items()
        if value != _literal(known[name].default)
    ]
    if not changed:
        return "**A rerun with the page's own parameters.**"
    return f"**A rerun with other parameters:** {', '.join(changed)}. Everything else is as on the page."


def _literal(text: str) -> object:
    """The value that a literal stands for; whatever else a default may be differs from every value."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return object()


def _announce(notebook: Path, note: str) -> None:
    """Put a note below the title of a notebook."""
    import nbformat

    content = nbformat.read(notebook, as_version=4)
    first = next(i for i, cell in enumerate(content.cells) if "parameters" in cell["metadata"].get("tags", []))
    content.cells.insert(first, nbformat.v4.new_markdown_cell(note))
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
    aside = output.with_suffix(f".changed{output.suffix}")
    output.replace(aside)
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
            pair(source, output)
        else:
            run_page(source, output)
            write_sum(output)
    except (PlainError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
