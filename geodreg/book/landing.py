"""The first screen of the book: what was found, the claims with their marks, and three ways on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geodreg.errors import PlainError
from geodreg.paper.trial.definitions import TRIAL, Definitions, read_definitions
from geodreg.paper.trial.effects import Effect, Verdict, decide, verdicts
from geodreg.paper.trial.presentation import MARKS, with_derived
from geodreg.paper.trial.reading import sentence
from geodreg.paper.trial.summary import PHRASES, UNMEASURED, marks, price_in_short, said_in_short
from geodreg.paper.which_density.definitions import SHELF, read_study
from geodreg.paper.which_density.outcomes import compared
from geodreg.paper.which_density.reading import better_in_short
from geodreg.workspace.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["advice_in_short", "advice_markdown", "landing_markdown"]

PATHS = {"loss": "the loss's minimiser", "algorithm1": "Algorithm 1's path"}


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
    shown = "\n".join(strip)
    known = {**{MARKS[each]: str(each) for each in Verdict}, UNMEASURED: "not measured yet"}
    legend = ", ".join(f"{mark} {word}" for mark, word in known.items() if f"{mark} " in shown)
    return "\n\n".join(
        [
            f"**What holds.** {holds}",
            f"**What does not hold, and what it costs.** {fails} {price_in_short(tables, definitions.settings)}",
            f"The claims, each with one mark, or one for each of the two methods where it is about them ({legend}):",
            f"{{.claim-marks}}\n{shown}",
        ]
    )


def advice_markdown(
    definitions: Definitions,
    tables: Mapping[str, pd.DataFrame],
    decided: Mapping[int, Sequence[Effect]],
    densities: str = "",
) -> str:
    """Whether to use the method on one's own model, as far as the outcomes on ours say, as MyST text.

    Args:
        definitions: the claims.
        tables: by name.
        decided: effects of each claim.
        densities: what the comparison of densities says.
    """

    def found(number: int) -> str:
        claim = definitions.claim(number)
        return f"{sentence(claim, decided[number])} ({{ref}}`claim {number} <claim-{claim.name}>`)"

    price = price_in_short(tables, definitions.settings)
    advice = {
        "For short paths": f"the plain geodesic will do, and needs no weight. {found(3)}",
        "For paths that the model holds to be probable": f"{found(5)} {found(9)} {price}",
        "For realistic images": (
            f"look at what three judges found here, and let a judge see yours. {found(6)} {densities}".strip()
        ),
        "Where the data have a hole": found(2),
    }
    said = {"In short": advice_in_short(definitions, decided), **advice}
    return "\n\n".join(f"**{purpose}:** {text}" for purpose, text in said.items())


def advice_in_short(definitions: Definitions, decided: Mapping[int, Sequence[Effect]]) -> str:
    """One sentence for whoever has a model and no time: which path to take for what, as far as the outcomes say.

    Args:
        definitions: the claims.
        decided: effects of each claim.
    """
    of_each = {number: verdicts(definitions.claim(number), decided[number]) for number in (3, 5, 6)}
    shortest, densest, realistic = (set(words.values()) for words in of_each.values())
    counted_on = [PATHS[method] for method, verdict in of_each[5].items() if method and verdict is Verdict.HOLDS]
    first = (
        "take the plain geodesic where the path should be short"
        if shortest == {Verdict.HOLDS}
        else "whether the plain geodesic is the shortest path is open, so compare it with the straight line"
    )
    second = (
        "take the regularised path where the model should hold it to be probable"
        if densest == {Verdict.HOLDS}
        else f"of the two regularised paths only {counted_on[0]} was denser than the straight line and the geodesic on "
        "every model"
        if counted_on
        else "do not count on the regularised path to be denser than the straight line and the geodesic"
    )
    third = (
        "images along the regularised path are more realistic, too"
        if realistic == {Verdict.HOLDS}
        else "that images along the regularised path are more realistic was refuted here"
        if realistic == {Verdict.FAILS}
        else "that images along the regularised path are more realistic was not shown here"
    )
    return f"{first}; {second}; {third}."


def main(out: Annotated[Path, typer.Option(help="Folder to write to.")]) -> None:
    """Write what of the first screen, and of the advice, is made of the outcomes."""
    try:
        definitions, _ = read_definitions()
        tables = with_derived(definitions, TRIAL.tables())
        decided = decide(definitions, tables)
        out.mkdir(parents=True, exist_ok=True)
        study = read_study()
        densities = better_in_short(compared(SHELF.tables()["paths"], study), study)
        texts = {
            "landing": landing_markdown(definitions, tables, decided),
            "densities": densities,
            "advice": advice_markdown(definitions, tables, decided, densities),
        }
        for name, text in texts.items():
            write_whole(out / f"{name}.md", f"{text}\n".encode())
    except (PlainError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
