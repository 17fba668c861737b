"""One process at a time in a folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geodreg.errors import PlainError
from geodreg.workspace.files import FileError
from geodreg.workspace.home import ensure_home

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
        geodreg.workspace.files.FileError: if nothing can be written there.
    """
    import fcntl  # not on Windows, where the commands that call this have no make either

    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise FileError(
            f"{folder.absolute()} cannot be written, which {what} must: {error.strerror}. Work in a clone of your own, "
            "on a disk with room, or have its owner give you the right to write."
        ) from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(
                f"Process {file.read().strip() or '(unknown)'} runs {what} already; wait until it is done, or stop it."
            ) from None
        except OSError as error:
            raise FileError(
                f"{folder.absolute()} is on a file system without locks ({error.strerror}), which {what} needs; work "
                "in a clone on one that has them (Lustre: mounted with -o flock)."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def main(folder: str, what: str, *command: str) -> int:
    """Run a command while holding a folder, and return its exit code."""
    ensure_home()
    try:
        with alone(Path(folder), what):
            return subprocess.run(command, check=False).returncode  # noqa: S603 - the caller's own command
    except PlainError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
