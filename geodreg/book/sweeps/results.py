"""What a run of a sweep leaves behind, and how the runs of a sweep ended."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.book.execution import forget_changed, run_page
from geodreg.book.sweeps.definition import RESULTS, Run, Sweep, SweepError
from geodreg.book.sweeps.sources import sources_of
from geodreg.book.values import Value
from geodreg.workspace.files import date_now, has_its_sum, sha256_of, sum_file, write_sum, write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PARAMETERS",
    "Ending",
    "as_cell",
    "as_numbers",
    "asked_of",
    "column_of",
    "ending_of",
    "execute",
    "failed_page_of",
    "page_of",
    "prepare",
    "prepared",
    "read_results",
    "to_be_made_again",
]

PARAMETERS = "parameters.json"  # of each run, with the page and the table that it is asked for


class Ending(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    DAMAGED = "damaged"
    MISSING = "not run"


def page_of(sweep: Sweep, run: Run) -> Path:
    """The executed notebook of a run."""
    return sweep.folder / run.slug / f"{run.slug}.ipynb"


def failed_page_of(sweep: Sweep, run: Run) -> Path:
    """The notebook of a run that failed."""
    return page_of(sweep, run).with_suffix(".failed.ipynb")


def asked_of(sweep: Sweep, run: Run) -> bytes:
    """What the sweep's file asks of a run, and what its results are results of: page, table and parameters, as JSON."""
    asked = {"notebook": sweep.notebook, "table": sweep.results.table, "parameters": run.parameters}
    return (json.dumps(asked, indent=1) + "\n").encode()


def execute(sweep: Sweep, run: Run) -> None:
    """Execute one run in its folder: the notebook, the tables it writes, and its results with their sum, last of all.

    Raises:
        geodreg.book.parameters.PageError: if the page fails, or was edited meanwhile; the notebook that failed is kept,
            and so is an earlier one.
        SweepError: if the page does not write the table that the sweep wants.
    """
    import pandas as pd

    page = page_of(sweep, run)
    results, table = page.with_name(RESULTS), page.with_name(sweep.results.table)
    for earlier in (table, sum_file(results)):  # would be taken for this run's
        earlier.unlink(missing_ok=True)
    run_page(sweep.source, page, run.parameters, refuse_edits=True)
    if not table.is_file():
        written = ", ".join(sorted(path.name for path in page.parent.glob("*.csv") if path.name != RESULTS)) or "none"
        raise SweepError(
            f"{sweep.notebook} has not written {sweep.results.table}; the tables it writes are: {written}."
        )
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)  # every value as the page wrote it
    for name, value in reversed(run.varied.items()):
        rows.insert(0, column_of(name, rows.columns), as_cell(value))
    write_whole(results, rows.to_csv(index=False).encode())
    write_sum(page)
    # Both in one file, as `sha256sum --check` reads it: results are those of what was asked for, and of nothing else.
    sums = f"{sha256_of(results)}  {RESULTS}\n{_sum_of_asked(sweep, run)}"
    write_whole(sum_file(results), sums.encode())


def _sum_of_asked(sweep: Sweep, run: Run) -> str:
    return f"{hashlib.sha256(asked_of(sweep, run)).hexdigest()}  {PARAMETERS}\n"


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
    """How a run ended, as its folder shows; one that was asked for something else was not run."""
    page = page_of(sweep, run)
    results = page.with_name(RESULTS)
    if failed_page_of(sweep, run).is_file() and _is_prepared(sweep, run):
        return Ending.FAILED
    if not all(path.is_file() for path in (page, results, sum_file(results))):
        return Ending.MISSING
    if not sum_file(results).read_text(encoding="utf-8").endswith(_sum_of_asked(sweep, run)):
        return Ending.MISSING
    whole = has_its_sum(results) and (has_its_sum(page) or not sum_file(page).is_file())
    return Ending.DONE if whole else Ending.DAMAGED


def _is_prepared(sweep: Sweep, run: Run) -> bool:
    """Whether the folder of a run says of it what the sweep's file says."""
    file = page_of(sweep, run).with_name(PARAMETERS)
    return file.is_file() and file.read_bytes() == asked_of(sweep, run)


def prepare(sweep: Sweep) -> list[str]:
    """Write what each run is asked for; remove the sum of one whose results are missing, damaged or of something else.

    That runs it again. It is for the time before a sweep is run, and for the one process that runs it.

    Returns:
        sentences about what was damaged.
    """
    found = []
    runs = sweep.runs()
    for run in runs:
        page = page_of(sweep, run)
        results = page.with_name(RESULTS)
        if not _is_prepared(sweep, run):
            page.parent.mkdir(parents=True, exist_ok=True)
            failed_page_of(sweep, run).unlink(missing_ok=True)  # of what was asked for before
            write_whole(page.with_name(PARAMETERS), asked_of(sweep, run))
        if ending_of(sweep, run) in (Ending.MISSING, Ending.DAMAGED):
            found += [sentence for output in (page, results) if (sentence := forget_changed(output))]
            sum_file(results).unlink(missing_ok=True)
    _date(sweep, [page_of(sweep, run).parent for run in runs])
    return found


def _date(sweep: Sweep, folders: list[Path]) -> None:
    """Date what is of the future: Snakemake would not accept what is made of such a source, and take an output for new.

    It is not done where Snakemake reads the workflow, as each job of a cluster does: to a node whose clock is slow, the
    results that others have just finished are of the future.
    """
    with contextlib.suppress(OSError):  # such as of models on a file system that can only be read
        date_now(sources_of(sweep))
    with contextlib.suppress(OSError):
        date_now([folder / PARAMETERS for folder in folders], [sum_file(folder / RESULTS) for folder in folders])


def to_be_made_again(sweep: Sweep) -> list[Path]:
    """The sums of those results that :func:`prepare` would have made again, for whoever is to change nothing."""
    return [
        sum_file(page_of(sweep, run).with_name(RESULTS))
        for run in sweep.runs()
        if not _is_prepared(sweep, run) or ending_of(sweep, run) in (Ending.MISSING, Ending.DAMAGED)
    ]


def prepared(sweep: Sweep, slug: str) -> Run:
    """A run as it was prepared, for a job that may start hours later.

    Raises:
        SweepError: if the sweep's file no longer has this run, or asks it for something else; with values of now the
            run would not be the one that it is taken for.
    """
    run = next((run for run in sweep.runs() if run.slug == slug), None)
    if run is None or not _is_prepared(sweep, run):
        what = "it has no such run any more" if run is None else "it asks that run for something else now"
        raise SweepError(
            f"{sweep.file} has changed since this sweep was started, and {slug} is not run: {what}. Call "
            f"`geodreg sweep {sweep.name}` again when this one has ended, which runs what the file says then."
        )
    return run


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
