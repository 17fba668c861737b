"""Data sets: found, checked, and refused with the way out."""

from pathlib import Path

import pytest
import torch

from geodreg.datasets import DataError, data_root, find_data_root, read_mnist, ring
from geodreg.datasets.mnist import CHECKSUMS
from tests.needs import needs_mnist


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
