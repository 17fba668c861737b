"""Where the files that come with the project are looked for, from any working directory and after an installation."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["places"]

PACKAGE = Path(__file__).resolve().parents[1]


def places(kind: str, variable: str) -> list[Path]:
    """Folders in which files of one kind may be, in the order in which they are tried.

    Args:
        kind: name of the folder in ``data``.
        variable: environment variable that names another folder; if it is set, that is the only place.

    Returns:
        that folder; or ``data/<kind>`` of the checkout that holds the package, and the copy installed with it.
    """
    named = os.environ.get(variable)
    return [Path(named)] if named else [PACKAGE.parent / "data" / kind, PACKAGE / "_data" / kind]
