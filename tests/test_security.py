"""What comes from outside: weights, downloads, and what the site loads."""

import gzip
import hashlib
import json
import pickle
import re
import shutil
from pathlib import Path

import pytest

from geodreg.datasets import DataError
from geodreg.datasets.download import download
from geodreg.datasets.mnist import CHECKSUMS, read_mnist
from geodreg.datasets.yale import SOURCE
from geodreg.models import ModelError
from geodreg.models.zoo import load_model
from tests.https import serving

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build" / "html"


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.file,)


def test_a_pickle_in_the_place_of_weights_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "data" / "models" / "circle-gan", tmp_path / "circle-gan")
    weights, card = tmp_path / "circle-gan" / "weights.safetensors", tmp_path / "circle-gan" / "card.json"
    weights.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    content = json.loads(card.read_text())
    content["files"]["weights.safetensors"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    card.write_text(json.dumps(content))
    monkeypatch.setenv("GEODREG_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="holds no weights of this architecture"):
        load_model("circle-gan")
    assert not (tmp_path / "sprung").exists()
    pickle.loads(weights.read_bytes())  # noqa: S301 - the trap would have worked
    assert (tmp_path / "sprung").exists()


@pytest.mark.slow
def test_downloads_are_over_https_and_only_what_has_the_sum_expected_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SOURCE.startswith("https://")
    with pytest.raises(DataError, match="give one that begins with https://"):
        download("http://127.0.0.1/", {"a": "0"}, tmp_path / "out")
    served = tmp_path / "served"
    served.mkdir()
    (served / "good").write_bytes(b"expected")
    (served / "bad").write_bytes(b"something else")
    expected = hashlib.sha256(b"expected").hexdigest()
    with serving(served, tmp_path) as (source, bundle):
        with pytest.raises(OSError, match="certificate"):
            download(source, {"good": expected}, tmp_path / "out")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        download(source, {"good": expected}, tmp_path / "out")
        with pytest.raises(DataError, match="bad is not the file expected"):
            download(source, {"bad": expected}, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


def test_an_archive_is_unpacked_only_if_it_is_the_one_expected(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    name = "t10k-images-idx3-ubyte.gz"
    (tmp_path / "mnist" / name).write_bytes(gzip.compress(bytes(10**8)))  # a hundred megabytes in a tenth of one
    with pytest.raises(DataError, match=f"{name} is damaged: its sha256 is .*, expected {CHECKSUMS[name]}"):
        read_mnist("test", tmp_path)
    assert [path.name for path in (tmp_path / "mnist").iterdir()] == [name]


@pytest.mark.skipif(not SITE.is_dir(), reason="needs the built site: make book")
def test_the_site_loads_no_script_or_style_of_another_host() -> None:
    pages = list(SITE.rglob("*.html"))
    assert pages
    for page in pages:
        for tag in re.findall(r"<(?:script|link|iframe|img)\b[^>]*>", page.read_text()):
            if 'rel="canonical"' not in tag:
                assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", tag), (page, tag)
