"""A folder whose path is short enough for the sockets in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["short_folder"]

LONGEST = 103  # bytes of a socket's path: 107 on Linux, 103 on macOS (sun_path of unix(7), without its last zero)
NAME = 20  # bytes left for the name of a socket in the folder
USUAL = ("/tmp", "/var/tmp")  # noqa: S108 - the folder made there is this process's alone


@contextmanager
def short_folder() -> Iterator[Path | None]:
    """A folder for sockets, which nobody else may enter; it is gone afterwards.

    It is made where temporary files are, or, as clusters have long names for that, in the usual places.

    Yields:
        the folder; None if no place with a short path can be written.
    """
    for place in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR"), *USUAL):
        try:
            folder = tempfile.TemporaryDirectory(prefix="g", dir=place) if place else None
        except OSError:
            continue
        if folder is not None:
            with folder:
                if len(os.fsencode(folder.name)) + NAME <= LONGEST:
                    yield Path(folder.name)
                    return
    yield None
