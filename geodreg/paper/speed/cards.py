"""What a graphics card gains: the same problems, timed on a card and on a processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geodreg.models.zoo import TITLES
from geodreg.paper.speed.tables import OURS, PROBLEM, readable, speedups, time_to_gap

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["card_in_short", "card_table", "card_times"]


def card_times(here: pd.DataFrame, card: pd.DataFrame) -> pd.DataFrame:
    """Seconds a pair on a processor and on a card, for the problems that both measured on as many pairs.

    Args:
        here: the table of races on a processor.
        card: that on a card.

    Returns:
        columns ``kind, problem, gain, mu, pairs``; ``here`` and ``card``, seconds a pair of the default solver to the
        gap; ``peer``, the fastest one on the card, and ``ratio``, its time there over ours.
    """
    import pandas as pd

    pairs = here[["case", "solver", "pairs"]].merge(card[["case", "solver", "pairs"]]).query("solver == @OURS")
    if pairs.empty:
        return pd.DataFrame(columns=[*PROBLEM, "pairs", "here", "card", "peer", "ratio", "bound"])
    slow, fast = (time_to_gap(races[races["case"].isin(pairs["case"])]) for races in (here, card))
    ours = fast[fast["solver"] == OURS].merge(slow[slow["solver"] == OURS], on=PROBLEM, suffixes=("", "_here"))
    ours = ours.rename(columns={"seconds": "card", "seconds_here": "here"})
    return ours[[*PROBLEM, "pairs", "here", "card"]].merge(speedups(fast)[[*PROBLEM, "peer", "ratio", "bound"]])


def card_table(times: pd.DataFrame) -> pd.DataFrame:
    """The same as a page shows it, a row for each problem.

    Args:
        times: from :func:`card_times`.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "Problem": [TITLES.get(name, name) for name in times["problem"]],
            "Gain": [f"{gain:g}" if gain > 0 else "" for gain in times["gain"]],
            "Weight": [f"{mu:g}" if mu > 0 else "plain" for mu in times["mu"]],
            "Pairs": times["pairs"].to_list(),
            "Processor, ms per pair": [readable(1e3 * value) for value in times["here"]],
            "Card, ms per pair": [readable(1e3 * value) for value in times["card"]],
            "Card faster by": [_times(value) for value in times["here"] / times["card"]],
            "Fastest peer on the card": times["peer"].to_list(),
            "Ours faster by": [
                f"> {_times(value)}" if bound else _times(value)
                for value, bound in zip(times["ratio"], times["bound"], strict=True)
            ],
        }
    )


def card_in_short(times: pd.DataFrame) -> str:
    """Where the processor is faster, and where the card gains most, in a sentence.

    Args:
        times: from :func:`card_times`.
    """
    if times.empty:
        return "No problem was measured on both with as many pairs."
    gains = times["here"] / times["card"]
    slower, best = times[gains < 1.0], times[gains == gains.max()]
    problem, pairs = str(best["problem"].iloc[0]), int(best["pairs"].iloc[0])
    name, many = TITLES.get(problem, problem), "one pair" if pairs == 1 else f"{pairs} pairs at once"
    if len(slower) == len(times):
        return f"The processor is faster on all of these problems, least so with {many} on {name}."
    most = f"the card gains most with {many} on {name}: {readable(gains.max())} times"
    if slower.empty:
        return f"The card is faster on all of these problems; {most}."
    which = "each with a single pair" if (slower["pairs"] == 1).all() else f"with up to {slower['pairs'].max()} pairs"
    return f"The processor is faster on {len(slower)} of {len(times)} problems, {which}; {most}."


def _times(ratio: float) -> str:
    """By what something is faster, with two figures, and a word where it is slower."""
    return readable(ratio) if ratio >= 1.0 else f"{ratio:.2g}, slower"
