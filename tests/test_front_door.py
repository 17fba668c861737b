"""What can be imported from where, and what that costs."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ["geodreg", "geodreg.models", "geodreg.datasets", "geodreg.plotting"]
TORCHLESS = [
    *PACKAGES, "geodreg.paper.verdict.plan", "geodreg.commands.cli", "geodreg.commands.sweep_job",
    "geodreg.commands.claims_job", "geodreg.book.execution", "geodreg.book.provenance", "geodreg.book.sweeps.chapters",
    "geodreg.paper.speed.commits", "geodreg.paper.speed.files",
]  # fmt: skip
HEAVY = ("torch", "scipy", "pandas", "matplotlib", "papermill")


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
    code = f"import sys, {', '.join(TORCHLESS)}; print([name for name in sys.modules if name in {HEAVY}])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.slow
def test_rooms_are_attributes_of_the_package_that_was_imported() -> None:
    code = "import geodreg; print(geodreg.riemannian.exponential_map is geodreg.exponential_map)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"
