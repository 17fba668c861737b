"""The page that sums a sweep up: how each run ended, its results in one table, and what depends on the parameters."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from geodreg.book.sweeps.columns import check_columns
from geodreg.book.sweeps.definition import RESULTS, Results, Run, Sweep, SweepError, file_name
from geodreg.book.sweeps.results import (
    PARAMETERS,
    Ending,
    as_cell,
    as_numbers,
    asked_of,
    column_of,
    ending_of,
    failed_page_of,
    page_of,
    read_results,
)
from geodreg.book.values import Value
from geodreg.paper.labels import label_of, names_of
from geodreg.workspace.files import sha256_of, write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["INDEX", "is_current", "write_summary"]

INDEX = "index.md"
RUNS = "runs.sha256"  # sums of what a summary was made of, as `sha256sum --check` reads them


def write_summary(sweep: Sweep) -> dict[str, Ending]:
    """Write ``index.md``, ``results.csv`` and a figure for each column into the sweep's folder.

    Runs that failed, are damaged or were not run are listed as such, and left out of table and figures. Last of all the
    sums are written of what it was made of.

    Args:
        sweep: a sweep, run as far as it may be.

    Returns:
        how each run ended, by its name.

    Raises:
        SweepError: if the table of the runs does not have a column that the sweep wants; their results are written.
    """
    import matplotlib.pyplot as plt
    import pandas as pd

    runs = sweep.runs()
    endings = {run.slug: ending_of(sweep, run) for run in runs}
    done = [run for run in runs if endings[run.slug] is Ending.DONE]
    sweep.folder.mkdir(parents=True, exist_ok=True)
    shown: list[str] = []
    (sweep.folder / RUNS).unlink(missing_ok=True)  # until all of the new summary is there
    if not done:
        (sweep.folder / RESULTS).unlink(missing_ok=True)  # would be taken for the results of these runs
    else:
        tables = [(run, read_results(sweep, run)) for run in done]
        own = as_numbers(pd.concat([table.iloc[:, len(run.varied) :] for run, table in tables], ignore_index=True))
        run_column = "run of the sweep" if any("run" in table for _, table in tables) else "run"
        named = [table.assign(**{run_column: run.slug}) for run, table in tables]
        results = pd.concat(named, ignore_index=True)
        write_whole(sweep.folder / RESULTS, results.to_csv(index=False).encode())
        try:
            check_columns(sweep, own)
        except SweepError as error:
            raise SweepError(
                f"{error} The runs are kept: mend the file and call `geodreg sweep {sweep.name}` again, which runs "
                "none of them again."
            ) from None
        results[own.columns] = own
        abscissae = [column_of(name, own.columns) for name in distinguishing(runs)] or [run_column]
        shown.append("Medians over the rows of that table, in the figures with the range of the middle half:")
        shown.append(medians(results, abscissae, sweep.results))
        for column in sweep.results.columns:
            figure = plot_results(results, abscissae, column, sweep.results.by)
            file = f"{file_name(column)}.svg"
            content = io.BytesIO()
            figure.savefig(content, format="svg", metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)
            write_whole(sweep.folder / file, content.getvalue())
            shown.append(f"![{label_of(column)} across the sweep]({file})")
    rows = []
    for run in runs:
        ending = endings[run.slug]
        page = page_of(sweep, run)
        path = {Ending.DONE: page, Ending.FAILED: failed_page_of(sweep, run)}.get(ending)
        link = f"[{run.slug}]({path.relative_to(sweep.folder).as_posix()})" if path else run.slug
        cells = {_as_code(name): _in_a_table(value) for name, value in run.varied.items()}
        rows.append({"Notebook": link, **cells, "Ended": str(ending)})
    first = runs[0]
    fixed = ", ".join(f"`{name}` = {first.parameters[name]!r}" for name in sweep.parameters if name not in first.varied)
    table = pd.DataFrame(rows).astype(object).fillna("").to_markdown(index=False, disable_numparse=True)
    parts = [
        f"# {sweep.what}",
        f"{len(done)} of {len(runs)} reruns of the page `{sweep.notebook}`"
        + (f", with {fixed}" if fixed else "")
        + f". Made by `make sweep SWEEP={sweep.name}`; the results of all of them: "
        + ("[results.csv](results.csv)." if done else "none yet."),
        *shown,
        "## Runs",
        table,
    ]
    write_whole(sweep.folder / INDEX, ("\n\n".join(parts) + "\n").encode())
    write_whole(sweep.folder / RUNS, _sums(sweep))
    return endings


def is_current(sweep: Sweep) -> bool:
    """Whether the summary of a sweep was made of what its file asks for and its runs have left by now."""
    file = sweep.folder / RUNS
    return file.is_file() and file.read_bytes() == _sums(sweep)


def _sums(sweep: Sweep) -> bytes:
    """Sums of what a summary shows: what each run is asked for, and the results and the notebook that it has left."""
    lines = []
    for run in sweep.runs():
        page = page_of(sweep, run)
        left = {Ending.DONE: [page, page.with_name(RESULTS)], Ending.FAILED: [failed_page_of(sweep, run)]}
        lines.append(f"{hashlib.sha256(asked_of(sweep, run)).hexdigest()}  {run.slug}/{PARAMETERS}\n")
        lines += [f"{sha256_of(file)}  {run.slug}/{file.name}\n" for file in left.get(ending_of(sweep, run), [])]
    return "".join(lines).encode()


def distinguishing(runs: tuple[Run, ...]) -> list[str]:
    """The parameters that every run has, if no two runs agree in all of them; otherwise none.

    Example:
        >>> distinguishing((Run("a", {"subject": "a"}, {}), Run("b", {"subject": "b", "retrain": True}, {})))
        ['subject']
    """
    shared = [name for name in runs[0].varied if all(name in run.varied for run in runs)]
    places = {tuple(as_cell(run.varied[name]) for name in shared) for run in runs}
    return shared if shared and len(places) == len(runs) else []


def medians(results: pd.DataFrame, parameters: list[str], wanted: Results) -> str:
    """Medians of a sweep's columns for each value of the parameters, and of the column that has a line each.

    Args:
        results: all runs below each other, with a column for each parameter.
        parameters: those that vary.
        wanted: what the sweep says of its results.
    """
    keys = [*parameters, *([wanted.by] if wanted.by else [])]
    table = results.groupby(keys, sort=False, dropna=False)[list(wanted.columns)].median().reset_index()
    if wanted.by:
        table[wanted.by] = table[wanted.by].replace(names_of(table[wanted.by]))
    for name in parameters:
        table[name] = table[name].map(_in_a_table)
    headings = {name: _as_code(name) if name in parameters else label_of(str(name)) for name in table}
    return str(table.rename(columns=headings).astype(object).to_markdown(index=False, floatfmt=".4g"))


def _as_code(name: str) -> str:
    """A parameter's name as it is typed; the column of the runs has words."""
    return f"`{name}`" if name.isidentifier() and name != "run" else name


def _in_a_table(value: Value) -> Value:
    """A value as a cell of a table in Markdown: words that are more than letters and digits as code."""
    cell = as_cell(value)
    if not isinstance(cell, str) or cell.replace("_", "").isalnum():
        return cell
    code = " ".join(cell.split()).replace("|", "\\|").replace("`", "'")
    return f"`` {code} ``"


def plot_results(results: pd.DataFrame, parameters: list[str], column: str, by: str | None) -> Figure:
    """Medians of a column, with the range of its middle half, against the first parameter; a panel for each other one.

    Values that are numbers are joined by a line; words have no order.

    Args:
        results: all runs below each other, with a column for each parameter.
        parameters: those that vary; the first is the abscissa.
        column: what is drawn.
        by: column whose values get a line each.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns
    from pandas.api.types import is_numeric_dtype

    from geodreg.plotting.style import METHOD_STYLE, use_house_style

    use_house_style()
    lines = 1 if by is None else len(set(results[by]))
    is_number = is_numeric_dtype(results[parameters[0]])
    data = results if is_number else results.astype({parameters[0]: str})
    palette = None
    if by is not None:
        is_method = set(data[by]) <= set(METHOD_STYLE)
        names = names_of(data[by])
        palette = {name: METHOD_STYLE[method]["color"] for method, name in names.items()} if is_method else None
        data = data.assign(**{by: data[by].replace(names)})
    # Each value at its own place, whatever their spacing: what is swept is often spread over decades.
    grid = sns.catplot(
        data, x=parameters[0], y=column, hue=by, col=parameters[1] if len(parameters) > 1 else None,
        row=parameters[2] if len(parameters) > 2 else None, kind="point", estimator="median", errorbar=("pi", 50),
        dodge=0.25 if lines > 1 else False, palette=palette, height=3.2, aspect=1.5,
        linewidth=1.5, markersize=4, linestyle="-" if is_number else "none",
    )  # fmt: skip
    if not is_number:
        for axes in grid.axes.flat:  # names of runs are long
            plt.setp(axes.get_xticklabels(), rotation=20, ha="right", rotation_mode="anchor")
    grid.set_ylabels(label_of(column))
    return grid.figure
