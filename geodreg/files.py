"""Files that are written as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

from geodreg.errors import PlainError

__all__ = ["FileError", "write_whole"]


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
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FileError(
            f"{path} could not be written: {error.strerror}. What was there before is as it was; mend that, and call "
            "the same command again."
        ) from None
