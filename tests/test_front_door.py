"""What can be imported from where, and what that costs."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["geodreg", "geodreg.models", "geodreg.datasets", "geodreg.plotting"]
TORCHLESS = [
    *PACKAGES, "geodreg.paper.trial.plan", "geodreg.commands.cli", "geodreg.commands.sweep_job",
    "geodreg.commands.trial_job", "geodreg.commands.densities_job",
    "geodreg.book.execution", "geodreg.book.provenance", "geodreg.book.sweeps.chapters",
    "geodreg.paper.speed.commits", "geodreg.paper.speed.files",
]  # fmt: skip
HEAVY = ("torch", "scipy", "pandas", "matplotlib", "papermill", "nbformat", "jsonschema", "torchvision", "snakemake")
PICTURE = ["interpolate", "--out", "strip.png", "--model"]
REFUSALS = [  # each needs no model
    [], ["--help"], ["nothing"], ["--nothing"], ["run", "--help"], ["interpolate", "--help"], ["info", "--nothing"],
    ["run", "nothing"], ["run", "fig3", "-p", "nothing", "1"], ["run", "fig3", "-p", "n_pairs", "many"],
    ["run", "fig3", "-p", "n_pairs", "-1"], ["run", "fig3", "-p"], ["run", "fig3", "--out", "page.txt"],
    ["run", "fig3", "--show"], ["sweep", "nothing"], ["sweep", "mu", "--cores", "0"],
    ["sweep", "mu", "--profile", "nothing"], ["sweep", "odd"], ["train", "nothing"],
    ["train", "mnist-vae", "--set", "nothing"], ["train", "mnist-vae", "--set", "nothing=1"],
    ["train", "mnist-vae", "--set", "epochs=many"], ["train", "mnist-vae", "--set", "activation=No"],
    ["train", "yale-dcgan", "--set", "channels=[64"],
    ["train", "circle-gan", "--epochs", "3"], ["train", "mnist-gan", "--data-root", "nothing"],
    ["train", "mnist-judge", "--data-root", "."], ["train", "yale-dcgan", "--data-root", "."],
    ["train", "yale-dcgan", "--subject", "nobody"], [*PICTURE, "nothing", "--pair", "1"], [*PICTURE, "mnist-gan"],
    [*PICTURE, "circle-gan", "--pair", "1"], [*PICTURE, "mnist-judge", "--pair", "1"],
    [*PICTURE, "mnist-neighbours", "--pair", "1"], ["train", "mnist-neighbours", "--data-root", "."],
    ["train", "mnist-neighbours", "--set", "neighbours=0"], ["train", "mnist-judge-sharp", "--set", "blurred=perhaps"],
    [*PICTURE, "mnist-gan", "--pair", "0"], [*PICTURE, "mnist-gan", "--pair", "1", "--device", "tpu"],
    [*PICTURE, "mnist-gan", "--pair", "1", "--out", "strip.bmp"],
    [*PICTURE, "mnist-gan", "--from", "sweeps/odd.yaml", "--to", "sweeps/odd.yaml"],
    ["data", "fetch", "nothing"], ["data", "fetch", "yale", "--subject", "nobody"],
    ["data", "verify", "--root", "nothing"], ["data", "verify", "--root", "."], ["models"], ["--show-completion"],
]  # fmt: skip
LOADED = f"print([name for name in sys.modules if name in {HEAVY}])"
CALLS = """
import json, sys
from typer.testing import CliRunner
from geodreg.commands.cli import app
words, heavy = map(json.loads, sys.argv[1:])
ends = [CliRunner().invoke(app, call) for call in words]
sentences = [end.output.strip() for end in ends]
print(json.dumps([[end.exit_code for end in ends], sentences, [name for name in heavy if name in sys.modules]]))
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_what_a_type_checker_sees_under_them(package: str) -> None:
    module = importlib.import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text())
    seen = {
        alias.name: getattr(importlib.import_module(str(node.module)), alias.name)
        for branch in tree.body if isinstance(branch, ast.If)
        for node in branch.body if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }  # fmt: skip
    assert sorted(seen) == sorted(module.__all__)
    assert {name: getattr(module, name) for name in seen} == seen
    assert set(seen) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'interpolat'"):
        module.interpolat  # noqa: B018


@pytest.mark.slow
def test_what_needs_no_torch_starts_without_it() -> None:
    code = f"import sys, {', '.join(TORCHLESS)}; {LOADED}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.slow
def test_what_is_refused_is_refused_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mu.yaml").write_text((ROOT / "sweeps" / "mu.yaml").read_text())
    (tmp_path / "sweeps" / "odd.yaml").write_text((ROOT / "sweeps" / "mu.yaml").read_text().replace("mu:", "nu:"))
    words = [sys.executable, "-c", CALLS, json.dumps(REFUSALS), json.dumps(HEAVY)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    codes, sentences, loaded = json.loads(run.stdout)
    assert loaded == []
    fine = [words for words, code in zip(REFUSALS, codes, strict=True) if code == 0]
    assert all("--help" in words or words[-1] in ("--show", "models", "--show-completion", ".") for words in fine)
    assert all(sentences)


@pytest.mark.slow
def test_the_shell_completes_words_without_anything_heavy() -> None:
    code = f"import sys; from geodreg.commands.cli import app\ntry: app()\nexcept SystemExit: {LOADED}"
    words = {"geodreg run fi": 2, "geodreg sweep m": 2, "geodreg train m": 2, "geodreg interpolate --model m": 3}
    for line, index in words.items():
        completion = {"_GEODREG_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(index)}
        command = [sys.executable, "-c", code.replace("app()", "app(prog_name='geodreg')")]
        run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | completion, cwd=ROOT)
        *found, loaded = run.stdout.splitlines()
        assert found
        assert loaded == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["geodesic", "geodreg"])
def test_the_first_path_waits_for_no_compiler_and_no_graphs(method: str) -> None:
    code = f"""
import sys, torch, geodreg
net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 5))
print(geodreg.interpolate(net, torch.zeros(2), torch.ones(2), {method!r}, n_points=7).converged.item())
print([name for name in ("torch._dynamo", "triton", "scipy.sparse", "scipy.spatial") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["True", "[]"]


@pytest.mark.slow
def test_rooms_are_attributes_of_the_package_that_was_imported() -> None:
    code = "import geodreg; print(geodreg.riemannian.exponential_map is geodreg.exponential_map)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"
