"""The commands where they succeed: what they write and say. What they refuse is in other tests."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from geodreg.commands.cli import app
from geodreg.commands.pictures import read_picture
from geodreg.models.zoo import load_model
from geodreg.training.names import MODELS

COMMANDS = ["train", "interpolate", "run", "sweep", "info", "models", "data fetch", "data verify"]


def called(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_of_the_command(command: str) -> None:
    assert f"Example: geodreg {command}" in " ".join(called(*command.split(), "--help").output.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("geodreg tra", {"train"}),
        ("geodreg train mnist-v", {"mnist-vae"}),
        ("geodreg interpolate --model circ", {"circle-gan"}),
        ("geodreg run fig3-mnist-", {"fig3-mnist-gan", "fig3-mnist-vae"}),
        ("geodreg sweep n", {"n_points", "noise"}),
        ("geodreg data fetch ", {"mnist", "yale"}),
    ],
)
def test_the_shell_completes_names(words: str, expected: set[str]) -> None:
    result = CliRunner().invoke(
        app, prog_name="geodreg",
        env={"_GEODREG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
    )  # fmt: skip
    assert set(result.output.split()) == expected


def test_a_pair_of_the_figure_becomes_a_strip_and_a_table(tmp_path: Path) -> None:
    strip, table = tmp_path / "new" / "strip.png", tmp_path / "paths.csv"
    words = ("interpolate", "--model", "mnist-vae", "--pair", "2", "--points", "9", "--table", str(table))
    result = called(*words, "--out", str(strip))
    for method in ("GeodReg: 1 by geodreg, mu 0.1", "Geod: 1 by geodesic", "StraightZ: 1 by straight"):
        assert method in result.output
    assert np.asarray(Image.open(strip)).std() > 0
    points = pd.read_csv(table)
    assert points.groupby("method").size().to_dict() == {"geodesic": 100, "geodreg": 100, "straight": 100}
    called(*words, "--out", str(tmp_path / "again.png"))
    assert (tmp_path / "again.png").read_bytes() == strip.read_bytes()  # the same seed, the same path


def test_two_pictures_are_joined_through_the_latents_that_make_them(tmp_path: Path) -> None:
    model = load_model("mnist-vae")
    with torch.no_grad():
        images = model.generator(torch.randn(2, model.latent_dim, generator=torch.Generator().manual_seed(1)))
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file, image in zip(files, images, strict=True):
        Image.fromarray((255 * (1 - image)).round().byte().numpy()).save(file)  # as ink on paper
    result = called(
        "interpolate", "--model", "mnist-vae", "--from", str(files[0]), "--to", str(files[1]), "--points", "5",
        "--out", str(tmp_path / "strip.svg"),
    )  # fmt: skip
    differences = re.findall(r"differs by (\d+) % of the picture's norm", result.output)
    assert [int(share) <= 1 for share in differences] == [True, True], result.output
    assert result.output.count("taken for dark ink on a bright ground, and turned around") == 2
    assert (tmp_path / "strip.svg").read_text().startswith("<?xml")


def test_pictures_of_sixteen_bits_and_transparent_ones_have_the_grey_values_they_show(tmp_path: Path) -> None:
    deep, file = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16), tmp_path / "picture.png"
    Image.fromarray(deep).save(file)
    torch.testing.assert_close(read_picture(file, (16, 16), ink=False).double() * 65535, torch.tensor(deep).double())
    drawn = np.zeros((4, 4, 4), dtype=np.uint8)
    drawn[1, 2] = (0, 0, 0, 255)  # one black pixel, and nothing else
    Image.fromarray(drawn).save(file)
    expected = torch.ones(4, 4)
    expected[1, 2] = 0.0
    assert torch.equal(read_picture(file, (4, 4), ink=False), expected)


def test_info_names_versions_devices_and_every_model_with_its_sums() -> None:
    lines = called("info").output.splitlines()
    assert f"torch {torch.__version__.split('+')[0]}," in lines[1]
    assert lines[2].startswith("Devices: cpu")
    whole = {line.split(":")[0] for line in lines if "files with the right sums" in line}
    assert whole - {"MNIST", "Extended Yale B"} == set(MODELS)


@pytest.mark.slow
def test_the_module_is_the_command_too() -> None:
    run = subprocess.run([sys.executable, "-m", "geodreg", "--help"], capture_output=True, text=True, check=True)
    assert "Exit code 0: done; 1: not done, for the reason in the last sentence" in " ".join(run.stdout.split())
