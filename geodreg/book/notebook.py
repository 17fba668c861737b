"""The plumbing of a page: parameters checked, one look for the figures, and a record of what made it."""

from __future__ import annotations

import difflib
import io
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geodreg
from geodreg.errors import PlainError
from geodreg.paper.labels import NAMES
from geodreg.workspace.devices import find_device
from geodreg.workspace.files import write_whole
from geodreg.workspace.revision import revision

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown
    from matplotlib.figure import Figure

__all__ = [
    "ParameterError",
    "begin",
    "check_parameters",
    "describe_variant",
    "save_figure",
    "save_table",
    "show_statuses",
    "show_table",
    "verdicts",
]

IPYTHON_NAMES = ("In", "Out")
RECORD, VARIANT = "geodreg-run", "geodreg-variant"  # names of the glued records that the site's tables are made of
LOSSES = {"algorithm1": "force of the printed Algorithm 1"}


class ParameterError(PlainError, ValueError):
    """A page's parameter of the wrong type, or with a name that nothing reads."""


def check_parameters(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Compare the parameters of a page with the types they are annotated with.

    Args:
        namespace: the page's globals; its annotated variables are the parameters.

    Returns:
        the parameters.

    Raises:
        ParameterError: for the first one whose value has another type (a whole number may stand for a float), and for
            a plain value under any other name: papermill has put it there, and nothing would read it.

    Example:
        >>> check_parameters({"__annotations__": {"mu": float}, "mu": 1})
        {'mu': 1}
    """
    from pydantic import TypeAdapter, ValidationError

    parameters = {name: namespace[name] for name in namespace.get("__annotations__", {})}
    for name, value in namespace.items():
        plain = isinstance(value, bool | int | float | str | list | dict | None)
        ours = name.startswith("_") or name.isupper() or name in IPYTHON_NAMES  # the kernel's, and constants of modules
        if plain and not ours and name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(parameters)}."
            raise ParameterError(f"This page has no parameter {name}; {hint}")
    for name, value in parameters.items():
        expected = namespace["__annotations__"][name]
        try:
            TypeAdapter(expected).validate_python(value, strict=True)
        except ValidationError:
            kind = getattr(expected, "__name__", str(expected))
            raise ParameterError(
                f"Parameter {name} is {value!r} ({type(value).__name__}), but it must be of type {kind}; "
                f"for example: papermill ... -p {name} {_example(kind)}"
            ) from None
    return parameters


def begin(namespace: Mapping[str, Any]) -> None:
    """What the first cell of every page does: check the parameters, set the look, record what runs.

    Raises:
        ParameterError: as :func:`check_parameters`.
        geodreg.workspace.devices.DeviceError: if a parameter ``device`` names one that this machine does not have.
    """
    import torch
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from myst_nb import glue

    from geodreg.plotting import use_house_style

    parameters = check_parameters(namespace)
    if "device" in parameters:
        find_device(parameters["device"])
    use_house_style()
    set_matplotlib_formats("svg", bbox_inches=None, metadata={"Date": None})
    packages = ("torch", "numpy", "scipy", "matplotlib")
    record = {
        "parameters": parameters,
        "commit": revision(),
        "device": parameters.get("device", "cpu"),
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "geodreg": geodreg.__version__,
            **{package: version(package) for package in packages},
        },
    }
    glue(RECORD, json.dumps(record), display=False)


def save_table(table: pd.DataFrame, name: str) -> None:
    """Write the data behind a plot as CSV into the working directory, all of it or nothing."""
    write_whole(Path(name), table.to_csv(index=False).encode())


def save_figure(figure: Figure, name: str) -> None:
    """Write a figure as SVG into the working directory, for pages that show it again."""
    content = io.BytesIO()
    figure.savefig(content, format=Path(name).suffix[1:], metadata={"Date": None})
    write_whole(Path(name), content.getvalue())


def show_table(table: pd.DataFrame, digits: int = 3) -> Markdown:
    """A small table as a page shows it; columns of round numbers as they are, others to ``digits`` significant ones."""
    from IPython.display import Markdown

    def floatfmt(column: pd.Series) -> str:
        numbers = [value for value in column if isinstance(value, float)]
        return "g" if all(float(f"{value:.{digits}g}") == value for value in numbers) else f"#.{digits}g"

    formats = [floatfmt(table[name].astype(object)) for name in table.columns]
    return Markdown(table.astype(object).to_markdown(index=False, floatfmt=formats))


def verdicts(rows: Sequence[tuple[str, str, bool]]) -> Markdown:
    """What a page claims, what it measured, and whether that holds, as a table.

    Args:
        rows: statement, measured value in words, and the outcome of the comparison.
    """
    from IPython.display import Markdown

    lines = ["| Statement | Measured here | Holds |", "| :-- | :-- | :-: |"]
    lines += [f"| {statement} | {measured} | {'yes' if holds else '**no**'} |" for statement, measured, holds in rows]
    return Markdown("\n".join(lines))


def show_statuses(table: pd.DataFrame) -> Markdown:
    """Why the solves of a summary stopped, as a table: method, reason, number of pairs."""
    solved = table[table["method"] != "straight"]
    counts = solved.groupby(["method", "status"]).size().reset_index(name="pairs")
    counts["method"] = counts["method"].map(NAMES)
    return show_table(counts.rename(columns={"method": "Method", "status": "Why it stopped", "pairs": "Pairs"}))


def describe_variant(
    mu: float | Mapping[str, float],
    noise: float,
    n_points: int,
    solver: str,
    start: str = "straight",
    precision: str = "single",
) -> Markdown:
    """Which of the possible objectives and solvers a page uses, as a paragraph, and as a record for the site.

    Args:
        mu: weight of the density; or the weight of each model, by its title.
        noise: of the density.
        n_points: of a path.
        solver: name of it.
        start: name of the start.
        precision: single or double.
    """
    from IPython.display import Markdown
    from myst_nb import glue

    weights = {"": mu} if isinstance(mu, float | int) else mu
    weight = ", ".join(f"{value:g} ({model})" if model else f"{value:g}" for model, value in weights.items())
    loss = LOSSES.get(solver, "loss as printed")
    row = {"Minimised": loss, "Weight": weight, "Noise": f"{noise:g}", "Points": n_points, "Start": start}
    glue(VARIANT, json.dumps({**row, "Solver": f"{solver}, {precision} precision"}), display=False)
    density = (
        "the paper's density (noise 0)"
        if noise == 0
        else f"the density with noise of standard deviation {noise}, which keeps it bounded where the generator nearly "
        "collapses"
    )
    return Markdown(
        f"The objective is the {loss}: the chord energy plus the density term with weight {weight}, with {density}, on "
        f"the interval of unit speed, from the {start} start, solved by `{solver}` in {precision} precision with "
        f"{n_points} points. The paper's weights, 0.003 to 0.1, are weights in its Algorithm 1, and the same number in "
        "the loss does something else ({ref}`algorithm1`); {ref}`variants` has all figures together."
    )


def _example(kind: str) -> str:
    return {"float": "0.1", "int": "50", "bool": "true", "str": "straight"}.get(kind, "VALUE")
