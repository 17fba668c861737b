"""A small project in an empty folder: the module and the workflows are the real ones, the page takes a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent

PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A small page

```{code-cell} ipython3
:tags: [parameters]

x: float = 1.0  # a number
seed: int = 0  # of nothing
word: str = "a"  # a word
```

```{code-cell} ipython3
import os, signal, time
from pathlib import Path

import pandas as pd

from geodreg.book import notebook

notebook.begin(globals())
```

```{code-cell} ipython3
Path("started").touch()
while Path("held").exists():
    time.sleep(0.05)
if word == "raise":
    raise RuntimeError("a cell that fails")
if word.startswith("die") and not Path("died").exists():
    Path("died").touch()
    os.kill(os.getppid() if word == "die with the worker" else os.getpid(), signal.SIGKILL)
notebook.save_table(pd.DataFrame({"y": [x * x], "method": ["geodesic"], "word": [word]}), "small.csv")
```
"""

BARE = PAGE.replace("\nnotebook.begin(globals())\n", "")
"""The same without what every page begins with, which loads PyTorch: for what is done to a page, not by it."""

SWEEP = """what: A small sweep
notebook: small
grid: {x: [1.0, 2.0, 3.0]}
results: {table: small.csv, by: method, columns: [y]}
"""


def make_project(folder: Path, sweep: str = SWEEP, page: str = PAGE) -> Path:
    """A checkout with one page and one sweep, both called small."""
    folder.mkdir(exist_ok=True)
    for name in ("geodreg", "data", "tests"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("Snakefile", "sweep.smk"):
        (folder / name).write_text((ROOT / name).read_text())
    for name, text in {
        "notebooks/small.md": page,
        "sweeps/small.yaml": sweep,
        "book/_toc.yml": "format: jb-book\nroot: intro\nparts:\n- chapters:\n  - file: figures/small\n",
        "_config.yml": "",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command of Python in the project, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip


def call(folder: Path, *arguments: str) -> tuple[int, str]:
    """The same, until it ends: exit code and output."""
    process = start(folder, *arguments)
    output, _ = process.communicate(timeout=600)
    return process.returncode, output


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """Kill a command and all of its processes without warning, as soon as something is so."""
    deadline = time.monotonic() + 300
    try:
        while not ready():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        with process, suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


BUILD = ("geodreg.workspace.locks", "_build", "a build", "snakemake", "--nolock", "--rerun-incomplete", "--cores", "1")
"""What ``make book`` calls, before the target."""


def hold(folder: Path) -> Path:
    """See to it that a page that runs in a folder does not end before the file is removed that this makes."""
    folder.mkdir(parents=True, exist_ok=True)
    held = folder / "held"
    held.touch()
    return held


NOTEBOOK = Path("book/figures/small.ipynb")
SMALL = f"{NOTEBOOK}.sha256"
"""The target that is the executed small page."""
