"""The Yale faces: names, sums, files missing, damaged or fetched."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from geodreg.commands.cli import app
from geodreg.datasets import DataError, data_root, fetch_yale, read_yale, yale, yale_lights, yale_subjects
from geodreg.models import ModelError
from geodreg.training.persons import person_model
from tests.https import serving
from tests.needs import needs_yale

FIRST = "yaleB22/yaleB22_P00A+000E+00.pgm"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A data root with one person, to be damaged."""
    shutil.copytree(data_root() / "yale_b" / "yaleB22", tmp_path / "yale_b" / "yaleB22")
    return tmp_path


def test_names_tell_the_light() -> None:
    assert yale.light_of("yaleB22_P00A-035E+15.pgm") == (-35.0, 15.0)
    assert yale.light_of("yaleB11_P00A+110E-20.pgm") == (110.0, -20.0)
    with pytest.raises(ValueError, match="names no light"):
        yale.light_of("yaleB22_P00_Ambient.pgm")


def test_sixty_four_lights_of_which_fourteen_are_behind() -> None:
    azimuth, elevation = yale_lights()
    assert len(set(zip(azimuth.tolist(), elevation.tolist(), strict=True))) == 64
    assert (azimuth.abs() > 90).sum() == 14
    assert (azimuth.equal(yale_lights("yaleB22")[0]), len(yale_subjects())) == (True, 28)


@needs_yale
def test_a_person_of_whom_images_are_missing_has_the_lights_of_the_others(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = {name: sum_ for name, sum_ in yale.yale_checksums().items() if not name.endswith("A+000E+20.pgm")}
    whole = read_yale("yaleB22", copied)
    monkeypatch.setattr(yale, "yale_checksums", lambda: fewer)
    faces = read_yale("yaleB22", copied)
    here = ~((whole.azimuth == 0) & (whole.elevation == 20))
    assert len(faces.images) == 63
    assert torch.equal(faces.images, whole.images[here])
    assert torch.equal(faces.azimuth, whole.azimuth[here])
    counts = [len(yale_lights(subject)[0]) for subject in ("yaleB11", "yaleB12", "yaleB16", "yaleB39")]
    assert counts == [60 - 1, 59 - 1, 62 - 1, 64 - 1]


@needs_yale
def test_images_are_in_the_order_of_the_lights() -> None:
    faces = read_yale("yaleB22")
    assert faces.images.shape == (64, 64, 64)
    assert 0 <= faces.images.min() < faces.images.max() <= 1
    right = faces.images[:, :, 32:].mean((1, 2)) - faces.images[:, :, :32].mean((1, 2))
    side = faces.azimuth.abs().sub(60).abs() <= 25  # lit from the side
    assert torch.equal(right[side] > 0, faces.azimuth[side] < 0)


@needs_yale
def test_the_original_archives_folder_is_read_too(copied: Path) -> None:
    before = read_yale("yaleB22", copied)
    (copied / "yale_b").rename(copied / "CroppedYale")
    assert torch.equal(read_yale("yaleB22", copied).images, before.images)


@needs_yale
@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_one_file_missing_or_damaged_is_named_with_its_sum_and_the_command(copied: Path, damage: str) -> None:
    path = copied / "yale_b" / FIRST
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "damaged":
        content[1000] ^= 1
        path.write_bytes(content)
    run = CliRunner().invoke(app, ["train", "yale-dcgan", "--data-root", str(copied), "--out", str(copied / "models")])
    assert run.exit_code == 1
    sentence = run.output.strip()
    assert "\n" not in sentence
    assert f"{FIRST} is {damage}" in sentence
    assert yale.yale_checksums()[FIRST] in sentence
    assert f"`geodreg data fetch yale --subject yaleB22 --root {copied}` downloads it" in sentence
    assert not (copied / "models").exists()


@pytest.mark.parametrize(
    "command", [["data", "fetch", "yale", "--subject", "yaleB99"], ["train", "yale-dcgan", "--subject", "yaleB99"]]
)
def test_a_subject_that_does_not_exist_is_refused_in_a_sentence(command: list[str], tmp_path: Path) -> None:
    run = CliRunner().invoke(app, command, env={"GEODREG_DATA": str(tmp_path)})
    assert run.exit_code == 1
    assert (
        run.output.strip()
        == f"No checksums are known of a subject 'yaleB99'; choose one of {', '.join(yale_subjects())}."
    )


def test_a_person_without_weights_is_told_how_to_get_them() -> None:
    with pytest.raises(
        ModelError, match=r"are of yaleB22, not of yaleB20; pass retrain=true \(-p retrain true\) with GEODREG_DATA set"
    ):
        person_model("yaleB20", retrain=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The data root's faces over https, in place of their source."""
    with serving(data_root() / "yale_b", tmp_path_factory.mktemp("certificates")) as (source, bundle):
        monkeypatch.setattr(yale, "SOURCE", source)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        yield


@needs_yale
@pytest.mark.usefixtures("server")
def test_fetching_downloads_what_is_missing_or_damaged_and_nothing_else(tmp_path: Path) -> None:
    folder = fetch_yale(tmp_path, "yaleB22")
    assert len(list(folder.iterdir())) == 64
    untouched = folder / "yaleB22_P00A+000E+20.pgm"
    before = untouched.stat().st_mtime_ns
    (tmp_path / "yale_b" / FIRST).write_bytes(b"damaged")
    fetch_yale(tmp_path, "yaleB22")
    assert untouched.stat().st_mtime_ns == before
    assert torch.equal(read_yale("yaleB22", tmp_path).images, read_yale("yaleB22").images)


def test_a_person_that_does_not_exist_is_not_told_to_train() -> None:
    with pytest.raises(DataError, match="No checksums are known of a subject 'yaleB99'"):
        person_model("yaleB99", retrain=False)


def test_a_root_without_the_person_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is missing \(expected sha256 [0-9a-f]{64}\)"):
        read_yale("yaleB19", tmp_path)


def test_the_command_that_an_error_names_takes_a_root_with_spaces(tmp_path: Path) -> None:
    root = tmp_path / "my data"
    root.mkdir()
    with pytest.raises(DataError) as refused:
        read_yale("yaleB19", root)
    (command,) = re.findall(r"`(.*?)`", str(refused.value))
    assert shlex.split(command) == ["geodreg", "data", "fetch", "yale", "--subject", "yaleB19", "--root", str(root)]
