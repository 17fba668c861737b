"""The library's tests with other Pythons and other releases of what it needs: ``nox``, or ``nox -s alone``.

``make test`` runs all tests with the versions of requirements.txt. Here those of the library, which anybody may install
beside their own torch, run at both ends of what pyproject.toml allows. What the paper's study and the book need beyond
(torchvision, Jupyter Book) follows torch with narrow bounds of its own, and has no part in it.
"""

import re
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)  # those among the classifiers, the oldest first
FLOORS = [needed.replace(">=", "==") for needed in PROJECT["project"]["dependencies"]]

# The rooms of the library, for their doctests, are those of the contract on what they may import.
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
(ROOMS,) = (c["source_modules"] for c in CONTRACTS if c["name"] == "The library needs torch, NumPy and SciPy alone")


def is_of_library(test: Path) -> bool:
    """Whether a file of tests imports torch and, of the package, nothing above the library: new ones are found."""
    imported = re.findall(r"^(?:from|import) ([\w.]+)", test.read_text(encoding="utf-8"), re.MULTILINE)
    ours = [name for name in imported if name.startswith("geodreg.")]
    return "torch" in imported and all(name.startswith(tuple(ROOMS)) for name in ours)


LIBRARY = [
    *(str(test) for test in sorted(Path("tests").glob("test_*.py")) if is_of_library(test)),
    *(room.replace(".", "/") for room in ROOMS if room != "geodreg.errors"),
]
# pandas and tqdm are for tables and bars of progress, safetensors for the trained generators of some tests.
BESIDES = ["pytest>=8.3", "pandas", "safetensors", "tqdm"]

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True


def install(session: nox.Session, *packages: str) -> None:
    """Install the library as it stands here, and packages, with nothing of pyproject.toml that is for uv alone."""
    session.install("-e", ".", *packages, env={"UV_NO_CONFIG": "1"})  # the releases that `make lock` is bound to


def run_tests(session: nox.Session) -> None:
    """Say what is installed, then run the library's tests; what follows ``--`` goes to pytest."""
    versions = "import sys, numpy, scipy, torch; print(sys.version, *(m.__version__ for m in (torch, numpy, scipy)))"
    session.run("python", "-c", versions)
    session.run("python", "-m", "pytest", *LIBRARY, *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The oldest Python with the oldest torch, NumPy and SciPy that pyproject.toml allows."""
    install(session, *FLOORS, *BESIDES)
    run_tests(session)


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """Each Python with the newest torch, NumPy and SciPy there are."""
    install(session, "--upgrade", *BESIDES)
    run_tests(session)


@nox.session(python=PYTHONS[0])
def alone(session: nox.Session) -> None:
    """The library with torch, NumPy and SciPy and nothing else; tests that need more are skipped and say so."""
    install(session, "pytest>=8.3")
    run_tests(session)


@nox.session(python=PYTHONS[0])
def generators(session: nox.Session) -> None:
    """The recipes for other packages' generators, pythae's among them, each as the page prints it."""
    install(session, "pytest>=8.3", "scipy", "diffusers", "einops", "monai", "pythae")
    session.run("python", "-m", "pytest", "tests/test_recipes.py", *session.posargs, env={"OMP_NUM_THREADS": "1"})
