"""What the outcomes say, in sentences that are made of them: none can contradict the table."""

from __future__ import annotations

from collections.abc import Sequence

from geodreg.models.zoo import TITLES
from geodreg.paper.trial.definitions import METHODS, Claim, ClaimTest
from geodreg.paper.trial.effects import Effect, Outcome

__all__ = ["BESIDES", "STATEMENTS", "outcomes_in_words", "sentence"]

STATEMENTS: dict[tuple[int, int], tuple[str, str]] = {
    (1, 0): ("the latent plane covers the ring's inside", "the latent plane leaves the ring's inside out"),
    (1, 1): ("the density is lower in the hole", "the density is no lower in the hole"),
    (1, 2): ("images that judges reject have lower density", "images that judges reject have no lower density"),
    (2, 0): ("the geodesic goes through the hole", "the geodesic does not go through the hole"),
    (2, 1): (
        "at weight 1, and with noise in the density, the loss's minimiser goes around it",
        "even at weight 1, and with noise in the density, the loss's minimiser does not go around it",
    ),
    (2, 2): (
        "the loss as printed, without noise, has a minimum within reach at weight 0.1",
        "the loss as printed, without noise, has no minimum within reach at weight 0.1",
    ),
    (2, 3): (
        "at weight 0.1, and with noise in the density, Algorithm 1 goes around it",
        "at weight 0.1, and with noise in the density, Algorithm 1 does not go around it",
    ),
    (3, 0): ("the geodesic is the shortest", "the geodesic is not the shortest"),
    (4, 0): (
        "the geodesic is less dense than the straight line",
        "the geodesic is no less dense than the straight line",
    ),
    (5, 0): (
        "the loss's minimiser is denser than the straight line and the geodesic",
        "the loss's minimiser is not denser than the straight line and the geodesic",
    ),
    (5, 1): (
        "Algorithm 1's path is denser than the straight line and the geodesic",
        "Algorithm 1's path is not denser than the straight line and the geodesic",
    ),
    (6, 0): (
        "at equal length the judges reject less of the loss's minimiser than of the straight line",
        "at equal length the judges reject at least as much of the loss's minimiser as of the straight line",
    ),
    (6, 1): (
        "at equal length the judges reject less of Algorithm 1's path than of the straight line",
        "at equal length the judges reject at least as much of Algorithm 1's path as of the straight line",
    ),
    (7, 0): (
        "minimisers of energy and of length are equally long",
        "minimisers of energy and of length are not equally long",
    ),
    (8, 0): ("at one fixed step more points break the curve", "at one fixed step more points do not break the curve"),
    (8, 1): (
        "at 0.8 of each start line's own limit of stability most break too, so the discretisation is the cause",
        "at 0.8 of each start line's own limit of stability most do not, so the cause is the step, too long for so "
        "many points, and not the discretisation",
    ),
    (9, 0): (
        "a weight of 0.1 in the loss buys density at no more than twice the straight line's length",
        "a weight of 0.1 in the loss does not buy density at no more than twice the straight line's length",
    ),
    (9, 1): (
        "a weight of 0.1 in Algorithm 1 buys density at no more than twice the straight line's length",
        "a weight of 0.1 in Algorithm 1 does not buy density at no more than twice the straight line's length",
    ),
    (10, 0): (
        "at weight 0.1 the loss's minimiser is closer to the segment than the straight line",
        "at weight 0.1 the loss's minimiser is no closer to the segment than the straight line",
    ),
    (10, 1): (
        "at weight 0.1 Algorithm 1's path is closer to the segment than the straight line",
        "at weight 0.1 Algorithm 1's path is no closer to the segment than the straight line",
    ),
    (11, 0): ("nine components hold most of an image in the mean", "nine components do not hold most of an image"),
    (11, 1): (
        "and of the worst image",
        "they hold less than 90 % of each person's worst image, which is more than the paper asks of them",
    ),
    (12, 0): (
        "the bound of the NLL is higher on images that judges reject",
        "the bound of the NLL is no higher on images that judges reject",
    ),
    (12, 1): (
        "and it is still higher once the entropy of the pixels is subtracted",
        "once the entropy of the pixels is subtracted it is not",
    ),
}
"""For each primary test, by claim and place: what is true if it counts for the claim, and what if against it."""

BESIDES: dict[tuple[int, int], tuple[str, str]] = {
    (9, 2): ("a weight of 0.02 in Algorithm 1 buys it", "a weight of 0.02 in Algorithm 1 does not buy it"),
    (9, 3): ("a weight of 0.003 in Algorithm 1 buys it", "a weight of 0.003 in Algorithm 1 does not buy it"),
    (10, 2): (
        "at weight 0.003 Algorithm 1's path is closer to it than the straight line",
        "at weight 0.003 Algorithm 1's path is no closer to it than the straight line",
    ),
}
"""The same for secondary tests without which a verdict would be unfair: of other weights in the paper's range."""

OPEN = {
    Outcome.UNDECIDED: "is not decided",
    Outcome.DEPENDS: "depends on what the paper does not say",
    Outcome.NO_DATA: "was not measured",
}
"""How the sentence on a test ends that is not for a claim and not against it."""


def sentence(claim: Claim, effects: Sequence[Effect], method: str | None = None) -> str:
    """What the primary tests of a claim came to, in a sentence, and secondary ones that belong beside them in another.

    Args:
        claim: the claim.
        effects: of all its tests.
        method: only what is about this one of the paper's two methods, or about none.
    """
    parts = []
    for statements in (STATEMENTS, BESIDES):
        told = [
            (test, statements[claim.number, place])
            for place, test in enumerate(claim.tests)
            if (claim.number, place) in statements and (method is None or test.method in (method, None))
        ]
        parts.append(outcomes_in_words(told, effects))
    primary, besides = parts
    return f"{primary[:1].upper()}{primary[1:]}." + (f" Besides, {besides}." if besides else "")


def outcomes_in_words(told: Sequence[tuple[ClaimTest, tuple[str, str]]], effects: Sequence[Effect]) -> str:
    """What tests came to, by model where models differ.

    Args:
        told: each test with what is true if it counts for its claim, and what if against it.
        effects: theirs, among others.
    """
    parts = []
    for test, (yes, no) in told:
        own = [effect for effect in effects if effect.test is test]
        by_outcome: dict[Outcome, list[str]] = {}
        for effect in own:
            by_outcome.setdefault(effect.outcome, []).append(TITLES.get(effect.model, effect.title))
        if len(by_outcome) > 1:  # where some of the models were measured, those that were not are no news
            by_outcome.pop(Outcome.NO_DATA, None)
        where = {
            outcome: f" ({', '.join(models)})" if len(by_outcome) > 1 or len(models) < len(test.models) else ""
            for outcome, models in by_outcome.items()
        }
        certain = {Outcome.FOR: yes, Outcome.AGAINST: no}
        parts += [words + where[outcome] for outcome, words in certain.items() if outcome in where]
        open_ones = [words + where[outcome] for outcome, words in OPEN.items() if outcome in where]
        if open_ones:
            parts.append(f"whether {yes.removeprefix('and ')} {' and '.join(open_ones)}")
    return "; ".join(parts)


def method_name(method: str | None) -> str:
    """What one of the paper's two methods is called, or nothing."""
    return "" if method is None else METHODS[method]
