"""What happens when a build, a page or a training is killed, two builds meet, the disk is full, or a page fails."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geodreg.workspace.files import has_its_sum
from tests.conftest import Command
from tests.projects import BARE, BUILD, NOTEBOOK, SMALL, call, hold, kill_when, make_project, start

ROOT = Path(__file__).parent.parent


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, 4 MB large."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs to mount a small file system, which only root may")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no room."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


def shown(notebook: Path) -> list[Any]:
    """What a notebook computes and shows, without times and identifiers."""
    return [(cell["source"], cell.get("outputs")) for cell in json.loads(notebook.read_text())["cells"]]


@pytest.mark.slow
def test_a_build_that_is_killed_in_a_notebook_is_finished_by_the_next_one(tmp_path: Path) -> None:
    undisturbed, disturbed = (make_project(tmp_path / name, page=BARE) for name in ("one", "other"))
    code, output = call(undisturbed, *BUILD, SMALL)
    assert code == 0, output
    held = hold(disturbed / NOTEBOOK.parent)
    kill_when(start(disturbed, *BUILD, SMALL), held.with_name("started").exists)
    held.unlink()
    assert not (disturbed / NOTEBOOK).exists()
    code, output = call(disturbed, *BUILD, SMALL)
    assert code == 0, output
    assert shown(disturbed / NOTEBOOK) == shown(undisturbed / NOTEBOOK)
    one, other = (project / "book" / "figures" for project in (undisturbed, disturbed))
    assert (one / "small.csv").read_bytes() == (other / "small.csv").read_bytes()
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}


@pytest.mark.slow
def test_two_builds_at_once_leave_one_and_the_other_says_so(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    held = hold(project / NOTEBOOK.parent)
    first = start(project, *BUILD, SMALL)
    while not held.with_name("started").exists():
        assert first.poll() is None
        time.sleep(0.05)
    code, output = call(project, *BUILD, SMALL)
    assert code == 1
    assert re.search(r"Process \d+ on \S+ runs a build already; wait until it is done, or stop it\.", output)
    held.unlink()
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert has_its_sum(project / NOTEBOOK)


@pytest.mark.slow
def test_a_page_that_fails_stops_the_build_and_leaves_what_was_there(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    (project / "notebooks" / "other.md").write_text(BARE)
    other = NOTEBOOK.with_name("other.ipynb")
    both = (SMALL, f"{other}.sha256")
    assert call(project, *BUILD, *both)[0] == 0
    before = [(project / notebook).read_bytes() for notebook in (NOTEBOOK, other)]
    (project / "notebooks" / "small.md").write_text(BARE.replace('word: str = "a"', 'word: str = "raise"'))
    code, output = call(project, *BUILD, *both)
    assert code == 1
    assert "notebooks/small.md failed in cell 3: RuntimeError: a cell that fails" in output
    assert "Look at it with: jupyter lab book/figures/small.failed.ipynb" in output
    assert [(project / notebook).read_bytes() for notebook in (NOTEBOOK, other)] == before
    assert call(project, *BUILD, *both)[0] == 1  # the earlier page does not pass for that of the new source
    (project / "notebooks" / "small.md").write_text(BARE)
    assert call(project, *BUILD, *both)[0] == 0
    assert not (project / NOTEBOOK).with_suffix(".failed.ipynb").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_a_page_whose_process_is_killed_is_told_in_a_sentence(tmp_path: Path, geodreg_in: Command) -> None:
    project = make_project(tmp_path, page=BARE)
    code, output = geodreg_in(project, "run", "small", "-p", "word", "die once", "--out", "out/page.ipynb")
    assert code == 1
    assert "small.md with word = 'die once' did not end: its process was killed, most often because the" in output
    assert "Traceback" not in output
    assert not (project / "out" / "page.ipynb").exists()


@pytest.mark.slow
def test_an_executed_page_that_was_damaged_is_made_again_and_the_damaged_one_kept(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    assert call(project, *BUILD, SMALL)[0] == 0
    before, damaged = shown(project / NOTEBOOK), (project / NOTEBOOK).read_bytes()[:-100]
    (project / NOTEBOOK).write_bytes(damaged)
    code, output = call(project, *BUILD, SMALL)
    assert code == 0, output
    aside = NOTEBOOK.with_suffix(".changed.ipynb")
    assert f"{NOTEBOOK} is not what its run wrote (its sha256 differs); it is made again" in output
    assert (project / aside).read_bytes() == damaged
    assert shown(project / NOTEBOOK) == before
    (project / NOTEBOOK).unlink()
    assert call(project, *BUILD, SMALL)[0] == 0
    assert shown(project / NOTEBOOK) == before


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_a_full_disk_while_a_notebook_is_written_keeps_the_earlier_one(
    full_disk: Path, tmp_path: Path, geodreg_in: Command
) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    out = full_disk / "page.ipynb"
    code, output = geodreg_in(project, "run", "small", "--out", str(out))
    assert code == 0, output
    before = out.read_bytes()
    fill(full_disk)
    code, output = geodreg_in(project, "run", "small", "-p", "x", "3.0", "--out", str(out))
    assert code == 1
    assert "No space left on device" in output
    assert out.read_bytes() == before
    (full_disk / "filler").unlink()
    assert geodreg_in(project, "run", "small", "-p", "x", "3.0", "--out", str(out))[0] == 0
    assert out.read_bytes() != before


@pytest.mark.slow
def test_a_full_disk_while_a_checkpoint_is_written_keeps_the_earlier_one(full_disk: Path, geodreg_in: Command) -> None:
    command = ["train", "circle-gan", "--steps", "1100", "--set", "batch_size=16", "--out", str(full_disk)]
    checkpoint = full_disk / "circle-gan.checkpoint"
    kill_when(start(ROOT, "geodreg", *command), checkpoint.exists)
    before = checkpoint.read_bytes()
    fill(full_disk)
    code, output = geodreg_in(ROOT, *command)
    assert code == 1
    assert "No space left on device" in output
    assert "Traceback" not in output
    assert checkpoint.read_bytes() == before
    (full_disk / "filler").unlink()
    code, output = geodreg_in(ROOT, *command)
    assert code == 0, output
    assert (full_disk / "circle-gan" / "weights.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("value", ['"; import os; os.system("touch hacked") #', "{{7*7}}", "x\n!touch hacked"])
@pytest.mark.usefixtures("forked_kernels")
def test_parameters_are_values_and_never_run(value: str, tmp_path: Path, geodreg_in: Command) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    code, output = geodreg_in(project, "run", "small", "-p", "word", value, "--out", "out/page.ipynb")
    assert code == 0, output
    assert not list(project.rglob("hacked"))
    assert pd.read_csv(project / "out" / "small.csv")["word"].item() == value


def test_the_book_names_tests_that_exist() -> None:
    text = (ROOT / "book" / "faults.md").read_text()
    named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", text)
    assert len(named) > 10
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / f"{file}.py").read_text(), test
