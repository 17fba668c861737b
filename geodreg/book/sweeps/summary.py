"""The page that sums a sweep up: how each run ended, its results in one table, and what depends on the parameters."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from geodreg.book.sweeps.definition import Results, Run, Sweep
from geodreg.book.sweeps.results import RESULTS, Ending, ending_of, page_of, read_results
from geodreg.paper.labels import LABELS, NAMES
from geodreg.workspace.files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["INDEX", "write_summary"]

INDEX = "index.md"


def write_summary(sweep: Sweep) -> dict[str, Ending]:
    """Write ``index.md``, ``results.csv`` and a figure for each column into the sweep's folder.

    Runs that failed, are damaged or were not run are listed as such, and left out of table and figures.

    Args:
        sweep: a sweep, run as far as it may be.

    Returns:
        how each run ended, by its name.
    """
    import matplotlib.pyplot as plt
    import pandas as pd

    runs = sweep.runs()
    endings = {run.slug: ending_of(sweep, run) for run in runs}
    done = [run for run in runs if endings[run.slug] is Ending.DONE]
    sweep.folder.mkdir(parents=True, exist_ok=True)
    shown: list[str] = []
    abscissae = distinguishing(runs)
    if done:
        results = pd.concat([read_results(sweep, run).assign(run=run.slug) for run in done], ignore_index=True)
        write_whole(sweep.folder / RESULTS, results.to_csv(index=False).encode())
        shown.append("Medians over the rows of that table, in the figures with the range of the middle half:")
        shown.append(medians(results, abscissae, sweep.results))
        for column in sweep.results.columns:
            figure = plot_results(results, abscissae, column, sweep.results.by)
            content = io.BytesIO()
            figure.savefig(content, format="svg", metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)
            write_whole(sweep.folder / f"{column}.svg", content.getvalue())
            shown.append(f"![{LABELS.get(column, column)} across the sweep]({column}.svg)")
    rows = []
    for run in runs:
        ending = endings[run.slug]
        page = page_of(sweep, run)
        path = {Ending.DONE: page, Ending.FAILED: page.with_suffix(".failed.ipynb")}.get(ending)
        link = f"[{run.slug}]({path.relative_to(sweep.folder).as_posix()})" if path else run.slug
        rows.append({"Notebook": link, **run.varied, "Ended": str(ending)})
    fixed = ", ".join(f"`{name}` = {value!r}" for name, value in sweep.parameters.items())
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
    return endings


def distinguishing(runs: tuple[Run, ...]) -> list[str]:
    """The parameters that every run has, if no two runs agree in all of them; otherwise the runs' own names.

    Example:
        >>> distinguishing((Run("a", {"subject": "a"}, {}), Run("b", {"subject": "b", "retrain": True}, {})))
        ['subject']
    """
    shared = [name for name in runs[0].varied if all(name in run.varied for run in runs)]
    places = {tuple(str(run.varied[name]) for name in shared) for run in runs}
    return shared if shared and len(places) == len(runs) else ["run"]


def medians(results: pd.DataFrame, parameters: list[str], wanted: Results) -> str:
    """Medians of a sweep's columns for each value of the parameters, and of the column that has a line each.

    Args:
        results: all runs below each other, with a column for each parameter.
        parameters: those that vary.
        wanted: what the sweep says of its results.
    """
    keys = [*parameters, *([wanted.by] if wanted.by else [])]
    table = results.groupby(keys, sort=False)[list(wanted.columns)].median().reset_index()
    if wanted.by:
        table[wanted.by] = table[wanted.by].replace(NAMES)
    return str(table.rename(columns=LABELS).astype(object).to_markdown(index=False, floatfmt=".4g"))


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
        palette = {NAMES[name]: style["color"] for name, style in METHOD_STYLE.items()} if is_method else None
        data = data.assign(**{by: data[by].replace(NAMES)})
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
    grid.set_ylabels(LABELS.get(column, column))
    return grid.figure
