"""Files that are written as a whole or not at all, and the sums that show whether they still are."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from geodreg.errors import PlainError

__all__ = ["FileError", "date_now", "has_its_sum", "put_aside", "sha256_of", "sum_file", "write_sum", "write_whole"]

LONG_PAST = 86_400 * 10**9  # nanoseconds since 1970: its second day, in every time zone


class FileError(PlainError):
    """A file that could not be written; what was there before is still there."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, and then put it there; an earlier one stays until then.

    Args:
        path: of the file.
        content: all of it.

    Raises:
        FileError: if it cannot be written, such as on a full disk; nothing half-written is left.
    """
    machine = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:4]
    ours = f"{path.name}.{machine}-"  # two processes may write the same file
    part = path.with_name(f"{ours}{os.getpid()}-{threading.get_native_id()}.part")
    try:
        for left in path.parent.glob(f"{glob.escape(ours)}*.part"):
            if not _is_running(left.name.removeprefix(ours).split("-")[0]):
                left.unlink(missing_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # where nothing may be written, nothing may be removed
            part.unlink(missing_ok=True)
        raise FileError(
            f"{path} could not be written: {error.strerror}. What was there before is as it was; mend that, and call "
            "the same command again."
        ) from None


def _is_running(process: str) -> bool:
    """Whether there is a process of that number on this machine, as far as one can tell."""
    if os.name != "posix" or not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sum_file(path: Path) -> Path:
    """Where the SHA-256 of a file stands: beside it, as ``sha256sum`` writes it.

    Example:
        >>> sum_file(Path("results.csv")).name
        'results.csv.sha256'
    """
    return path.with_name(f"{path.name}.sha256")


def write_sum(path: Path) -> None:
    """Write the sum of a file beside it.

    Raises:
        FileError: as :func:`write_whole`.
    """
    write_whole(sum_file(path), f"{sha256_of(path)}  {path.name}\n".encode())


def has_its_sum(path: Path) -> bool:
    """Whether a file and its sum are there and agree."""
    beside = sum_file(path)
    return path.is_file() and beside.is_file() and beside.read_text(encoding="utf-8").split()[:1] == [sha256_of(path)]


def put_aside(path: Path) -> Path:
    """Rename a file that somebody has changed, so that it can be made again; what was put aside before stays.

    Returns:
        where it is now: ``page.changed.ipynb`` for ``page.ipynb``, or ``page.changed-2.ipynb`` if that is taken.
    """
    endings = itertools.chain([".changed"], (f".changed-{number}" for number in itertools.count(2)))
    places = (path.with_suffix(f"{ending}{path.suffix}") for ending in endings)
    return path.replace(next(place for place in places if not place.exists()))


def date_now(sources: Iterable[Path], made: Iterable[Path] = ()) -> list[Path]:
    """Date files of the future so that what is made of them is newer, and that it is seen whether it still is.

    There are such files after a clock was set back, and where a server of files has another clock. Sources are dated as
    of now, in the order that they had. What was made in the future is dated as long past: whether its sources were
    changed since cannot be told from dates.

    Args:
        sources: files that may be absent.
        made: what was made of them, as well.

    Returns:
        those that were of the future.
    """
    now = time.time_ns()
    ahead = sorted((date, path) for path in sources if path.is_file() and (date := path.stat().st_mtime_ns) > now)
    late = [path for path in made if path.is_file() and path.stat().st_mtime_ns > now]
    dates = {path: now + 1000 * rank for rank, (_, path) in enumerate(ahead)} | dict.fromkeys(late, LONG_PAST)
    for path, date in dates.items():
        with contextlib.suppress(PermissionError):  # somebody else's; Snakemake then says what is wrong
            os.utime(path, ns=(date, date))
    return list(dates)
