"""What a run of a sweep leaves behind, and how the runs of a sweep ended."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.book.execution import forget_changed, run_page
from geodreg.book.sweeps.definition import RESULTS, Run, Sweep, SweepError
from geodreg.book.values import Value
from geodreg.workspace.files import has_its_sum, sum_file, write_sum, write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ending", "as_cell", "as_numbers", "column_of", "ending_of", "execute", "page_of", "prepare", "read_results"]

PARAMETERS = "parameters.json"


class Ending(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    DAMAGED = "damaged"
    MISSING = "not run"


def page_of(sweep: Sweep, run: Run) -> Path:
    """The executed notebook of a run."""
    return sweep.folder / run.slug / f"{run.slug}.ipynb"


def execute(sweep: Sweep, run: Run) -> None:
    """Execute one run in its folder: the notebook, the tables it writes, and its results with their sum, last of all.

    Raises:
        geodreg.book.parameters.PageError: if the page fails; the notebook that failed is kept, and so is an earlier
            one.
        SweepError: if the page does not write the table that the sweep wants.
    """
    import pandas as pd

    page = page_of(sweep, run)
    table = page.with_name(sweep.results.table)
    table.unlink(missing_ok=True)  # one of an earlier run would be taken for this one's
    run_page(sweep.source, page, run.parameters)
    if not table.is_file():
        written = ", ".join(sorted(path.name for path in page.parent.glob("*.csv") if path.name != RESULTS)) or "none"
        raise SweepError(
            f"{sweep.notebook} has not written {sweep.results.table}; the tables it writes are: {written}."
        )
    results = pd.read_csv(table, dtype=str, keep_default_na=False)  # every value as the page wrote it
    for name, value in reversed(run.varied.items()):
        results.insert(0, column_of(name, results.columns), as_cell(value))
    write_whole(page.with_name(RESULTS), results.to_csv(index=False).encode())
    write_sum(page)
    write_sum(page.with_name(RESULTS))


def as_cell(value: Value) -> bool | int | float | str:
    """A value of a parameter as it stands in a table: a list as JSON, anything else as it is.

    Example:
        >>> as_cell([[1, 2], [0.001]]), as_cell("a")
        ('[[1, 2], [0.001]]', 'a')
    """
    return json.dumps(value) if isinstance(value, list) else value


def column_of(name: str, own: Collection[str]) -> str:
    """The column of a parameter in a table of results, whose own columns keep their names.

    Example:
        >>> column_of("noise", ["noise", "length"])
        'noise (parameter)'
    """
    return name if name not in own else f"{name} (parameter)"


def ending_of(sweep: Sweep, run: Run) -> Ending:
    """How a run ended, as its folder shows."""
    page = page_of(sweep, run)
    results = page.with_name(RESULTS)
    if page.with_suffix(".failed.ipynb").is_file():
        return Ending.FAILED
    if not all(path.is_file() for path in (page, results, sum_file(results))):
        return Ending.MISSING
    whole = has_its_sum(results) and (has_its_sum(page) or not sum_file(page).is_file())
    return Ending.DONE if whole else Ending.DAMAGED


def prepare(sweep: Sweep) -> list[str]:
    """Write the parameters of each run; remove the sum of one whose files are missing or damaged, which runs it again.

    It is for the time before a sweep is run; a file of parameters is written only where it differs, so that a changed
    value runs what it changes.

    Returns:
        sentences about what was damaged.
    """
    found = []
    for run in sweep.runs():
        wanted, file = (json.dumps(run.parameters, indent=1) + "\n").encode(), page_of(sweep, run).with_name(PARAMETERS)
        if not file.is_file() or file.read_bytes() != wanted:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, wanted)
        page = page_of(sweep, run)
        results = page.with_name(RESULTS)
        if ending_of(sweep, run) in (Ending.MISSING, Ending.DAMAGED):
            found += [sentence for output in (page, results) if (sentence := forget_changed(output))]
            sum_file(results).unlink(missing_ok=True)
    return found


def read_results(sweep: Sweep, run: Run) -> pd.DataFrame:
    """The results of a run as text, after their sum was checked; its parameters have their values, lists as JSON.

    Raises:
        SweepError: if they are damaged.
    """
    import pandas as pd

    file = page_of(sweep, run).with_name(RESULTS)
    if not has_its_sum(file):
        raise SweepError(f"{file} is damaged; remove {file.parent} and call `geodreg sweep {sweep.name}` again.")
    results = pd.read_csv(file, dtype=str, keep_default_na=False)
    for place, value in enumerate(run.varied.values()):  # text such as 007, NA or 1e3 is what it was
        results[results.columns[place]] = pd.Series([as_cell(value)] * len(results))
    return results


def as_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """A table of text with numbers where all of a column are numbers or missing."""
    import pandas as pd

    return pd.read_csv(io.StringIO(table.to_csv(index=False)))
