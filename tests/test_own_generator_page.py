"""The code of the page on one's own generator runs, on random weights."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

import geodreg
from geodreg.book.own_block import block_of, main

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "book" / "own-generator.md"
app = typer.Typer()
app.command()(main)
SECTIONS = ["deciding", "latent-shapes", "density-and-ambient", "many-latents"]


def code_of(section: str) -> str:
    """The Python of a section, by its label."""
    text = PAGE.read_text().split(f"({section})=")[1].split("\n(")[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", text.split("\n## Choosing")[0], flags=re.DOTALL))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_code_of_a_section_runs(section: str) -> None:
    torch.manual_seed(0)
    decoders = [nn.Sequential(nn.Linear(16, 24), nn.SiLU(), nn.Linear(24, 30)).eval() for _ in range(2)]
    names = {
        "torch": torch,
        "geodreg": geodreg,
        "decoder": decoders[0],
        "other_decoder": decoders[1],
        "manifold": geodreg.LatentManifold(decoders[0], noise=0.05),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(code_of(section), f"{PAGE.name} ({section})", "exec"), names)  # noqa: S102 - the project's own page
    if section == "deciding":
        assert names["noise"] == 0.0 or names["stretch"] < names["noise"]  # type: ignore[operator]
        assert names["mu"] in names["table"]["mu"].tolist()  # type: ignore[index]
    if section == "latent-shapes":
        assert names["fan"].z.shape == (3, 9, 100, 1, 1)  # type: ignore[attr-defined]
        assert names["fan"].x.shape == (3, 9, 3, 8, 8)  # type: ignore[attr-defined]
    if section == "density-and-ambient":
        assert names["near"].converged  # type: ignore[attr-defined]
        assert names["of_each"].shape == (35, 2, 30)  # type: ignore[attr-defined]
    if section == "many-latents":
        assert names["frames"].shape == (120, 30)  # type: ignore[attr-defined]
        assert names["z"].grad.any()  # type: ignore[attr-defined]
        assert decoders[0][0].weight.grad is not None


@pytest.mark.parametrize("page", ["own-generator", "method"])
def test_a_table_of_statuses_has_each_with_what_it_counts_as(page: str) -> None:
    rows = re.findall(r"^\| (`[^|]+) \|(.*)\|$", (PAGE.parent / f"{page}.md").read_text(), flags=re.MULTILINE)
    found = {}
    for names, rest in rows:
        said = re.search(r"(?:^|\|) (yes|no) (?:\||$)", rest)
        for name in re.findall(r"`([^`]+)`", names):
            if said is not None:
                found[name.removesuffix("...").rstrip()] = said[1] == "yes"
    for status in geodreg.Status:
        told = [name for name in found if status.startswith(name)]
        assert len(told) == 1, (status, told)
        assert found[told[0]] == status.is_success, status


def drawn(folder: Path) -> np.ndarray:
    """The picture that the first block leaves in a folder."""
    picture = plt.imread(folder / "paths.png")
    assert picture.shape[:2] == (4 * 28, 12 * 28)
    assert np.ptp(picture[..., 0]) > 0.9
    return picture


@pytest.mark.slow
def test_the_first_block_is_short_and_installs_and_draws_in_a_clone(tmp_path: Path) -> None:
    """As it is printed, but that its new environment sees the packages of this one in place of the registry."""
    first = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)[0]
    assert len(first.strip().splitlines()) <= 15
    clone, tools = tmp_path / "clone", tmp_path / "tools"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(clone)], check=True)
    shutil.copy(PAGE, clone / "book")
    tools.mkdir()
    packages = sysconfig.get_path("purelib")
    python = tools / "python3"
    python.write_text(
        f'#!/bin/sh\n{shlex.quote(sys.executable)} "$@" && [ "$1 $2" = \'-m venv\' ] && '
        f'for own in "$3"/lib/python3*/site-packages; do echo {shlex.quote(packages)} > "$own/seen.pth"; done\n'
    )
    python.chmod(0o755)
    around = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    around |= {"PATH": f"{tools}:{os.defpath}", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    shell = ["bash", "-e", "-c", first]
    run = subprocess.run(shell, cwd=clone, env=around, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "objective" in run.stdout
    assert list((clone / "try").glob("lib/python3*/site-packages/geodreg-*.dist-info"))
    drawn(clone)


@pytest.mark.slow
def test_the_first_block_makes_the_picture_of_the_page(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(PAGE), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    drawn(tmp_path)
    with pytest.raises(ValueError, match="no block"):
        block_of("a page of words")
