"""Commands that tell mistakes in a sentence, take parameters as papermill does, and complete words in the shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from geodreg.errors import PlainError

__all__ = ["ParametersCommand", "PlainGroup", "starting_with"]


class PlainGroup(TyperGroup):
    """A group of commands; an error that a sentence explains is told in that sentence, with exit code 1."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own context; whatever the command returns
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (PlainError, ValueError, OSError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None


class ParametersCommand(TyperCommand):
    """A command with ``-p NAME VALUE``, as papermill has it; ``-p NAME=VALUE`` is the same."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Join name and value."""
        joined, rest = [], iter(args)
        for word in rest:
            joined.append(word)
            if word == "-p" and "=" not in (name := next(rest, "")):
                joined.append(f"{name}={next(rest, '')}")
            elif word == "-p":
                joined.append(name)
        return super().parse_args(ctx, joined)


def starting_with(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What the shell completes a word to.

    Args:
        names: gives all that there are, when asked.

    Example:
        >>> starting_with(lambda: ["mu", "noise", "n_points"])("n")
        ['noise', 'n_points']
    """
    return lambda incomplete: [name for name in names() if name.startswith(incomplete)]
