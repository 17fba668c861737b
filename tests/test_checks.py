"""What is checked of the whole source without running it: its types, and which way its imports run."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECKS = {
    "mypy": ["-m", "mypy"],
    "importlinter": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKS)
def test_a_checker_finds_nothing_in_the_source(checker: str) -> None:
    # Beside the other tests, since mypy takes as long as many of them.
    if find_spec(checker) is None:
        pytest.skip(f"needs {checker}")
    run = subprocess.run([sys.executable, *CHECKS[checker]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
