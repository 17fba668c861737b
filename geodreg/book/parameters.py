"""The parameters of a page, as its parameters cell declares them; the one place where a value is compared with that."""

from __future__ import annotations

import ast
import difflib
import io
import json
import shlex
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodreg.book.cells import tagged_cell
from geodreg.book.ranges import Interval, Names, range_in
from geodreg.book.values import Value, ValueRefusedError, is_kind, kind_of, read_value
from geodreg.errors import PlainError

__all__ = [
    "PageError",
    "Parameter",
    "ParameterError",
    "check_kinds",
    "checked",
    "declarations",
    "declared",
    "pair",
    "read_as",
    "shortened",
]

LONGEST = 200  # characters of a value in a sentence
TAG = "parameters"  # of the cell that papermill asks for
FOLDED = frozenset({"hide-input", "hide-cell", "remove-input", "remove-cell"})  # tags of code that the site folds


class PageError(PlainError):
    """A page that cannot be run as asked, or that failed; the message says where and what to do."""


class ParameterError(PlainError, ValueError):
    """A page's parameter of the wrong type, out of its range, or with a name that nothing reads."""


@dataclass(frozen=True)
class Parameter:
    """What a page's parameters cell says of one parameter.

    Attributes:
        name: of the variable.
        kind: its annotation, such as ``float``; that of a bare ``list`` with the kind of the default's elements.
        default: as it stands in the cell.
        help: the comment behind it.
        allowed: the range at the end of the comment, if there is one.
    """

    name: str
    kind: str
    default: str
    help: str
    allowed: Interval | Names | None = None

    def read(self, value: object) -> Value:
        """A value as the declared kind, in the declared range.

        Raises:
            ValueRefusedError: if it is not; the message is what it must be.
        """
        found = read_value(self.kind, value)
        if self.allowed is not None and not self.allowed.allows(found):
            which = "one or more, each " if isinstance(found, list) else ""
            raise ValueRefusedError(f"of type {self.kind}, {which}{self.allowed}")
        return found

    def as_option(self, raw: str = "-p") -> str:
        """The default as words of a shell, such as ``-p mu 0.1``; empty if it is not a plain value.

        Args:
            raw: the option for text that the ordinary one would take for a number; papermill's is ``-r``.

        Example:
            >>> Parameter("noises", "list[float]", "[0.0, 0.1]", "").as_option()
            "-p noises '[0.0, 0.1]'"
        """
        try:
            value = ast.literal_eval(self.default)
        except (SyntaxError, ValueError):
            return ""
        text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, list) else self.default
        option = raw if isinstance(value, str) and _looks_like_a_value(value) else "-p"
        return f"{option} {self.name} {shlex.quote(text)}"


def declarations(cell: str) -> dict[str, Parameter]:
    """The parameters that the source of a cell declares, by name: ``mu: float = 0.1  # weight [0, inf)``.

    Args:
        cell: Python; what else it has is passed over.

    Raises:
        SyntaxError: if it is not valid Python.
    """
    tokens = tokenize.generate_tokens(io.StringIO(cell).readline)
    tree = ast.parse(cell)
    comments = {token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            default, comment = ast.get_source_segment(cell, node.value) or "", comments.get(node.end_lineno or 0, "")
            found[node.target.id] = Parameter(
                node.target.id, _kind(node.annotation, node.value), default, comment, range_in(comment)
            )
    return found


def pair(source: Path, notebook: Path) -> None:
    """Write a notebook source as a notebook without outputs.

    The site folds its code, which the outputs are read without, unless the header says ``code: shown`` under
    ``geodreg:``: on such a page the code is the point.
    """
    import jupytext

    page = jupytext.read(source)
    if page.metadata.get("geodreg", {}).get("code") != "shown":
        for cell in page.cells:
            tags = cell.metadata.get("tags", [])
            if cell.cell_type == "code" and FOLDED.isdisjoint(tags):
                cell.metadata["tags"] = [*tags, "hide-input"]
    jupytext.write(page, notebook)


def declared(source: Path) -> dict[str, Parameter]:
    """The parameters of a page by name, without running it.

    Args:
        source: MyST text (``.md``) or a notebook (``.ipynb``).

    Raises:
        PageError: if its parameters cell is not valid Python, or declares a type whose values cannot be given from
            outside.
    """
    try:
        found = declarations(tagged_cell(source, TAG) or "")
    except (SyntaxError, tokenize.TokenError) as error:
        raise PageError(f"{source.name}: the parameters cell is not valid Python: {error}.") from None
    try:
        check_kinds(found)
    except ParameterError as error:
        raise PageError(f"{source.name}: {error}") from None
    return found


def check_kinds(known: Mapping[str, Parameter]) -> None:
    """See to it that values of all parameters can be given from outside.

    Raises:
        ParameterError: for the first one whose type has no notation.
    """
    for parameter in known.values():
        if not is_kind(parameter.kind):
            raise ParameterError(
                f"Parameter {parameter.name} is declared as {parameter.kind}; declare it as float, int, bool, str, or "
                "a list of one of these, such as list[float]."
            )


def checked(source: Path, given: Mapping[str, Any]) -> dict[str, Value]:
    """Values for a page's parameters, each of the type and in the range that the page declares.

    Text is read as the declared type (``"0.1"`` as a float), since that is what a command line has. A whole number may
    stand for a float.

    Args:
        source: the page.
        given: values by name.

    Raises:
        PageError: for the first name that the page does not have, with the nearest one that it has, and for the first
            value that is not of the declared type, or not in the declared range.
    """
    return read_as(declared(source), source.name, given, "-p")


def read_as(known: Mapping[str, Parameter], page: str, given: Mapping[str, Any], option: str = "") -> dict[str, Value]:
    """As :func:`checked`, for a page whose parameters were read before.

    Args:
        known: the parameters of the page.
        page: its name, for the message.
        given: values by name.
        option: of the command line that the values are from, for the message; none if they are from a file.
    """
    found = {}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
            typed = {parameter.name: f"{parameter.name} ({parameter.kind})" for parameter in known.values()}
            hint = f"did you mean {typed[near[0]]}?" if near else f"it has {', '.join(typed.values()) or 'none'}."
            raise PageError(f"{page} has no parameter {name}; {hint}")
        try:
            found[name] = known[name].read(value)
        except ValueRefusedError as error:
            words = known[name].as_option() if option else ""
            hint = f"such as its default {known[name].default}" + (f": {words}" if words else ".")
            raise PageError(f"{page}: parameter {name} is {shortened(value)}, but it must be {error}, {hint}") from None
    return found


def shortened(value: object) -> str:
    """A value as Python writes it, the end of a very long one cut off."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _kind(annotation: ast.expr, default: ast.expr) -> str:
    kind = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    if kind != "list":
        return str(kind)
    try:
        return kind_of(ast.literal_eval(default))
    except ValueError:
        return kind_of([])


def _looks_like_a_value(text: str) -> bool:
    """Whether papermill's ``-p`` would make something else of a text."""
    if text in ("True", "False", "None"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
