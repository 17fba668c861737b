"""What the project claims of its speed, against the benchmark's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from geodreg.paper.speed.tables import OURS, PowerLaw, readable
from geodreg.paper.wording import percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["speed_claims", "strong_claims"]

Row = tuple[str, str, bool]

PLAIN_GAINS, PLAIN_LEAST, PLAIN_MEAN = (1.2, 2.0), 3.0, 5.0
TOGETHER = {1.2: 10.0, 2.0: 5.0}  # times faster a pair, for each gain
DIGITS = {0.03: 30.0, 0.1: 15.0}  # times faster, for each weight
MOST_EVALUATIONS = 60
STRONG, STRONG_SECONDS = 1.0, 1.0  # the least of the strong weights, and seconds a pair
MOST_WORK, MOST_EXPONENT = 1.5, 1.1
GAP, AT_BEST = 1e-3, 0.95


def speed_claims(
    times: pd.DataFrame,
    ratios: pd.DataFrame,
    fits: Mapping[str, PowerLaw],
    work: float,
    memory: pd.DataFrame,
    starts: pd.DataFrame,
) -> list[Row]:
    """Statement, measured value in words and outcome, as :func:`geodreg.book.notebook.verdicts` shows them.

    Where no peer reaches the gap before it is stopped, the ratio is what it is at least.

    Args:
        times: from :func:`geodreg.paper.speed.tables.time_to_gap`.
        ratios: from :func:`geodreg.paper.speed.tables.speedups`.
        fits: power laws of the cost over ``"pairs"`` and ``"points"``.
        work: from :func:`geodreg.paper.speed.tables.work_ratio`.
        memory: the table of that name.
        starts: the table of that name.
    """
    return [
        *_plain(ratios),
        *_together(ratios),
        *_digits(times, ratios),
        (
            f"One evaluation takes at most {MOST_WORK:g} times its multiply-adds at the rate of its matrix products",
            f"{work:.2f} times",
            work <= MOST_WORK,
        ),
        *_growth(fits, memory),
        *_starts(starts),
    ]


def _plain(ratios: pd.DataFrame) -> list[Row]:
    rows = ratios[(ratios["kind"] == "plain") & ratios["gain"].isin(PLAIN_GAINS)]
    mean = float(np.exp(np.log(rows["ratio"]).mean(skipna=False)))
    gains = " and ".join(f"{gain:g}" for gain in PLAIN_GAINS)
    statement = f"Plain geodesics on random decoders, gains {gains}, "
    return [
        (f"{statement}at least {PLAIN_LEAST:g} times faster than the fastest peer", *_compare(rows, PLAIN_LEAST)),
        (
            f"{statement}at least {PLAIN_MEAN:g} times, as a geometric mean",
            f"{readable(mean)} times",
            mean >= PLAIN_MEAN,
        ),
    ]


def _together(ratios: pd.DataFrame) -> list[Row]:
    together = ratios[ratios["kind"] == "together"]
    return [
        (
            f"Many pairs at once, gain {gain:g}: at least {least:g} times faster per pair",
            *_compare(together[together["gain"] == gain], least),
        )
        for gain, least in TOGETHER.items()
    ]


def _digits(times: pd.DataFrame, ratios: pd.DataFrame) -> list[Row]:
    found = []
    ours = times[(times["kind"] == "regularised") & (times["problem"] == "mnist-gan") & (times["solver"] == OURS)]
    ours = ours[ours["mu"].isin(DIGITS)]
    for mu, least in DIGITS.items():
        rows = ratios[(ratios["kind"] == "regularised") & (ratios["problem"] == "mnist-gan") & (ratios["mu"] == mu)]
        statement = f"Regularised on the MNIST GAN, weight {mu:g}: at least {least:g} times faster than L-BFGS and Adam"
        found.append((statement, *_compare(rows, least)))
    unsolved, most = int((ours["pairs"] - ours["converged"]).sum()), int(ours["evaluations"].max())
    these = f"weights {' and '.join(f'{mu:g}' for mu in DIGITS)}"
    found.append((f"Regularised on the MNIST GAN, {these}: all pairs converge", f"{unsolved} do not", unsolved == 0))
    statement = f"Regularised on the MNIST GAN, {these}: each pair takes at most {MOST_EVALUATIONS} evaluations"
    found.append((statement, f"at most {most}", most <= MOST_EVALUATIONS))
    return found


def strong_claims(races: pd.DataFrame) -> list[Row]:
    """The same for strong weights of the density on the MNIST GAN, a row for each; rows as :func:`speed_claims`.

    Args:
        races: the table of that name.
    """
    ours = races[(races["solver"] == OURS) & (races["problem"] == "mnist-gan") & (races["mu"] >= STRONG)]
    found = []
    for _, row in ours.iterrows():
        seconds = row["seconds_recorded"] / row["pairs"]
        left = int(row["pairs"] - row["converged"] - row["unbounded"])
        statement = (
            f"Weight {row['mu']:g} on the MNIST GAN: every pair converges or has no minimum in reach, in at most "
            f"{STRONG_SECONDS:g} s per pair"
        )
        said = (
            f"{int(row['converged'])} of {int(row['pairs'])} converge, {int(row['unbounded'])} have no minimum in "
            f"reach; {seconds:.2f} s per pair for the whole solve"
        )
        found.append((statement, said, left == 0 and bool(seconds <= STRONG_SECONDS)))
    return found


def _growth(fits: Mapping[str, PowerLaw], memory: pd.DataFrame) -> list[Row]:
    found = [
        (
            f"Time grows with the number of {axis} no faster than its power {MOST_EXPONENT:g}",
            f"power {fits[axis].exponent:.2f}",
            fits[axis].exponent <= MOST_EXPONENT,
        )
        for axis in ("pairs", "points")
    ]
    share = (memory["peak_mib"] - memory["before_mib"]) / (1024 * memory["budget_gib"])
    budget = f"{memory['budget_gib'].iloc[0]:g} GiB"
    return [
        *found,
        (
            f"A solve of {memory['pairs'].max()} pairs keeps to a budget of {budget}",
            f"at most {percent(share.max())} of it",
            bool(share.max() <= 1.0),
        ),
    ]


def _starts(starts: pd.DataFrame) -> list[Row]:
    hard = starts[starts["gain"] > 0.0]
    share = float((hard["both"] <= GAP).mean())
    statement = (
        f"On hard decoders the better of both starts is within {GAP:g} of the best known in {percent(AT_BEST)} of "
        "pairs or more"
    )
    return [(statement, f"{percent(share)} of {len(hard)}", share >= AT_BEST)]


def _compare(rows: pd.DataFrame, least: float) -> tuple[str, bool]:
    """The smallest ratio of some problems in words, and whether it is large enough."""
    if rows["ratio"].isna().any():
        return "ours does not reach the gap", False
    smallest = rows.sort_values("ratio").iloc[0]
    words = f"{'more than ' if smallest['bound'] else ''}{readable(smallest['ratio'])} times"
    return words, bool(smallest["ratio"] >= least)
