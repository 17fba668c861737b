"""The parameters of a page, read from its source and checked before anything runs."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodreg.errors import PlainError

__all__ = ["PageError", "Parameter", "checked", "declared", "pair"]


class PageError(PlainError):
    """A page that cannot be run as asked, or that failed; the message says where and what to do."""


@dataclass(frozen=True)
class Parameter:
    """What a page's parameters cell says of one parameter.

    Attributes:
        name: of the variable.
        kind: its annotation, such as ``float``.
        default: as it stands in the cell.
        help: the comment behind it.
    """

    name: str
    kind: str
    default: str
    help: str


def pair(source: Path, notebook: Path) -> None:
    """Write a notebook source as a notebook without outputs."""
    import jupytext

    jupytext.write(jupytext.read(source), notebook)


def declared(source: Path) -> dict[str, Parameter]:
    """The parameters of a page by name, without running it.

    Args:
        source: MyST text (``.md``) or a notebook (``.ipynb``).
    """
    import papermill

    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / f"{source.stem}.ipynb"
        pair(source, plain)
        found = papermill.inspect_notebook(plain)
    return {
        name: Parameter(name, entry["inferred_type_name"], entry["default"], entry["help"])
        for name, entry in found.items()
    }


def checked(source: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values for a page's parameters, each of the type that the page declares.

    Text is read as the declared type (``"0.1"`` as a float), since that is what a command line has. A whole number may
    stand for a float.

    Args:
        source: the page.
        given: values by name.

    Raises:
        PageError: for the first name that the page does not have, with the nearest one that it has, and for the first
            value that is not of the declared type.
    """
    known = declared(source)
    return {name: _value(source, known, name, value) for name, value in given.items()}


def _value(source: Path, known: Mapping[str, Parameter], name: str, value: object) -> object:
    import yaml
    from pydantic import FiniteFloat, TypeAdapter, ValidationError

    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        typed = {parameter.name: f"{parameter.name} ({parameter.kind})" for parameter in known.values()}
        hint = f"did you mean {typed[near[0]]}?" if near else f"it has {', '.join(typed.values())}."
        raise PageError(f"{source.name} has no parameter {name}; {hint}")
    parameter = known[name]
    kinds: dict[str, Any] = {"float": FiniteFloat, "int": int, "bool": bool, "str": str, "list": list}
    expected = TypeAdapter(kinds[parameter.kind])
    try:
        if parameter.kind == "list" and isinstance(value, str):
            return expected.validate_python(yaml.safe_load(value), strict=True)
        if isinstance(value, str):
            return expected.validate_strings(value)
        return expected.validate_python(value, strict=True)
    except (ValidationError, yaml.YAMLError):
        raise PageError(
            f"{source.name}: parameter {name} is {value!r}, but it must be of type {parameter.kind}, "
            f"such as its default {parameter.default}."
        ) from None
