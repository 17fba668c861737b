"""Downloads: over https, each file checked by its SHA-256 before it is put in its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from geodreg.datasets.root import DataError

__all__ = ["download"]


def download(source: str, checksums: Mapping[str, str], folder: Path) -> None:
    """Download the files that are missing or damaged, with a progress bar on a terminal.

    Args:
        source: address that the names are appended to.
        checksums: SHA-256 of each file, by its name.
        folder: where they go, by these names.

    Raises:
        DataError: if the address does not begin with https, or what arrives has not the sum expected; nothing of it is
            kept then.
        OSError: if the source cannot be reached.
    """
    import pooch
    from tqdm import tqdm

    if not source.startswith("https://"):
        raise DataError(f"{source} is not an address to download from; give one that begins with https://.")
    registry = {name: f"sha256:{checksum}" for name, checksum in checksums.items()}
    pooch.get_logger().setLevel("WARNING")  # a line for each file; the bar says as much
    files = pooch.create(folder, source, registry=registry, retry_if_failed=2)
    for name in tqdm(registry, unit="file", disable=None):
        try:
            files.fetch(name)
        except ValueError as error:
            raise DataError(f"{source}{name} is not the file expected: {error}") from None
