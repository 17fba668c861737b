"""The outcomes in a few words: which of the claims hold, for which of the two methods, and at what price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from geodreg.models.zoo import TITLES
from geodreg.paper.trial.definitions import OUR_MODELS, Claim, Definitions, Settings
from geodreg.paper.trial.effects import Effect, Verdict, verdicts, without
from geodreg.paper.trial.price import WEIGHT, at_largest_weight, price_list

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PHRASES", "UNMEASURED", "hangs_on_ours", "marks", "price_in_short", "said_in_short"]

UNMEASURED = "–"
SHORT_NAMES = {"loss": "loss", "algorithm1": "Algorithm 1"}
PROVISOS = {(2, "loss"): ", at weight 1 and with noise in the density"}  # what a claim's phrase does not say of a test
IN_A_SENTENCE = {"loss": "the loss", "algorithm1": "Algorithm 1"}
FIRST = (6, 2, 5, 9, 4, 10, 3, 12, 8, 1, 7, 11)  # which claims are told first: what the method is for, then the rest
FOR_ONE = "hold for one of its two methods alone, *the loss* that it states or *Algorithm 1* that it ran"
MOST = 2  # claims of one kind that are told in a sentence
SINGULAR = {"hold": "holds", "fail": "fails", "are": "is"}
COUNTED = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

PHRASES: dict[int, str] = {
    1: "the model covers the hole with low density",
    2: "the geodesic cuts through the hole and the regularised path goes around it",
    3: "the geodesic is the shortest path",
    4: "the geodesic is less dense than the straight line",
    5: "the regularised path runs through denser latents than the geodesic and the straight line",
    6: "images along the regularised path are more realistic than along the straight line",
    7: "minimising energy and minimising length give equally long paths",
    8: "too many points sometimes break a path up, because of the approximation",
    9: "the largest weight of the paper's range, 0.1, buys density for at most twice the length",
    10: (
        "on faces, at weight 0.1, the regularised path is closer to the segment between the images than the straight "
        "line is"
    ),
    11: "faces under moving light lie in nine dimensions",
    12: "training by likelihood puts low density on the holes",
}
"""What each claim says, in a few words that can stand after "that"."""


def said_in_short(definitions: Definitions, decided: Mapping[int, Sequence[Effect]]) -> tuple[str, str]:
    """What holds, and what does not or is not clear; each claim counts once, and of many the most important are told.

    Args:
        definitions: the claims.
        decided: effects of each claim, from :func:`~geodreg.paper.trial.effects.decide`.
    """
    kinds: dict[str, list[tuple[int, str]]] = {}
    halves: dict[str, list[tuple[int, str]]] = {}  # claims that hold for one method, by the other for which they fail
    for claim in definitions.claims:
        own = decided[claim.number]
        words = verdicts(claim, own)
        found = set(words.values())
        holding = [method for method, each in words.items() if method and each is Verdict.HOLDS]
        phrase = PHRASES[claim.number]
        if not any(effect.parts for effect in own if effect.test.primary):
            kind = "are still to be measured"
        elif found == {Verdict.HOLDS}:
            kind = "hold"
        elif holding:
            by = f"{IN_A_SENTENCE[holding[0]]}{PROVISOS.get((claim.number, holding[0]), '')}"
            for method in (IN_A_SENTENCE[method] for method, each in words.items() if method and each is Verdict.FAILS):
                halves.setdefault(f"fail for {method}", []).append((claim.number, phrase))
            kind, phrase = FOR_ONE, f"{phrase} ({by})"
        else:
            kind = "fail" if found == {Verdict.FAILS} else "are mixed or undecided"
        kinds.setdefault(kind, []).append((claim.number, phrase))
    missing = any(not effect.parts for own in decided.values() for effect in own if effect.test.primary)
    all_of_it = _said(kinds.get("hold", []), "hold so far" if missing else "hold", "that")
    holds = [all_of_it, *_others(kinds, [FOR_ONE], "that")]
    one_of_them = [f"of those that hold for one method, {said}" for said in _others(halves, list(halves), "that")]
    others = [*_others(kinds, ["fail"], "that"), *one_of_them] or ["none fails"]
    others += _others(kinds, ["are mixed or undecided", "are still to be measured"], "whether")
    number, not_so = _counted(len(definitions.claims)), "; ".join(others)
    return f"Of the paper's {number} claims, {'; '.join(holds)}.", f"{not_so[:1].upper()}{not_so[1:]}."


def price_in_short(tables: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    """What both methods cost and buy at the largest of the paper's weights, on the first of its models of digits.

    Args:
        tables: by name.
        settings: of the trial.
    """
    digits = [name for name in settings.printed.weights if name.startswith("mnist") and _has(tables["paths"], name)]
    model = min(digits, key=lambda name: name in OUR_MODELS)
    prices = price_list(tables["paths"][tables["paths"]["model"] == model], settings)
    loss, low, high = at_largest_weight(prices, settings, model)
    return (
        f"At weight {WEIGHT:g}, the largest that the paper names for Algorithm 1 (it names none for the loss), paths "
        f"on the {TITLES[model]} are {loss['relative_length']:.2g} times as long as the straight line in latent space "
        f"and {loss['density']:.1f} nats denser with the loss, and "
        f"{low['relative_length']:.2g} to {high['relative_length']:.2g} times as long and {low['density']:.1f} to "
        f"{high['density']:.1f} nats denser with Algorithm 1, depending on iterations and grey scale, which the "
        "paper does not give."
    )


def hangs_on_ours(definitions: Definitions, decided: Mapping[int, Sequence[Effect]]) -> str:
    """Which verdicts hang on models that the paper does not have, in a sentence.

    Args:
        definitions: the claims.
        decided: effects of each claim, from :func:`~geodreg.paper.trial.effects.decide`.
    """
    changed, others = [], without(decided, OUR_MODELS)
    for claim in definitions.claims:
        effects = decided[claim.number]
        theirs = verdicts(claim, others[claim.number])
        changed += [
            f"claim {claim.number}{f' for {IN_A_SENTENCE[method]}' if method else ''} from *{verdict}* to "
            f"*{theirs[method]}*"
            for method, verdict in verdicts(claim, effects).items()
            if theirs[method] is not verdict
        ]
    names = " and ".join(TITLES[name] for name in sorted(OUR_MODELS))
    found = f"would change the verdict on {', on '.join(changed)}, and no other" if changed else "changes no verdict"
    return f"The {names} is ours, not the paper's; leaving it out {found}."


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


def _others(kinds: Mapping[str, Sequence[tuple[int, str]]], names: Sequence[str], joint: str) -> list[str]:
    return [_said(kinds[name], name, joint) for name in names if name in kinds]


def _counted(number: int) -> str:
    return COUNTED[number] if number < len(COUNTED) else str(number)


def _said(claims: Sequence[tuple[int, str]], verb: str, joint: str) -> str:
    """How many claims do something, and what the most important of them say."""
    word, _, rest = verb.partition(" ")
    subject = f"{_counted(len(claims))} {SINGULAR[word] if len(claims) < 2 else word} {rest}".rstrip()
    if not claims:
        return subject
    told = sorted(claims, key=lambda claim: FIRST.index(claim[0]))[:MOST]
    listed = " and ".join(f"{joint} {phrase}" for _, phrase in told)
    return f"{subject}{': ' if len(told) == len(claims) else ', among them '}{listed}"


def _has(table: pd.DataFrame, model: str) -> bool:
    return bool((table["model"] == model).any())
