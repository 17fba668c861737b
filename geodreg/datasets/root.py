"""Where the data sets lie, and whether a file is the one meant."""

from __future__ import annotations

import os
from pathlib import Path

from geodreg.errors import PlainError
from geodreg.workspace.files import sha256_of

__all__ = ["DataError", "data_root", "find_data_root", "verify_checksum"]


class DataError(PlainError):
    """A data file that is missing or damaged; the message names it and says how to mend that."""


def find_data_root(*folders: str) -> Path | None:
    """The data root, or None if there is none.

    It is ``$GEODREG_DATA`` if that is set, else ``data/raw`` below the working directory, else below the checkout.

    Args:
        folders: of a data set; a root that holds none of them counts for nothing.
    """
    named = os.environ.get("GEODREG_DATA")
    checkout = Path(__file__).resolve().parents[2]
    places = [Path(named)] if named else [Path("data/raw"), checkout / "data" / "raw"]
    roots = (place for place in places if place.is_dir())
    return next((root for root in roots if not folders or any((root / name).is_dir() for name in folders)), None)


def data_root(named: str | Path | None = None) -> Path:
    """The data root named by the caller, or else the one that :func:`find_data_root` finds.

    Raises:
        DataError: if there is no such folder.
    """
    if named is not None:
        if not Path(named).is_dir():
            raise DataError(f"The data root {named} is not a folder; name the folder that holds mnist/ and yale_b/.")
        return Path(named)
    root = find_data_root()
    if root is None:
        raise DataError(
            "No data root: set GEODREG_DATA to the folder that holds mnist/ and yale_b/, "
            "or run `geodreg data fetch mnist` or `geodreg data fetch yale`, which make data/raw."
        )
    return root


def verify_checksum(path: Path, sha256: str, mend: str) -> None:
    """Check that a file is there and has the SHA-256 sum expected of it.

    Raises:
        DataError: if it is missing or differs; the message ends with ``mend``, the way out.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing (expected sha256 {sha256}); {mend}.")
    found = sha256_of(path)
    if found != sha256:
        raise DataError(f"{path} is damaged: its sha256 is {found}, expected {sha256}; {mend}.")
