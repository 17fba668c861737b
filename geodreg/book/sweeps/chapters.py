"""Summaries of sweeps as chapters of the book: ``make book SWEEPS="mu seed"``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml

from geodreg.book.sweeps.definition import Sweep, SweepError, read_sweep
from geodreg.book.sweeps.summary import INDEX, is_current
from geodreg.workspace.files import write_whole

__all__ = ["add_chapters", "summary_of"]

FOLDER, CAPTION = "sweeps", "Sweeps"
LINK, NOTEBOOK_LINK = re.compile(r"\]\(([^)]+)\)"), re.compile(r"\]\(([^)]+\.ipynb)\)")


def summary_of(name: str) -> Path:
    """The summary of a sweep.

    Raises:
        SweepError: if there is no such sweep, it was not run, or its file or its runs have changed since.
    """
    sweep = read_sweep(name)
    path = sweep.folder / INDEX
    if not path.is_file():
        raise SweepError(f"The sweep {name} has no summary {path}; call `make sweep SWEEP={name}` first.")
    if not is_current(sweep):
        raise SweepError(
            f"{path} is not of the runs that {sweep.file} asks for and that are there now; call "
            f"`make sweep SWEEP={name}` first, which runs what is missing and sums all of them up again."
        )
    return path


def add_chapters(names: Sequence[str], book: Path, toc: Path) -> None:
    """Copy summaries, with what they show and link to, into the book, and write a table of contents that has them.

    Chapters of an earlier call go.

    Args:
        names: of sweeps, each run and summed up.
        book: folder of the book; the chapters go into its folder ``sweeps``.
        toc: the table of contents to write; without names it is the book's own.

    Raises:
        SweepError: as :func:`summary_of`.
    """
    summaries = {name: summary_of(name) for name in names}
    shutil.rmtree(book / FOLDER, ignore_errors=True)
    for name, summary in summaries.items():
        _copy(read_sweep(name), summary, book / FOLDER / name)
    contents = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    if names:
        chapters = [{"file": f"{FOLDER}/{name}/{Path(INDEX).stem}"} for name in names]
        contents["parts"].append({"caption": CAPTION, "chapters": chapters})
    toc.parent.mkdir(parents=True, exist_ok=True)
    write_whole(toc, yaml.safe_dump(contents, sort_keys=False).encode())


def _copy(sweep: Sweep, summary: Path, out: Path) -> None:
    text = summary.read_text(encoding="utf-8")
    shown = set(LINK.findall(text))
    out.mkdir(parents=True, exist_ok=True)
    for file in (*sweep.folder.glob("*.svg"), *sweep.folder.glob("*.csv"), *sweep.folder.glob("*/*.ipynb")):
        name = file.relative_to(sweep.folder)
        if name.as_posix() not in shown:  # of runs or columns that the sweep had before
            continue
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, file.read_bytes())
    # A notebook is to be downloaded; without the prefix the site would look for a page of it.
    write_whole(out / INDEX, NOTEBOOK_LINK.sub(r"](path:\1)", text).encode())
