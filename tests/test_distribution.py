"""What a user installs: a wheel whose types a type checker sees, and a source archive that builds the same wheel."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import geodreg

ROOT = Path(__file__).parent.parent
USE = """
from collections.abc import Callable

import geodreg, torch

Tensor = torch.Tensor

def use(decode: Callable[[Tensor], Tensor], a: Tensor, b: Tensor) -> None:
    paths = geodreg.interpolate(decode, a, b, "geodesic", mu=0.1)
    reveal_type(paths)
    reveal_type(paths.length)
    reveal_type(geodreg.LatentManifold(decode, noise=0.1).isometric())
    geodreg.interpolate(decode, a, b, mu="much")
    geodreg.interpolate(decode, a, b, weight=0.1)
    geodreg.interpolate(decode, 0.0, b)
    geodreg.interpolate(3, a, b)
    paths.lenght
"""
EXPECTED = {
    "reveal_type(paths)": 'Revealed type is "geodreg.interpolation.paths.Paths"',
    "reveal_type(paths.length)": 'Revealed type is "torch._tensor.Tensor"',
    "reveal_type(geodreg.LatentManifold(decode, noise=0.1).isometric())": (
        'Revealed type is "geodreg.geometry.manifold.LatentManifold"'
    ),
    'geodreg.interpolate(decode, a, b, mu="much")': 'Argument "mu" to "interpolate" has incompatible type "str"',
    "geodreg.interpolate(decode, a, b, weight=0.1)": 'Unexpected keyword argument "weight" for "interpolate"',
    "geodreg.interpolate(decode, 0.0, b)": 'Argument 2 to "interpolate" has incompatible type "float"',
    "geodreg.interpolate(3, a, b)": 'Argument 1 to "interpolate" has incompatible type "int"',
    "paths.lenght": '"Paths" has no attribute "lenght"',
}
# All of torch would take mypy half a minute; these of its modules say what a tensor is, and what its decorators keep.
MYPY = """
[mypy]
[mypy-torch.*]
follow_imports = skip
[mypy-torch,torch._tensor,torch.autograd,torch.autograd.grad_mode,torch.utils._contextlib]
follow_imports = normal
"""


def built(target: str, source: Path, folder: Path) -> Path:
    """The one file that hatchling builds of a source."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, check=True, cwd=source, capture_output=True)
    (file,) = folder.iterdir()
    return file


def checked(program: str, wheel: Path, folder: Path) -> dict[str, str]:
    """What mypy says of each line of a program, in an environment that holds the wheel, and torch from this one."""
    venv.create(folder / "env")
    python = folder / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    torch = metadata.distribution("torch").locate_file("")
    (packages / "torch.pth").write_text(f"{torch}\n")
    (folder / "use.py").write_text(program)
    (folder / "mypy.ini").write_text(MYPY)
    outside = {name: value for name, value in os.environ.items() if name not in ("MYPYPATH", "PYTHONPATH")}
    mypy = [sys.executable, "-m", "mypy", "--python-executable", str(python), "use.py"]
    run = subprocess.run(mypy, cwd=folder, env=outside, capture_output=True, text=True, check=False)
    assert not run.stderr, run.stderr
    lines = program.splitlines()
    said: dict[str, str] = {}
    for number, words in re.findall(r"^use\.py:(\d+): \w+: (.+)$", run.stdout, re.MULTILINE):
        said.setdefault(lines[int(number) - 1].strip(), words)  # what follows on a line are notes to the first
    return said


@pytest.mark.slow
def test_a_type_checker_sees_the_types_of_an_installed_wheel(tmp_path: Path) -> None:
    names = {f"reveal_type(geodreg.{name})" for name in geodreg.__all__}
    program = USE + "\n".join(sorted(names))
    said = checked(program, built("wheel", ROOT, tmp_path / "wheel"), tmp_path)
    assert said.keys() == EXPECTED.keys() | names  # the first line, which is right, is no error
    for line, words in EXPECTED.items():
        assert words in said[line]
    for name in names:
        assert re.match(r'Revealed type is "(?!Any|Unknown|builtins\.object)', said[name]), said[name]


def contents(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {item.filename: item.CRC for item in archive.infolist() if "dist-info" not in item.filename}


@pytest.mark.slow
def test_a_source_archive_builds_the_same_wheel_and_holds_what_its_tests_need(tmp_path: Path) -> None:
    archive = built("sdist", ROOT, tmp_path / "sdist")
    subprocess.run([sys.executable, "-m", "tarfile", "--extract", archive, tmp_path / "unpacked"], check=True)
    (source,) = (tmp_path / "unpacked").iterdir()
    assert contents(built("wheel", source, tmp_path / "wheel")) == contents(built("wheel", ROOT, tmp_path / "here"))
    for needed in ("noxfile.py", "Makefile", "Snakefile", "_config.yml", "requirements.txt", "data/models/circle-gan"):
        assert (source / needed).exists()
    for folder in ("tests", "notebooks", "sweeps", "benchmarks", "book", "vendor", "profiles"):
        here = {file.name for file in (ROOT / folder).glob("*.*") if not file.is_dir() and file.suffix != ".ipynb"}
        assert {file.name for file in (source / folder).glob("*.*") if not file.is_dir()} == here
