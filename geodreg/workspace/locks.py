"""One process at a time in a folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from geodreg.errors import PlainError

__all__ = ["BusyError", "alone"]

LOCK = ".lock"


class BusyError(PlainError):
    """Somebody else is at work in the same folder."""


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for as long as this process lives; the lock of a process that was killed is gone with it.

    Args:
        folder: is made if it is not there.
        what: runs in it, for the message.

    Raises:
        BusyError: if another process holds it.
    """
    import fcntl  # not on Windows, where the commands that call this have no make either

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(
                f"Process {file.read().strip() or '(unknown)'} runs {what} already; wait until it is done, or stop it."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def main(
    folder: Annotated[Path, typer.Argument(help="Folder to hold.")],
    what: Annotated[str, typer.Argument(help="What runs, for the message to others.")],
    command: Annotated[list[str], typer.Argument(help="The command.")],
) -> None:
    """Run a command while holding a folder."""
    try:
        with alone(folder, what):
            code = subprocess.run(command, check=False).returncode  # noqa: S603 - the caller's own command
    except BusyError as error:
        typer.echo(str(error), err=True)
        code = 1
    raise typer.Exit(code)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(main)
    app()
