"""A comparison that was added after the results, and decides nothing: the regularised paths beside the geodesic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from geodreg.paper.trial.definitions import ClaimTest, Definitions
from geodreg.paper.trial.effects import Effect, effect_of
from geodreg.paper.trial.reading import outcomes_in_words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATEMENTS", "beside_the_geodesic", "told_beside_the_geodesic"]

DIGITS = ("mnist-dcgan", "mnist-gan", "mnist-vae")
WHAT = "rejected length at mu = 0.1, minus Geod's"
TESTS = (
    ClaimTest(
        what=WHAT,
        method="loss",
        table="paths",
        models=DIGITS,
        value="rejected_{judge}_loss_0_1 - rejected_{judge}_geodesic",
        over=("judge",),
        below=0.0,
    ),
    ClaimTest(
        what=WHAT,
        method="algorithm1",
        table="paths",
        models=DIGITS,
        value="rejected_{judge}_printed_0_1_b{budget}_g{grey} - rejected_{judge}_geodesic",
        over=("judge", "budget", "grey"),
        below=0.0,
    ),
)
STATEMENTS = (
    (
        "judges reject less of the loss's minimiser than of the geodesic",
        "judges reject more of the loss's minimiser than of the geodesic",
    ),
    (
        "judges reject less of Algorithm 1's path than of the geodesic",
        "judges reject more of Algorithm 1's path than of the geodesic",
    ),
)
"""For each of the two tests: what is true if the judges prefer the regularised path, and what if the geodesic."""


def beside_the_geodesic(definitions: Definitions, tables: Mapping[str, pd.DataFrame]) -> list[Effect]:
    """How much more of a regularised path the judges reject than of the geodesic, by plain intervals.

    Args:
        definitions: the claims, of which none compares these two.
        tables: by name.
    """
    return [effect_of(definitions, test, model, tables) for test in TESTS for model in test.models]


def told_beside_the_geodesic(effects: Sequence[Effect]) -> str:
    """What that came to, in a sentence.

    Args:
        effects: from :func:`beside_the_geodesic`.
    """
    text = outcomes_in_words(list(zip(TESTS, STATEMENTS, strict=True)), effects)
    return f"At weight 0.1, {text}."
