"""Files that belong together, put in place when all of them are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["unfinished"]


@contextmanager
def unfinished(output: Path) -> Iterator[Path]:
    """A place to write a file in and what belongs to it: at the end all of it comes beside the output, or nothing.

    It is a folder beside the output, ``<output>.unfinished``, which shows by links what else stands there: a program
    that runs in it finds what it would find there, and what :func:`~geodreg.workspace.files.write_whole` writes takes
    the place of a link, not of the file behind it. After an error the files that were written stay for a look, until
    the next time. Folders stay longer: a training that was stopped in one goes on there.

    It is for one process at a time: see :func:`geodreg.workspace.locks.alone`.

    Args:
        output: the file that is put in place last.

    Yields:
        where to write it.
    """
    folder, work = output.parent, output.with_suffix(".unfinished")
    work.mkdir(parents=True, exist_ok=True)
    for left in sorted(work.iterdir()):
        if left.is_symlink() or not left.is_dir():
            left.unlink()
    links = [_link(work / path.name) for path in sorted(folder.iterdir()) if path != work]
    whole = False
    try:
        yield work / output.name
        whole = True
    finally:
        for link in links:
            if link.is_symlink():
                link.unlink()
        if whole:
            for path in sorted(work.iterdir(), key=lambda path: path.name == output.name):
                _move(path, folder / path.name)
        with suppress(OSError):  # there is something to look at
            work.rmdir()


def _link(path: Path) -> Path:
    """Let a path stand for that of the same name one folder up, unless it stands for something itself."""
    if not path.exists():
        with suppress(OSError):  # of a file system without links; then what is there is not found
            path.symlink_to(Path("..", path.name))
    return path


def _move(path: Path, place: Path) -> None:
    """Put a file in the place of another one, and what a folder holds into one that is there."""
    if path.is_dir() and not path.is_symlink() and place.is_dir():
        for inner in sorted(path.iterdir()):
            _move(inner, place / inner.name)
        path.rmdir()
    else:
        path.replace(place)
