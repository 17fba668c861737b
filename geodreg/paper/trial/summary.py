"""The outcomes in a few words: which of the claims hold, for which of the two methods, and at what price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from geodreg.models.zoo import TITLES
from geodreg.paper.trial.definitions import Claim, Definitions, Settings
from geodreg.paper.trial.effects import Effect, Verdict, verdicts
from geodreg.paper.trial.price import WEIGHT, price_list

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PHRASES", "UNMEASURED", "holding", "marks", "price_in_short", "said_in_short"]

UNMEASURED = "–"
SHORT_NAMES = {"loss": "loss", "algorithm1": "Algorithm 1"}
IN_A_SENTENCE = {"loss": "the loss", "algorithm1": "Algorithm 1"}
FIRST = (6, 2, 5, 9, 4, 10, 12, 8, 3, 1, 7, 11)  # which claims are told first: what the method is for, then the rest
MOST = 2  # claims of one verdict that are told in a sentence
PLURALS = {"holds": "hold", "fails": "fail", "is": "are"}
COUNTED = ("None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")

PHRASES: dict[int, str] = {
    1: "the model covers the hole with low density",
    2: "the geodesic cuts through the hole and the regularised path goes around it",
    3: "the geodesic is the shortest path",
    4: "the geodesic is less dense than the straight line in latent space",
    5: "the regularised path is the densest",
    6: "images along the regularised path are more realistic",
    7: "energy and length have the same minimisers",
    8: "too many points break a path up, because of the approximation",
    9: "a weight of the paper's range buys density at a bearable length",
    10: "on faces the regularised path is closer to the segment than the straight line in latent space",
    11: "faces under moving light lie in nine dimensions",
    12: "training by likelihood puts low density on the holes",
}
"""What each claim says, in a few words that can stand after "that"."""


def holding(
    definitions: Definitions, decided: Mapping[int, Sequence[Effect]]
) -> dict[Verdict | None, list[tuple[int, str]]]:
    """The claims in short by verdict, each with its number, and with the method where the two differ.

    Args:
        definitions: the claims.
        decided: effects of each claim, from :func:`~geodreg.paper.trial.effects.decide`.

    Returns:
        number and phrase of each; under None those of which nothing was measured.
    """
    found: dict[Verdict | None, list[tuple[int, str]]] = {}
    for claim in definitions.claims:
        own = decided[claim.number]
        if not any(effect.parts for effect in own if effect.test.primary):
            found.setdefault(None, []).append((claim.number, PHRASES[claim.number]))
            continue
        words = verdicts(claim, own)
        for verdict in dict.fromkeys(words.values()):
            methods = [IN_A_SENTENCE[method] for method, each in words.items() if method and each is verdict]
            named = f" (by {methods[0]})" if len(methods) == 1 and len(words) > 1 else ""
            found.setdefault(verdict, []).append((claim.number, f"{PHRASES[claim.number]}{named}"))
    return found


def said_in_short(definitions: Definitions, decided: Mapping[int, Sequence[Effect]]) -> tuple[str, str]:
    """A sentence on what holds, and one on what does not or is not clear; of many claims the ones that matter most.

    Args:
        definitions: the claims.
        decided: effects of each claim.
    """
    found = holding(definitions, decided)
    missing = any(not effect.parts for own in decided.values() for effect in own if effect.test.primary)
    first = _said(found.get(Verdict.HOLDS, []), f"holds{' so far' if missing else ''}", "that")
    first = first or f"None of the {len(definitions.claims)} claims holds."
    others = [
        _said(found.get(Verdict.FAILS, []), "fails", "that"),
        _said(found.get(Verdict.UNTESTED, []), "is not decided", "whether"),
        _said(found.get(Verdict.MIXED, []), "is mixed", "whether"),
        _said(found.get(None, []), "is still to be measured", "whether"),
    ]
    return first, " ".join(filter(None, others)) or "Nothing was found against them."


def price_in_short(tables: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    """What Algorithm 1 costs and buys on the first digit model at the largest of the paper's weights, in a sentence.

    Args:
        tables: by name.
        settings: of the trial.
    """
    model = next(name for name in settings.printed.weights if name.startswith("mnist") and _has(tables["paths"], name))
    prices = price_list(tables["paths"][tables["paths"]["model"] == model], settings)
    own = prices[prices["curve"].str.startswith("printed") & np.isclose(prices["mu"], WEIGHT)]
    each = own.groupby("method")[["density", "relative_length"]].mean()
    low, high = each.min(), each.max()
    return (
        f"The price, with Algorithm 1 at the paper's largest weight on the {TITLES[model]}: "
        f"{low['relative_length']:.1f} to {high['relative_length']:.1f} times the straight line's length for "
        f"{low['density']:.1f} to {high['density']:.1f} nats of mean density, as the number of iterations and the grey "
        "scale are chosen, which the paper does not say."
    )


def marks(claim: Claim, effects: Sequence[Effect], symbols: Mapping[Verdict, str]) -> str:
    """The mark of a claim, or one for each of the two methods with its name; a dash if nothing was measured.

    Args:
        claim: the claim.
        effects: of its tests.
        symbols: a mark for each verdict.
    """
    if not any(effect.parts for effect in effects if effect.test.primary):
        return UNMEASURED
    words = verdicts(claim, effects)
    if set(words) == {None}:
        return symbols[words[None]]
    return ", ".join(f"{symbols[verdict]} {SHORT_NAMES[method]}" for method, verdict in words.items() if method)


def _said(claims: Sequence[tuple[int, str]], verdict: str, joint: str) -> str:
    """How many claims have a verdict, and what the most important ones say, in a sentence; nothing if there is none."""
    if not claims:
        return ""
    number = COUNTED[len(claims)] if len(claims) < len(COUNTED) else str(len(claims))
    verb, _, rest = verdict.partition(" ")
    plural = f"{PLURALS[verb]} {rest}".rstrip()
    subject = "claim " + verdict if len(claims) == 1 else "claims " + plural
    told = sorted(claims, key=lambda claim: FIRST.index(claim[0]))[:MOST]
    listed = " and ".join(f"{joint} {phrase}" for _, phrase in told)
    return f"{number} {subject}{': ' if len(told) == len(claims) else ', among them '}{listed}."


def _has(table: pd.DataFrame, model: str) -> bool:
    return bool((table["model"] == model).any())
