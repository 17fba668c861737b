"""A home directory for programs that keep caches and settings there."""

from __future__ import annotations

import atexit
import getpass
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["ensure_home"]


def ensure_home() -> None:
    """Give this process and those that it starts a home and a name, where they have none.

    Jobs of clusters and containers may run without a home directory that can be written, or as a user whom the system
    does not know. Snakemake, Jupyter and Matplotlib then end with a traceback, or say what nobody asked for. The home
    that they get is empty, and is removed when this process ends.
    """
    if not _can_be_written():
        folder = tempfile.mkdtemp(prefix="home-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["HOME"] = folder
    try:
        getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13
        os.environ["USER"] = str(os.getuid())


def _can_be_written() -> bool:
    try:
        home = Path.home()
    except RuntimeError:  # of a user whom the system does not know
        return False
    # Path.is_dir() would raise, before Python 3.14, where this user may not look and where a mount has gone stale.
    return os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)  # noqa: PTH112
