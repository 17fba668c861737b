"""MNIST from its four original files, checked by their sums and read by torchvision."""

from __future__ import annotations

import gzip
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.datasets.download import download
from geodreg.datasets.root import data_root, verify_checksum

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CHECKSUMS", "Digits", "check_mnist", "fetch_mnist", "read_mnist", "verify_mnist"]

CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""SHA-256 of the original files."""

FOLDERS = ("mnist", "MNIST/raw")  # ours, and torchvision's
PREFIXES = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Digits:
    """Images ``(n, 28, 28)`` as grey values in [0, 1], 1 for ink, and their labels ``(n,)``."""

    images: Tensor
    labels: Tensor


def read_mnist(split: str, root: str | Path | None = None) -> Digits:
    """The training or the test digits, in the order of the files.

    Args:
        split: ``"train"`` (60,000) or ``"test"`` (10,000).
        root: the data root; the files are in its folder ``mnist`` or torchvision's ``MNIST/raw``, whichever has more
            of them.

    Raises:
        ValueError: if there is no such split.
        geodreg.datasets.DataError: if there is no data root, or a file is missing or damaged.
    """
    if split not in PREFIXES:
        raise ValueError(f"MNIST has no split {split!r}; choose {' or '.join(map(repr, PREFIXES))}.")
    from torchvision.datasets.mnist import read_image_file, read_label_file

    prefix = PREFIXES[split]
    base = data_root(root)
    folder = _folder(base)
    images, labels = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
    with tempfile.TemporaryDirectory() as unpacked:
        for name in (images, labels):
            packed = folder / f"{name}.gz"
            verify_checksum(packed, CHECKSUMS[packed.name], _mend(base))
            (Path(unpacked) / name).write_bytes(gzip.decompress(packed.read_bytes()))
        pixels = read_image_file(f"{unpacked}/{images}")
        return Digits(pixels.float() / 255.0, read_label_file(f"{unpacked}/{labels}"))


def verify_mnist(root: Path) -> int:
    """Check every file of MNIST below a data root.

    Returns:
        the number of files; 0 if there is no folder of them.

    Raises:
        geodreg.datasets.DataError: for the first file that is missing or damaged.
    """
    if not any((root / name).is_dir() for name in FOLDERS):
        return 0
    check_mnist(root)
    return len(CHECKSUMS)


def check_mnist(root: str | Path | None = None) -> None:
    """Check the four files below a data root, which must be there.

    Raises:
        geodreg.datasets.DataError: if there is no data root, or a file is missing or damaged.
    """
    base = data_root(root)
    folder = _folder(base)
    for name, sha256 in CHECKSUMS.items():
        verify_checksum(folder / name, sha256, _mend(base))


def _folder(root: Path) -> Path:
    """Where the files are read, and fetched to: of the two folders the one that has more of them, else ours."""
    folders = [root / name for name in FOLDERS]
    return max(folders, key=lambda folder: sum((folder / file).is_file() for file in CHECKSUMS))


def _mend(root: Path) -> str:
    return f"`geodreg data fetch mnist --root {shlex.quote(str(root))}` downloads it"


def fetch_mnist(root: str | Path) -> Path:
    """Download those of the four files that are missing or damaged to where they are read; check every one.

    Returns:
        their folder below the root: ``mnist``, or ``MNIST/raw`` where more of them lie there already.

    Raises:
        geodreg.datasets.DataError: if what arrives is damaged.
        OSError: if the mirror cannot be reached.
    """
    from torchvision.datasets import MNIST

    folder = _folder(Path(root))
    download(next(url for url in MNIST.mirrors if url.startswith("https://")), CHECKSUMS, folder)
    return folder
