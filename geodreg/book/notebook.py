"""The plumbing of a page: parameters checked, one look for the figures, and a record of what made it."""

from __future__ import annotations

import ast
import difflib
import itertools
import json
import platform
import re
import tokenize
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geodreg
from geodreg.book.drawings import save_animation, save_figure, save_markup, show_drawings
from geodreg.book.found import FOUND, found_markdown
from geodreg.book.parameters import Parameter, ParameterError, check_kinds, declarations, shortened
from geodreg.book.rerun_note import rerun_note
from geodreg.book.values import ANYTHING, Value, ValueRefusedError
from geodreg.paper.labels import UNSOLVED, names_of
from geodreg.workspace.devices import find_device
from geodreg.workspace.files import write_whole
from geodreg.workspace.revision import revision

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown

    from geodreg.paper.as_printed import AsPrinted

__all__ = [
    "ParameterError",
    "begin",
    "check_parameters",
    "describe_variant",
    "found_here",
    "save_animation",
    "save_figure",
    "save_markup",
    "save_table",
    "show_drawings",
    "show_statuses",
    "show_table",
    "verdicts",
]

IPYTHON_NAMES = ("In", "Out")
PAPERMILL = "PAPERMILL_"  # beginning of the names under which papermill gives paths, if it is asked to
NUMBER = re.compile(r"(-?\d+(\.\d+)?(e[-+]?\d+)?|-?inf|nan)?")  # as tables show them
RECORD, VARIANT = "geodreg-run", "geodreg-variant"  # names of the glued records that the site's tables are made of
LOSSES = {"algorithm1": "force of the printed Algorithm 1"}


def check_parameters(namespace: Mapping[str, Any]) -> dict[str, Value]:
    """Read the parameters of a page as the types that they are annotated with, and compare them with their ranges.

    Papermill gives a page numbers, ``True`` and ``False``, and everything else as text, which is read as the type.

    Args:
        namespace: the page's globals; its annotated variables are the parameters. The ranges and defaults are in the
            sources of its cells, which IPython keeps there.

    Returns:
        the parameters, each of its type.

    Raises:
        ParameterError: for the first one whose value has another type or is out of its range, and for a plain value
            under any other name: papermill has put it there, and nothing would read it.

    Example:
        >>> check_parameters({"__annotations__": {"mu": float}, "mu": 1})
        {'mu': 1.0}
    """
    cells = [source for source in namespace.get("In", ()) if source]
    above = list(itertools.takewhile(lambda cell: "begin(globals())" not in cell, cells))
    names = {name for cell in above for name in _declared_in(cell)} if cells else None
    annotations = namespace.get("__annotations__", {}).items()
    known = {name: Parameter(name, _kind(kind), "", "") for name, kind in annotations if names is None or name in names}
    for cell in cells:
        known |= {name: parameter for name, parameter in _declared_in(cell).items() if name in known}
    for name in _given(above) if cells else _plain_values(namespace):
        if name not in known and not name.startswith(PAPERMILL):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}."
            raise ParameterError(f"This page has no parameter {name}; {hint}")
    check_kinds(known)
    found = {}
    for name, parameter in known.items():
        try:
            found[name] = parameter.read(namespace[name])
        except ValueRefusedError as error:
            given, words = namespace[name], parameter.as_option(raw="-r")
            hint = f"; for example: papermill ... {words}" if words else "."
            raise ParameterError(
                f"Parameter {name} is {shortened(given)} ({type(given).__name__}), but it must be {error}{hint}"
            ) from None
    return found


def _kind(annotation: object) -> str:
    if isinstance(annotation, str):
        return annotation
    is_list = annotation is list
    return f"list[{ANYTHING}]" if is_list else annotation.__name__ if type(annotation) is type else str(annotation)


def _declared_in(cell: str) -> dict[str, Parameter]:
    """What a cell declares; nothing, if it is not plain Python."""
    try:
        return declarations(cell)
    except (SyntaxError, tokenize.TokenError):
        return {}


def _given(cells: Sequence[str]) -> list[str]:
    """Names that cells assign without a type, as papermill does in a cell of its own."""
    names = []
    for cell in cells:
        try:
            nodes = ast.parse(cell).body
        except SyntaxError:
            continue
        targets = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def _plain_values(namespace: Mapping[str, Any]) -> list[str]:
    """Names of plain values, but for the kernel's and for constants of modules."""
    return [
        name
        for name, value in namespace.items()
        if isinstance(value, bool | int | float | str | list | dict | None)
        and not (name.startswith("_") or name.isupper() or name in IPYTHON_NAMES)
    ]


def begin(namespace: dict[str, Any]) -> None:
    """What the first cell of every page does: check the parameters, set the look, record what runs.

    A rerun shows which of its parameters are not the page's. It is an output of that cell, made of the values that were
    checked: what a cell of text says would stay, and not be true, when the notebook is run once more with others.

    Args:
        namespace: the page's globals; parameters that came as text are replaced by what was read of them.

    Raises:
        ParameterError: as :func:`check_parameters`.
        geodreg.workspace.devices.DeviceError: if a parameter ``device`` names one that this machine does not have.
    """
    import torch
    from IPython.display import Markdown, display
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from myst_nb import glue

    from geodreg.plotting import use_house_style

    parameters = check_parameters(namespace)
    namespace.update(parameters)
    device = str(parameters.get("device", "cpu"))
    find_device(device)
    use_house_style()
    set_matplotlib_formats("svg", bbox_inches=None, metadata={"Date": None})
    _show_in_both_themes()
    packages = ("torch", "numpy", "scipy", "matplotlib")
    record = {
        "parameters": parameters,
        "commit": revision(),
        "device": device,
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "geodreg": geodreg.__version__,
            **{package: version(package) for package in packages},
        },
    }
    glue(RECORD, json.dumps(record), display=False)
    cells = [source for source in namespace.get("In", ()) if source]
    declared = {name: parameter for cell in cells for name, parameter in _declared_in(cell).items()}
    given = parameters.keys() & _given(cells)
    if note := rerun_note(declared, parameters, given):
        display(Markdown(note))


def _show_in_both_themes() -> None:
    from IPython.core.getipython import get_ipython
    from matplotlib.figure import Figure

    from geodreg.plotting.themes import for_both_themes

    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        formatter = shell.display_formatter.formatters["image/svg+xml"]
        drawn = formatter.lookup_by_type(Figure)

        def in_both_themes(figure: Figure) -> str | None:
            svg = drawn(figure)
            return None if svg is None else for_both_themes(svg)  # an empty figure is not drawn

        formatter.for_type(Figure, in_both_themes)


def save_table(table: pd.DataFrame, name: str) -> None:
    """Write the data behind a plot as CSV into the working directory, all of it or nothing."""
    write_whole(Path(name), table.to_csv(index=False).encode())


def show_table(table: pd.DataFrame, digits: int = 3) -> Markdown:
    """A small table as a page shows it; columns of round numbers as they are, others to ``digits`` significant ones.

    Numbers that are words already stay as they were written.
    """
    import pandas as pd
    from IPython.display import Markdown

    def written(column: pd.Series) -> list[str]:
        numbers = [value for value in column if isinstance(value, float)]
        is_round = all(float(f"{value:.{digits}g}") == value for value in numbers)
        return [_in_words(value, "g" if is_round else f"#.{digits}g") for value in column]

    shown = pd.DataFrame({name: written(table[name].astype(object)) for name in table.columns})
    aligned = ["right" if all(map(NUMBER.fullmatch, shown[name])) else "left" for name in shown.columns]
    return Markdown(shown.to_markdown(index=False, disable_numparse=True, colalign=aligned))


def _in_words(value: object, form: str) -> str:
    """A cell; thousands without an exponent, and no point behind whole numbers."""
    if not isinstance(value, float):
        return "" if value is None else str(value)
    text = format(value, form)
    return (f"{float(text):.0f}" if "e+" in text else text).rstrip(".")


def verdicts(rows: Sequence[tuple[str, str, bool]], in_box: bool = False) -> Markdown:
    """What a page claims, what it measured, and whether that holds, as a table.

    Args:
        rows: statement, measured value in words, and the outcome of the comparison.
        in_box: whether some of them stand in the box at the head of the page as well, once on a page
            (:func:`~geodreg.book.found.found_markdown`).
    """
    from IPython.display import Markdown

    if in_box:
        found_here(found_markdown(rows))
    lines = ["| Statement | Measured here | Holds |", "| :-- | :-- | :-: |"]
    lines += [f"| {statement} | {measured} | {'yes' if holds else '**no**'} |" for statement, measured, holds in rows]
    return Markdown("\n".join(lines))


def found_here(text: str) -> Markdown:
    """A text where it is computed, and in the box at the head of the page as well; once on a page."""
    from IPython.display import Markdown
    from myst_nb import glue

    glue(FOUND, Markdown(text), display=False)
    return Markdown(text)


def show_statuses(table: pd.DataFrame) -> Markdown:
    """Why the solves of a summary stopped, as a table: method, reason, number of pairs."""
    solved = table[~table["method"].isin(UNSOLVED)]
    counts = solved.groupby(["method", "status"]).size().reset_index(name="pairs")
    counts["method"] = counts["method"].map(names_of(table["method"]))
    return show_table(counts.rename(columns={"method": "Method", "status": "Why it stopped", "pairs": "Pairs"}))


def describe_variant(
    mu: float | Mapping[str, float],
    noise: float,
    n_points: int,
    solver: str,
    start: str = "straight",
    precision: str = "single",
    algorithm1: AsPrinted | None = None,
) -> Markdown:
    """Which of the possible objectives and solvers a page uses, as a paragraph, and as a record for the site.

    Args:
        mu: weight of the density; or the weight of each model, by its title.
        noise: of the density.
        n_points: of a path.
        solver: name of it.
        start: name of the start.
        precision: single or double.
        algorithm1: what the paper's algorithm ran with, if it stands beside.
    """
    from IPython.display import Markdown
    from myst_nb import glue

    weights = {"": mu} if isinstance(mu, float | int) else mu
    weight = ", ".join(f"{value:g} ({model})" if model else f"{value:g}" for model, value in weights.items())
    loss = LOSSES.get(solver, "loss as printed")
    row = {"Minimised": loss, "Weight": weight, "Noise": f"{noise:g}", "Points": n_points, "Start": start}
    beside, said = _beside(algorithm1, noise)
    row = {**row, "Solver": f"{solver}, {precision} precision", "Beside it": beside}
    glue(VARIANT, json.dumps(row), display=False)
    density = (
        "the paper's density (noise 0)"
        if noise == 0
        else f"the density with noise of standard deviation {noise}, which keeps it bounded where the generator nearly "
        "collapses"
    )
    return Markdown(
        f"The objective {'is' if noise == 0 else 'has the form of'} the {loss}: the chord energy plus the density term "
        f"with weight {weight}, with {density}, on "
        f"the interval of unit speed, from the {start} start, solved by `{solver}` in {precision} precision with "
        f"{n_points} points. The paper's weights, 0.003 to 0.1, are weights in its Algorithm 1, and the same number in "
        f"the loss does something else ({{ref}}`algorithm1`); {{ref}}`variants` has all figures together.{said}"
    )


def _beside(setting: AsPrinted | None, noise: float) -> tuple[str, str]:
    """What the paper's algorithm ran with, as a cell of a table and as a sentence; two empty ones where it did not."""
    if setting is None:
        return "", ""
    step = f"a step of {setting.step_share:g} of the start line's limit of stability"
    grey = "" if setting.grey_range == 1.0 else f", for a grey scale of width {setting.grey_range:g}"
    cell = f"Algorithm 1 at {setting.mu:g}, {setting.budget} iterations"
    printed = "as printed" if noise == 0.0 else "as printed but for the same noise in its density"
    return cell, (
        f" Beside it stands Algorithm 1 {printed}, with weight {setting.mu:g} in its own sense{grey}, from the "
        f"straight line, after at most {setting.budget} iterations with {step}."
    )
