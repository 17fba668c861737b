"""What the table of the faces says, in tables and sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from geodreg.paper.faces.store import FacesTable
from geodreg.paper.faces.study import GREY_LEVEL, METHODS
from geodreg.paper.figure_claims import figure_3_claims
from geodreg.paper.labels import NAMES
from geodreg.paper.wording import by_how_much, percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["costs", "decisions", "faces_claims"]


def costs(table: FacesTable) -> pd.DataFrame:
    """What each method found and what it cost, medians over its pairs, a row for each method, for reading."""
    numbers = table.numbers.assign(excess=100 * _over(table.numbers, "length", "geodesic"))
    columns = {
        "energy": "Energy (squared data units)",
        "length": "Length (data units)",
        "excess": "Longer than the geodesic (%)",
        "nll_mean": "Mean NLL (nats)",
        "evaluations": "Evaluations",
        "seconds": "Seconds",
    }
    grouped = numbers.groupby("method")
    rows = grouped[list(columns)].median().rename(columns=columns)
    rows.insert(0, "Pairs", grouped.size())
    return (
        rows.loc[[name for name in METHODS if name in rows.index]]
        .rename(index=NAMES)
        .rename_axis("Method")
        .reset_index()
    )


def decisions(table: FacesTable) -> str:
    """The sentences that say which noise and weight came out, and on what."""
    stretch, noise, mu = (table.decided[name] for name in ("smallest_stretch", "noise", "mu"))
    settings = table.provenance["settings"]
    reached = table.weights["denser"].iloc[-1] >= settings["share"]
    side = "above" if stretch >= GREY_LEVEL else "below"
    why = "the smallest that suffices" if reached else "the largest, since none of them suffices"
    enough = math.ceil(settings["share"] * settings["n_rule"])
    return (
        f"A unit step in latent space moves the picture at the {2 * settings['n_rule']} endpoints of the "
        f"{settings['n_rule']} pairs of the rule (seed {settings['rule_seed']}) by {stretch:.3g} at least, "
        f"{side} a grey level of {GREY_LEVEL:.2g}: **the noise is {noise:.2g}**. Of the weights tried, "
        f"**{mu:g}** is {why}; with so few pairs, {percent(settings['share'])} of them means {enough}. A path with the "
        f"density has come to rest here where the next step would gain less than "
        f"{percent(settings['density_tolerance'])} of what the density has changed; it has at most "
        f"{settings['max_iterations']} iterations."
    )


def faces_claims(table: FacesTable) -> list[tuple[str, str, bool]]:
    """The paper's statements on the pairs that all of its methods have, and what slerp does against the straight line.

    Returns:
        statement, measured value in words, and whether it holds, in more than half of the pairs.
    """
    numbers = table.numbers
    complete = numbers.loc[numbers["method"] == "geodreg", "pair"]
    compared = numbers[numbers["pair"].isin(complete) & (numbers["method"] != "slerp")]
    rows = figure_3_claims(compared) if len(compared) else []
    slerp = numbers.assign(longer=_over(numbers, "length", "straight")).query("method == 'slerp'")
    share = float((slerp["longer"] > 0).mean())
    longer = by_how_much(100.0 * slerp["longer"].median(), "longer", "shorter", "%", digits=0)
    measured = f"in {percent(share)} of {len(slerp)} pairs; {longer} (median)"
    return [*rows, ("Spherical interpolation is longer in data space than the straight line", measured, share > 0.5)]


def _over(numbers: pd.DataFrame, column: str, method: str) -> pd.Series:
    """A column over that of one method for the same pair, minus one."""
    reference = numbers[numbers["method"] == method].set_index("pair")[column]
    return numbers[column] / numbers["pair"].map(reference) - 1
