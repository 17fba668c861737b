"""Data sets: found, checked, and refused with the way out."""

import gzip
import hashlib
import itertools
import re
import shlex
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torchvision.datasets import MNIST
from typer.testing import CliRunner

from geodreg.commands.cli import app
from geodreg.datasets import DataError, data_root, find_data_root, mnist, read_mnist, ring, verify_mnist
from geodreg.datasets.mnist import CHECKSUMS
from tests.https import serving
from tests.needs import needs_mnist

LYING = ("nothing", "no file", "one missing", "one damaged", "all")
"""What may lie in a folder of MNIST."""


def test_ring_has_the_spread_asked_for() -> None:
    radius = ring(20_000, 0.2, torch.Generator().manual_seed(0)).norm(dim=-1)
    assert radius.mean().item() == pytest.approx(1.0, abs=0.01)
    assert radius.std().item() == pytest.approx(0.2, abs=0.01)


@needs_mnist
def test_mnist_is_the_real_one() -> None:
    digits = read_mnist("train")
    assert digits.images.shape == (60_000, 28, 28)
    assert digits.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert digits.images.mean().item() == pytest.approx(0.13066, abs=1e-4)
    assert digits.images.max() == 1.0


def test_missing_and_damaged_files_are_named_with_the_sum_and_the_command(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    name = "t10k-images-idx3-ubyte.gz"
    mend = f"`geodreg data fetch mnist --root {tmp_path}` downloads it"
    with pytest.raises(DataError, match=rf"{name} is missing \(expected sha256 {CHECKSUMS[name]}\); {mend}"):
        read_mnist("test", tmp_path)
    (tmp_path / "mnist" / name).write_bytes(b"truncated")
    with pytest.raises(DataError, match=rf"{name} is damaged: its sha256 is .*, expected {CHECKSUMS[name]}; {mend}"):
        read_mnist("test", tmp_path)


def test_no_data_root_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEODREG_DATA", str(tmp_path / "nowhere"))
    assert find_data_root() is None
    with pytest.raises(DataError, match=r"No data root: set GEODREG_DATA .* or run `geodreg data fetch mnist`"):
        data_root()
    with pytest.raises(DataError, match="is not a folder"):
        data_root(tmp_path / "nowhere")


def packed(content: bytes, *sizes: int) -> bytes:
    """Bytes of these sizes as a file of MNIST: its magic number, the sizes and the bytes."""
    return gzip.compress(struct.pack(f">{1 + len(sizes)}I", 0x800 + len(sizes), *sizes) + content, mtime=0)


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """Files of five digits each in place of MNIST's: known by their sums, and over https at the mirror."""
    files = {
        name: packed(bytes(5 * 784), 5, 28, 28) if "images" in name else packed(bytes(range(5)), 5)
        for name in CHECKSUMS
    }
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    served = tmp_path_factory.mktemp("served")
    for name, content in files.items():
        (served / name).write_bytes(content)
    monkeypatch.setattr(mnist, "CHECKSUMS", sums)
    with serving(served, tmp_path_factory.mktemp("certificates")) as (source, bundle):
        monkeypatch.setattr(MNIST, "mirrors", [source])
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        yield files


def lay(folder: Path, lying: str, files: dict[str, bytes]) -> None:
    """Put one of ``LYING`` into a folder."""
    if lying == "nothing":
        return
    folder.mkdir(parents=True)
    first, *others = files
    for name in {"no file": [], "one missing": others}.get(lying, [first, *others]):
        (folder / name).write_bytes(b"damaged" if lying == "one damaged" and name == first else files[name])


def test_the_command_that_an_error_names_mends_what_lies_in_either_folder(
    few_digits: dict[str, bytes], tmp_path: Path
) -> None:
    mended = 0
    for number, (ours, theirs) in enumerate(itertools.product(LYING, LYING)):
        root = tmp_path / f"root {number}"
        root.mkdir()
        lay(root / "mnist", ours, few_digits)
        lay(root / "MNIST" / "raw", theirs, few_digits)
        try:
            read_mnist("train", root)
        except DataError as error:
            (command,) = re.findall(r"`geodreg (.*?)`", str(error))
            result = CliRunner().invoke(app, shlex.split(command))
            assert result.exit_code == 0, (ours, theirs, result.output)
            mended += 1
        assert len(read_mnist("train", root).images) == len(read_mnist("test", root).labels) == 5, (ours, theirs)
        assert verify_mnist(root) == 4
    assert mended == 17  # of 25; the others had the whole of it in the folder that is read


def test_a_split_that_mnist_does_not_have_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^MNIST has no split 'val'; choose 'train' or 'test'\.$"):
        read_mnist("val")
