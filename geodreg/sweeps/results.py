"""What a run of a sweep leaves behind, and how the runs of a sweep ended."""

from __future__ import annotations

import hashlib
import io
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.execution import run_page
from geodreg.files import write_whole
from geodreg.sweeps.definition import Run, Sweep, SweepError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ending", "ending_of", "execute", "read_results"]

PAGE, RESULTS, SUM = "page.ipynb", "results.csv", "results.csv.sha256"


class Ending(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    DAMAGED = "damaged"
    MISSING = "not run"


def execute(sweep: Sweep, run: Run) -> None:
    """Execute one run in its folder: the notebook, the tables it writes, and its results with their sum, last of all.

    Raises:
        geodreg.parameters.PageError: if the page fails; the notebook that failed is kept.
        SweepError: if the page does not write the table that the sweep wants.
    """
    import pandas as pd

    folder = sweep.folder / run.slug
    folder.mkdir(parents=True, exist_ok=True)
    run_page(sweep.source, folder / PAGE, run.parameters)
    table = folder / sweep.results.table
    if not table.is_file():
        written = ", ".join(sorted(path.name for path in folder.glob("*.csv") if path.name != RESULTS)) or "none"
        raise SweepError(
            f"{sweep.notebook} has not written {sweep.results.table}; the tables it writes are: {written}."
        )
    results = pd.read_csv(table)
    for name, value in reversed(run.varied.items()):
        results.insert(0, name if name not in results else f"{name} (parameter)", value)
    content = results.to_csv(index=False).encode()
    write_whole(folder / RESULTS, content)
    write_whole(folder / SUM, f"{hashlib.sha256(content).hexdigest()}  {RESULTS}\n".encode())


def ending_of(sweep: Sweep, run: Run) -> Ending:
    """How a run ended, as its folder shows."""
    folder = sweep.folder / run.slug
    if (folder / PAGE).with_suffix(".failed.ipynb").is_file():
        return Ending.FAILED
    if not (folder / SUM).is_file() or not (folder / PAGE).is_file():
        return Ending.MISSING
    return Ending.DONE if _content(folder) is not None else Ending.DAMAGED


def read_results(sweep: Sweep, run: Run) -> pd.DataFrame:
    """The results of a run, after their sum was checked.

    Raises:
        SweepError: if they are damaged.
    """
    import pandas as pd

    folder = sweep.folder / run.slug
    content = _content(folder)
    if content is None:
        raise SweepError(f"{folder / RESULTS} is damaged; remove {folder} and call `geodreg sweep {sweep.name}` again.")
    return pd.read_csv(io.BytesIO(content))


def _content(folder: Path) -> bytes | None:
    """The table of results if it has the sum beside it."""
    if not (folder / RESULTS).is_file():
        return None
    content = (folder / RESULTS).read_bytes()
    return content if hashlib.sha256(content).hexdigest() == (folder / SUM).read_text().split()[0] else None
