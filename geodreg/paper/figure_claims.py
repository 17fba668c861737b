"""What the paper says about its figures, next to what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geodreg.paper.comparison import paired_differences
from geodreg.paper.labels import names_of
from geodreg.paper.wording import by_how_much, percent, with_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["figure_3_aims", "figure_3_claims", "figure_4_claims"]

Row = tuple[str, str, bool]
"""Statement, measured value in words, and whether it holds."""

THREE = ("geodreg", "geodesic", "straight")  # the paper's methods; a table may have more


def figure_3_claims(table: pd.DataFrame, regularised: str = "geodreg") -> list[Row]:
    """The paper's statements about lengths and densities; one holds if it does in more than half of the pairs.

    Args:
        table: from :func:`~geodreg.paper.comparison.summarise`, with the fraction ``accepted`` by a judge if there is
            one.
        regularised: which method's paths are the regularised ones, ``"geodreg"`` or ``"algorithm1"``.
    """
    three = (regularised, *THREE[1:])
    length, nll = (_columns(table, name, three) for name in ("length", "nll_mean"))
    name = names_of(table["method"])[regularised]
    shortest = length.idxmin(axis=1) == "geodesic"
    thinner = paired_differences(table, "nll_mean", "geodesic", "straight")
    denser = paired_differences(table, "nll_mean", "straight", regularised)
    densest = nll.idxmin(axis=1) == regularised
    rows = [
        (
            "The geodesic is the shortest of the three",
            f"in {percent(shortest.mean())} of {len(length)} pairs; StraightZ is "
            f"{_longer(length['straight'] / length['geodesic'])}, {name} "
            f"{_longer(length[regularised] / length['geodesic'])} (medians of the ratios)",
            shortest.mean() > 0.5,
        ),
        (
            "The geodesic passes through lower density than the straight line",
            f"in {percent(thinner['share'])} of pairs; mean NLL {with_interval(thinner, 'higher', 'lower', 'nats')}",
            thinner["share"] > 0.5,
        ),
        (
            "The regularised path has the highest density of the three",
            f"in {percent(densest.mean())} of pairs; mean NLL below StraightZ's in {percent(denser['share'])}, "
            f"{with_interval(denser, 'lower', 'higher', 'nats')}",
            densest.mean() > 0.5,
        ),
    ]
    if "accepted" in table:
        better = paired_differences(table, "accepted", regularised, "straight")
        worse = paired_differences(table, "accepted", "straight", "geodesic")
        rows += [
            (
                "The judge accepts more of the regularised path's images than of the straight line's",
                f"in {percent(better['share'])} of pairs; {_points(better, 'more', 'fewer')}",
                better["share"] > 0.5,
            ),
            (
                "The judge accepts fewer of the geodesic's images than of the straight line's",
                f"in {percent(worse['share'])} of pairs; {_points(worse, 'fewer', 'more')}",
                worse["share"] > 0.5,
            ),
        ]
    return rows


def figure_3_aims(table: pd.DataFrame) -> list[Row]:
    """What must come out with the default weight, more than the paper says; the columns are those of Figure 3."""
    length = _columns(table, "length")
    shortest = length.idxmin(axis=1) == "geodesic"
    denser = paired_differences(table, "nll_mean", "straight", "geodreg")
    solved = table.loc[table["method"].isin(["geodreg", "geodesic"]), "converged"]
    return [
        (
            "The regularised path is denser than StraightZ in at least 80 % of pairs",
            f"in {percent(denser['share'])}",
            denser["share"] >= 0.8,
        ),
        ("The geodesic is the shortest in all", f"in {percent(shortest.mean())}", bool(shortest.all())),
        (
            "Every solve of the loss converged; if not, the next table says why",
            percent(solved.mean()),
            bool(solved.all()),
        ),
    ]


def figure_4_claims(table: pd.DataFrame) -> list[Row]:
    """The paper's statements about Figure 4; the columns are those of Figure 3 and ``excess``."""
    excess = _columns(table, "excess")
    order = (excess["geodesic"] < excess["geodreg"]) & (excess["geodreg"] < excess["straight"])
    farther = paired_differences(table, "excess", "geodreg", "geodesic")
    nearer = paired_differences(table, "excess", "straight", "geodreg")
    return [
        (
            "Lengths and dissimilarities are in the order Geod, GeodReg, StraightZ",
            f"in {order.sum()} of {len(order)} pairs",
            order.mean() > 0.5,
        ),
        (
            "GeodReg deviates from the segment between the images more than Geod",
            f"in {percent(farther['share'])} of pairs; excess length "
            f"{with_interval(farther, 'larger', 'smaller', digits=3)}",
            farther["share"] > 0.5,
        ),
        (
            "GeodReg deviates from it less than StraightZ",
            f"in {percent(nearer['share'])} of pairs; excess length "
            f"{with_interval(nearer, 'smaller', 'larger', digits=3)}",
            nearer["share"] > 0.5,
        ),
    ]


def _columns(table: pd.DataFrame, name: str, methods: Sequence[str] = THREE) -> pd.DataFrame:
    """One column of a summary, a row for each pair and a column for each of three methods."""
    return table.pivot_table(index="pair", columns="method", values=name)[list(methods)]


def _longer(ratio: pd.Series) -> str:
    """The median of a length over another one, in words."""
    return by_how_much(100.0 * (ratio.median() - 1.0), "longer", "shorter", "%", digits=0)


def _points(difference: dict[str, float], more: str, less: str) -> str:
    """A difference of two fractions, in words."""
    hundredfold = {name: 100.0 * value for name, value in difference.items()}
    return with_interval(hundredfold, more, less, "percentage points", digits=1)
