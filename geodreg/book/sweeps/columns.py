"""The table and the columns that a sweep wants, compared with what its page writes, before the runs where possible."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.book.sweeps.definition import Run, Sweep, SweepError
from geodreg.book.sweeps.results import Ending, as_numbers, ending_of, page_of, read_results

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_columns", "check_known_columns", "check_table"]

FIGURES = Path("book/figures")  # where the book's own execution of a page leaves its tables


def check_table(sweep: Sweep) -> None:
    """Compare the table that a sweep wants with those that its page writes, as far as its source says.

    Raises:
        SweepError: if it writes other ones only.
    """
    tables = tables_of(sweep.source)
    if tables and sweep.results.table not in tables:
        hint = _hint(sweep.results.table, tables)
        raise SweepError(f"{sweep.file}: {sweep.notebook} writes no table {sweep.results.table}; {hint}")


def check_known_columns(sweep: Sweep, runs: Iterable[Run]) -> None:
    """Compare the columns that a sweep wants with those of a table that is there already, if there is one.

    That is one that a run of this sweep has left, or the book's own execution of the page, since the page was last
    changed.

    Raises:
        SweepError: as :func:`check_columns`.
    """
    import pandas as pd

    changed = sweep.source.stat().st_mtime
    for run in runs:
        if ending_of(sweep, run) is Ending.DONE and page_of(sweep, run).stat().st_mtime >= changed:
            return check_columns(sweep, as_numbers(read_results(sweep, run).iloc[:, len(run.varied) :]))
    table = FIGURES / sweep.results.table
    if table.is_file() and table.stat().st_mtime >= changed:
        check_columns(sweep, pd.read_csv(table))
    return None


def check_columns(sweep: Sweep, table: pd.DataFrame) -> None:
    """Compare the columns that a sweep wants with those of its page's table.

    Raises:
        SweepError: if one is not there, or one that is to be drawn has words instead of numbers.
    """
    from pandas.api.types import is_numeric_dtype

    wanted, known = sweep.results, [str(column) for column in table]
    for name in (*wanted.columns, *([wanted.by] if wanted.by else [])):
        if name not in table:
            raise SweepError(f"{sweep.file}: {wanted.table} has no column {name!r}; {_hint(name, known)}")
    for name in wanted.columns:
        if not is_numeric_dtype(table[name]):
            numbers = [column for column in known if is_numeric_dtype(table[column])]
            raise SweepError(
                f"{sweep.file}: the column {name!r} of {wanted.table} has no numbers to draw; choose one of "
                f"{', '.join(numbers)}."
            )


def tables_of(source: Path) -> list[str]:
    """The tables that a page writes, by name; none, if its source does not say all of them."""
    import jupytext

    code = "\n".join(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code")
    try:
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    except SyntaxError:  # a magic of IPython's
        return []
    functions = [getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls]
    names = [call.args[1:] for call, name in zip(calls, functions, strict=True) if name == "save_table"]
    known = [arg[0].value for arg in names if arg and isinstance(arg[0], ast.Constant)]
    return sorted(map(str, known)) if len(known) == len(names) and "to_csv" not in functions else []


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}."
