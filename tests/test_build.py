"""What the build thinks it must do again after a change, and what it leaves alone."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from geodreg.book.paired import write_paired
from geodreg.book.parameters import pair
from geodreg.workspace.files import write_sum
from tests.conftest import Once
from tests.projects import BARE, BUILD, call, make_project

ROOT = Path(__file__).parent.parent
DATA = [
    "data/models",
    "data/benchmarks",
    "data/trial",
    "data/trainings",
    "data/densities",
    "data/ensembles",
    "data/faces",
]
PARTS = ["Snakefile", "_config.yml", "book", "notebooks", "geodreg", *DATA, "vendor"]
GENERATED = shutil.ignore_patterns("figures", "_generated", "*.ipynb", "__pycache__")

DIGITS = {"fig3", "fig3-mnist-gan", "fig3-mnist-vae", "fig4-lambert", "judge", "weight", "speed", "claims"}
FACES = {"fig3", "fig3-yale", "fig4-yale", "fig4-lambert", "weight"}
BEHIND = {"algorithm1", "limits"}
OF_CIRCLE = {"fig1-mismatch", "limits", "metric", "extending"}
OF_TRAININGS = {"claims", "which-density"}
OTHERS = {"fig1-mismatch", "fig2-circle", "metric", "speed", "extending", "faces", "which-density"}
ALL = DIGITS | FACES | BEHIND | OTHERS | {"words", "own", "site"}


CHANGES: list[tuple[list[str], set[str]]] = [
    ([], set()),
    (["_config.yml"], {"site"}),
    (["book/method.md"], {"site"}),
    (["book/own-generator.md"], {"own", "site"}),
    (["notebooks/fig2-circle.md"], {"fig2-circle", "site"}),
    (["data/models/mnist-vae/card.json"], DIGITS - {"fig3-mnist-gan", "claims"} | {"metric", "site", "own"}),
    (["data/models/mnist-judge/weights.safetensors"], DIGITS - {"speed"} | BEHIND | {"which-density", "site"}),
    (["data/models/mnist-neighbours/weights.safetensors"], {"judge", *OF_TRAININGS, "site"}),
    (["data/models/mnist-denoiser/weights.safetensors"], {"which-density", "site"}),
    (["data/models/mnist-dcgan/card.json"], {"judge", "site"}),
    (["data/models/yale-dcgan/codes.csv"], FACES | {"site"}),
    (["data/models/lambert-dcgan/card.json"], {"fig4-lambert", "site"}),
    (["data/models/circle-gan/weights.safetensors"], OF_CIRCLE | {"site"}),
    (["data/benchmarks/races.csv"], {"speed", "limits", "site"}),
    (["data/trial/paths.csv"], {"claims", "limits", "words", "site"}),
    (["data/trainings/100/mnist-gan/card.json"], OF_TRAININGS | {"site"}),
    (["data/densities/paths.csv"], {"which-density", "words", "site"}),
    (["data/ensembles/paths.csv"], {"which-density", "site"}),
    (["data/faces/numbers.csv"], {"faces", "site"}),
    (["geodreg/geometry/curve.py"], ALL),
]


@pytest.fixture(scope="module")
def plans(once: Once) -> list[str]:
    """What is to be made again after each change alone, in a copy of the project in which everything is built."""
    found: list[str] = json.loads(once("plans", planned))
    return found


def planned(tree: Path) -> str:
    """The plans as JSON; the copy is made in an empty folder."""
    for part in PARTS:
        (tree / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=GENERATED)
        else:
            shutil.copy(ROOT / part, tree / part)
    for source in (tree / "notebooks").glob("*.md"):
        output = tree / "book" / "figures" / f"{source.stem}.ipynb"
        output.parent.mkdir(exist_ok=True)
        output.write_text("{}")
        write_sum(output)
    made = "landing.md", "densities.md", "advice.md", "own/paths.png"
    for file in (*(f"book/_generated/{name}" for name in made), "_build/html/index.html"):
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        (tree / file).write_text("")
    run = subprocess.run(
        [sys.executable, "-m", "tests.plans", str(tree)],
        cwd=ROOT, input=json.dumps([changed for changed, _ in CHANGES]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout


def todo(plan: str) -> set[str]:
    said = {"Writing what the first screen": "words", "Running the first block": "own", "Building the site": "site"}
    executed = set(re.findall(r"Executing notebooks/(\S+)\.md", plan))
    return executed | {name for start, name in said.items() if start in plan}


@pytest.mark.slow
@pytest.mark.parametrize("case", range(len(CHANGES)), ids=lambda case: " ".join(CHANGES[case][0]) or "nothing")
def test_a_change_reruns_what_depends_on_it_and_only_that(plans: list[str], case: int) -> None:
    assert todo(plans[case]) == CHANGES[case][1]


def work_in(notebook: Path, **changes: object) -> bytes:
    """Change the last cell of a notebook, as Jupyter saves it; gives what is saved."""
    content = json.loads(notebook.read_text())
    content["cells"][-1].update(changes)
    notebook.write_text(json.dumps(content))
    return notebook.read_bytes()


PRINTED = [{"output_type": "stream", "name": "stdout", "text": ["4\n"]}]


@pytest.mark.parametrize("change", [{"source": ["x = 4"]}, {"outputs": PRINTED}, {"metadata": {"tags": ["hide-cell"]}}])
def test_a_paired_notebook_is_put_aside_whenever_somebody_has_worked_in_it(
    change: dict[str, object], tmp_path: Path
) -> None:
    source, notebook = tmp_path / "small.md", tmp_path / "small.ipynb"
    source.write_text(BARE)
    assert write_paired(source, notebook) is None
    work_in(notebook)  # only saved
    source.write_text(BARE.replace("A small page", "Another page"))
    assert write_paired(source, notebook) is None
    assert "Another page" in notebook.read_text()
    kept = []
    for name in ("changed", "changed-2", "changed-3"):
        aside = tmp_path / f"small.{name}.ipynb"
        kept.append((aside, work_in(notebook, **change)))
        assert write_paired(source, notebook) == (
            f"{notebook} was edited or executed; it is made again from {source}, and yours is now {aside}."
        )
    assert all(aside.read_bytes() == content for aside, content in kept)
    assert write_paired(source, notebook) is None


def test_a_paired_notebook_that_was_damaged_is_put_aside(tmp_path: Path) -> None:
    source, notebook = tmp_path / "small.md", tmp_path / "small.ipynb"
    source.write_text(BARE)
    notebook.write_text('{"cells": [')
    assert "small.changed.ipynb" in str(write_paired(source, notebook))
    assert (tmp_path / "small.changed.ipynb").read_text() == '{"cells": ['


def test_a_notebook_paired_by_an_earlier_release_is_kept_unless_it_is_what_would_be_written(tmp_path: Path) -> None:
    source, notebook = tmp_path / "small.md", tmp_path / "small.ipynb"
    source.write_text(BARE)
    pair(source, notebook)
    assert write_paired(source, notebook) is None
    pair(source, notebook)
    source.write_text(BARE.replace("A small page", "Another page"))
    assert "small.changed.ipynb" in str(write_paired(source, notebook))  # nobody knows who has worked in it


@pytest.mark.slow
def test_notebooks_are_written_again_for_changed_sources_alone_and_those_worked_in_are_kept(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    notebook = project / "notebooks" / "small.ipynb"
    target = notebook.relative_to(project).as_posix()
    assert call(project, *BUILD, target)[0] == 0
    mine = work_in(notebook, source=["x = 4"])
    assert call(project, *BUILD, target)[0] == 0
    assert notebook.read_bytes() == mine
    (project / "notebooks" / "small.md").write_text(BARE.replace("A small page", "Another page"))
    code, output = call(project, *BUILD, target)
    assert code == 0, output
    assert f"{target} was edited or executed; it is made again from notebooks/small.md" in output
    assert notebook.with_suffix(".changed.ipynb").read_bytes() == mine
    assert "Another page" in notebook.read_text()
