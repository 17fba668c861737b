"""What happens when a build, a page or a training is killed, two builds meet, the disk is full, or a page fails."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geodreg.book import execution
from geodreg.book.execution import run_page
from geodreg.book.parameters import PageError
from geodreg.book.sweeps.definition import slug_of
from geodreg.workspace.files import has_its_sum
from geodreg.workspace.locks import BusyError, alone
from tests.conftest import Command
from tests.projects import BARE, BUILD, NOTEBOOK, SMALL, SWEEP, call, hold, kill_when, make_project, start

ROOT = Path(__file__).parent.parent


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a process has made a file."""
    deadline = time.monotonic() + 120
    while not file.exists():
        assert process.poll() is None, process.communicate()[0]
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"there is no {file}")
        time.sleep(0.05)


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
    wait_for(held.with_name("started"), first)
    code, output = call(project, *BUILD, SMALL)
    assert code == 1
    assert re.search(r"Process \d+ on \S+ runs a build already; wait until it is done, or stop it\.", output)
    held.unlink()
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert has_its_sum(project / NOTEBOOK)


STUBBORN = """import os, signal, time
from pathlib import Path

signal.signal(signal.SIGTERM, lambda *_: Path("told").touch())
Path("process").write_text(str(os.getpid()))
Path("started").touch()
while Path("held").exists():
    time.sleep(0.02)
"""
"""A command that ends when it has ended, whatever it is told."""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_folder_is_held_for_as_long_as_the_command_in_it_lives(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "geodreg").symlink_to(ROOT / "geodreg")
    held = hold(tmp_path)
    command = (sys.executable, "-c", STUBBORN)
    process = start(tmp_path, "geodreg.workspace.locks", "folder", "a build", *command)
    wait_for(tmp_path / "started", process)
    process.send_signal(number)  # to the one that called the command, and not to that
    if number is signal.SIGTERM:
        wait_for(tmp_path / "told", process)
    if number is signal.SIGKILL:
        process.wait(timeout=60)
    else:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
    working = (tmp_path / "process").read_text()
    with pytest.raises(BusyError, match=rf"Process {working} on \S+ runs a build already"):
        hold_once(tmp_path / "folder")
    held.unlink()
    process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    assert (tmp_path / "told").exists() == (number is signal.SIGTERM)
    with (tmp_path / "folder" / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits until it is free, which it is as soon as the command has ended


def hold_once(folder: Path) -> None:
    with alone(folder, "a build"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edited", "sentence"),
    [
        ("notebooks/small.md", "its source changed while it ran; call the same command again."),
        ("geodreg/errors.py", "the module changed while it ran; call the same command again."),
    ],
)
def test_an_edit_while_a_page_runs_is_seen_and_in_the_page_of_the_next_build(
    edited: str, sentence: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    (project / "geodreg").unlink()
    shutil.copytree(ROOT / "geodreg", project / "geodreg", ignore=shutil.ignore_patterns("__pycache__"))
    held = hold(project / NOTEBOOK.parent)
    build = start(project, *BUILD, SMALL)
    wait_for(held.with_name("started"), build)
    with (project / edited).open("a") as file:
        file.write("\n# edited\n")
    held.unlink()
    output, _ = build.communicate(timeout=120)
    assert build.returncode == 1
    assert f"notebooks/small.md: {sentence}" in output
    assert not (project / NOTEBOOK).exists()
    assert not (project / SMALL).exists()
    code, output = call(project, *BUILD, SMALL)
    assert code == 0, output
    assert has_its_sum(project / NOTEBOOK)
    assert "Executing" not in call(project, *BUILD, SMALL)[1]


@pytest.mark.slow
def test_an_edit_while_a_run_of_a_sweep_is_made_is_in_its_results(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", SWEEP.replace("[1.0, 2.0, 3.0]", "[2.0]"), BARE)
    folder = project / "runs" / "sweeps" / "small"
    held = hold(folder / slug_of({"x": 2.0}))
    sweep = start(project, "geodreg", "sweep", "small", "--cores", "1")
    wait_for(held.with_name("started"), sweep)
    (project / "notebooks" / "small.md").write_text(BARE.replace("x * x", "x * x + 1"))
    held.unlink()
    output, _ = sweep.communicate(timeout=300)
    assert "its source changed while it ran" in output  # and was run again, as whatever fails is
    assert sweep.returncode == 0, output
    assert pd.read_csv(folder / "results.csv")["y"].tolist() == [5.0]


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
def test_two_reruns_into_one_folder_at_once_leave_one_and_the_other_says_so(
    tmp_path: Path, geodreg_in: Command
) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    out = project / "runs" / "pages" / "small"  # where a rerun goes that names no other place
    held = hold(out)
    first = start(project, "geodreg", "run", "small", "-p", "x", "2")
    wait_for(out / "page.unfinished" / "started", first)
    code, output = geodreg_in(project, "run", "small", "-p", "x", "3")
    assert code == 1
    assert re.search(r"Process \d+ on \S+ runs a page in runs/pages/small already; .* another folder with", output)
    held.unlink()
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    assert {path.name for path in out.iterdir()} == {".lock", "page.ipynb", "small.csv", "started"}
    assert pd.read_csv(out / "small.csv")["y"].tolist() == [4.0]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_a_rerun_that_fails_leaves_the_notebook_and_the_tables_of_the_earlier_one(
    tmp_path: Path, geodreg_in: Command
) -> None:
    late = '\n```{code-cell} ipython3\nif word == "raise late":\n    raise RuntimeError("after its table")\n```\n'
    project = make_project(tmp_path / "project", page=BARE + late)
    out = project / "out"
    rerun = ("run", "small", "--out", "out/page.ipynb", "-p", "x")
    code, output = geodreg_in(project, *rerun, "2")
    assert code == 0, output
    files = [out / name for name in ("page.ipynb", "small.csv")]
    before = [file.read_bytes() for file in files]
    code, output = geodreg_in(project, *rerun, "3", "-p", "word", "raise late")
    assert code == 1
    assert "Look at it with: jupyter lab out/page.unfinished/page.failed.ipynb" in output
    assert [file.read_bytes() for file in files] == before
    assert pd.read_csv(out / "page.unfinished" / "small.csv")["y"].tolist() == [9.0]
    code, output = geodreg_in(project, *rerun, "4")
    assert code == 0, output
    assert pd.read_csv(out / "small.csv")["y"].tolist() == [16.0]
    assert not (out / "page.unfinished").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (["false"], "Kernel died before replying to kernel_info"),
        (["sleep", "60"], "Kernel didn't respond in 1 seconds"),
    ],
)
def test_a_page_that_does_not_start_is_told_in_a_sentence(
    kernel: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kernels" / "mute"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": kernel, "display_name": "Mute", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setattr(execution, "START_TIMEOUT", 1)
    page = tmp_path / "page.md"
    page.write_text(BARE.replace("name: python3", "name: mute"))
    with pytest.raises(PageError, match=rf"page\.md did not start: {reason}\. Call it again; where many pages start"):
        run_page(page, tmp_path / "out.ipynb")
    assert not list(tmp_path.glob("out*"))


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
