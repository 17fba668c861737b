"""The first screen of the book: what was found, the claims with their marks, and three ways on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geodreg.errors import PlainError
from geodreg.paper.trial.definitions import Definitions, read_definitions
from geodreg.paper.trial.effects import Effect, Verdict, decide
from geodreg.paper.trial.presentation import MARKS, with_derived
from geodreg.paper.trial.store import read_tables
from geodreg.paper.trial.summary import PHRASES, marks, price_in_short, said_in_short
from geodreg.workspace.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["landing_markdown"]


def landing_markdown(
    definitions: Definitions, tables: Mapping[str, pd.DataFrame], decided: Mapping[int, Sequence[Effect]]
) -> str:
    """What was found, in sentences made of the outcomes, and a strip of the claims, each a link, as MyST text.

    Args:
        definitions: the claims.
        tables: by name.
        decided: effects of each claim, from :func:`~geodreg.paper.trial.effects.decide`.
    """
    holds, fails = said_in_short(definitions, decided)
    strip = [
        f"- {{ref}}`{claim.number} {marks(claim, decided[claim.number], MARKS)} <claim-{claim.name}>` "
        f"{PHRASES[claim.number]}"
        for claim in definitions.claims
    ]
    legend = ", ".join(f"{MARKS[verdict]} {verdict}" for verdict in Verdict)
    return "\n\n".join(
        [
            f"**What holds.** {holds}",
            f"**What does not, and the price.** {fails} {price_in_short(tables, definitions.settings)}",
            f"The paper's twelve claims ({legend}):",
            "\n".join(["{.claim-marks}", *strip]),
        ]
    )


def main(out: Annotated[Path, typer.Option(help="Text to write.")]) -> None:
    """Write the part of the first screen that is made of the outcomes."""
    try:
        definitions, _ = read_definitions()
        tables = with_derived(definitions, read_tables())
        text = landing_markdown(definitions, tables, decide(definitions, tables))
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, f"{text}\n".encode())
    except (PlainError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
