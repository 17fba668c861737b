"""What all runs of a sweep depend on, whatever their parameters: the page, the module, models and tables."""

from __future__ import annotations

from pathlib import Path

import yaml

from geodreg.book.sweeps.definition import Sweep

__all__ = ["sources_of"]

MODULE = Path("geodreg")
TABLES = ("benchmarks", "trial", "trainings", "densities", "ensembles", "faces")  # folders of data; a header says which


def sources_of(sweep: Sweep) -> list[Path]:
    """The page of a sweep, all files of the module, and those of the models and tables that the page's header names."""
    front = sweep.source.read_text(encoding="utf-8").split("\n---\n")[0]
    header = next(yaml.safe_load_all(front)).get("geodreg", {})
    folders = [Path("data/models", name) for name in header.get("models", [])]
    folders += [Path("data", name) for name in TABLES if header.get(name)]
    module = [path for pattern in ("*.py", "*.sha256") for path in MODULE.rglob(pattern)]
    needed = [path for folder in folders for path in folder.rglob("*")]
    return [sweep.source, *(path for path in [*sorted(module), *sorted(needed)] if path.is_file())]
