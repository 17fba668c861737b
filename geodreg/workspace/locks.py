"""One process at a time in a folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from geodreg.errors import PlainError
from geodreg.workspace.files import FileError
from geodreg.workspace.home import ensure_home

__all__ = ["BusyError", "alone", "call_alone"]

LOCK = ".lock"


class BusyError(PlainError):
    """Somebody else is at work in the same folder."""


@contextmanager
def alone(folder: Path, what: str) -> Iterator[int]:
    """Hold a folder for as long as this process lives; the lock of a process that was killed is gone with it.

    Args:
        folder: is made if it is not there.
        what: runs in it, for the message.

    Yields:
        the lock, for a command that is to hold the folder too: :func:`call_alone`.

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
        _sign(file.fileno(), os.getpid())
        yield file.fileno()


def call_alone(command: Sequence[str], lock: int) -> int:
    """Run a command that holds a folder for as long as it lives, even if this process is killed.

    It is never killed from here. What ends programs (SIGTERM) is passed on to it, and an interrupt at the terminal
    (SIGINT) reaches it without that; either way it ends as it sees fit, and is waited for.

    Args:
        command: inherits the lock; what it starts does not, unless it passes the lock on.
        lock: from :func:`alone`.

    Returns:
        its exit code.
    """
    with subprocess.Popen(command, pass_fds=(lock,)) as process:  # noqa: S603 - the caller's own command
        before = signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        _sign(lock, process.pid)  # the one to wait for, or to stop
        try:
            while True:
                with suppress(KeyboardInterrupt):
                    return process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
            _sign(lock, os.getpid())


def _sign(lock: int, process: int) -> None:
    """Write into a lock who holds it."""
    with suppress(OSError):  # on a full disk it holds without a name
        os.ftruncate(lock, 0)
        os.write(lock, f"{process} on {socket.gethostname()}".encode())  # at its end: it was opened to append


def main(folder: str, what: str, *command: str) -> int:
    """Run a command while holding a folder, and return its exit code."""
    ensure_home()
    try:
        with alone(Path(folder), what) as lock:
            return call_alone(command, lock)
    except PlainError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
