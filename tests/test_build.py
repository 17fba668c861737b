"""What the build thinks it must do again after a change, and what it leaves alone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from geodreg.workspace.files import write_sum

ROOT = Path(__file__).parent.parent
DATA = ["data/models", "data/benchmarks", "data/claims"]
PARTS = ["Snakefile", "_config.yml", "book", "notebooks", "geodreg", *DATA, "vendor"]
GENERATED = shutil.ignore_patterns("figures", "_generated", "*.ipynb", "__pycache__")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project in which everything counts as built."""
    for part in PARTS:
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tmp_path / part, ignore=GENERATED)
        else:
            shutil.copy(ROOT / part, tmp_path / part)
    for source in (tmp_path / "notebooks").glob("*.md"):
        output = tmp_path / "book" / "figures" / f"{source.stem}.ipynb"
        output.parent.mkdir(exist_ok=True)
        output.write_text("{}")
        write_sum(output)
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").write_text("")
    snakemake(tmp_path, "--touch", "--force")
    return tmp_path


def snakemake(tree: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "site", "--cores", "1", "--directory", str(tree), *arguments]
    run = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def todo(tree: Path) -> set[str]:
    plan = snakemake(tree, "--dry-run")
    executed = set(re.findall(r"Executing notebooks/(\S+)\.md", plan))
    return executed | ({"site"} if "Building the site" in plan else set())


DIGITS = {"fig3", "fig3-mnist-gan", "fig3-mnist-vae", "fig4-lambert", "weight", "speed", "claims"}
FACES = {"fig3", "fig3-yale", "fig4-yale", "fig4-lambert", "weight"}
BEHIND = {"judge", "algorithm1", "limits"}
ALL = DIGITS | FACES | {"fig1-mismatch", "fig2-circle", "speed", "extending", "site"} | BEHIND


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([], set()),
        (["_config.yml"], {"site"}),
        (["book/method.md"], {"site"}),
        (["notebooks/fig2-circle.md"], {"fig2-circle", "site"}),
        (["data/models/mnist-vae/card.json"], DIGITS - {"fig3-mnist-gan"} | {"site"}),
        (
            ["data/models/mnist-judge/weights.safetensors"],
            DIGITS - {"speed"} | BEHIND | {"site"},
        ),
        (["data/models/yale-dcgan/codes.csv"], FACES | {"site"}),
        (["data/models/lambert-dcgan/card.json"], {"fig4-lambert", "site"}),
        (["data/models/circle-gan/weights.safetensors"], {"fig1-mismatch", "claims", "limits", "extending", "site"}),
        (["data/benchmarks/races.csv"], {"speed", "limits", "site"}),
        (["data/claims/weights.csv"], {"claims", "limits", "site"}),
        (["geodreg/geometry/curve.py"], ALL),
    ],
)
def test_a_change_reruns_what_depends_on_it_and_only_that(tree: Path, changed: list[str], expected: set[str]) -> None:
    for name in changed:
        with (tree / name).open("ab") as file:
            file.write(b"\n")
    assert todo(tree) == expected
