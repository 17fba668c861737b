"""From tables to effects: a mean for each training seed, an interval over seeds, an outcome, a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geodreg.models.zoo import TITLES
from geodreg.paper.verdict.definitions import Claim, ClaimTest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Effect", "Outcome", "Verdict", "effect_of", "effects_of", "verdict_of"]

LEVEL = 0.95
ENOUGH_SEEDS = 5  # with fewer of them the range over seeds is shown, and no interval
KEYS = ["seed", "pair"]


class Outcome(StrEnum):
    """What a test says of its claim."""

    FOR = "for"
    AGAINST = "against"
    UNDECIDED = "undecided"
    NO_DATA = "no data"


class Verdict(StrEnum):
    """What all tests of a claim say together."""

    HOLDS = "holds"
    IN_PART = "holds in part"
    FAILS = "does not hold"
    UNTESTED = "cannot be tested"


@dataclass(frozen=True)
class Effect:
    """The effect of one test on one model.

    Attributes:
        test: which one.
        model: on which model.
        seeds: effect of each training seed or person, by its label; with ``versus``, of the model itself.
        versus: with ``versus``, effect of each seed of that model.
        value: mean over seeds; with ``versus``, less that of the other model.
        interval: its 95 % interval; with fewer than five seeds the range over them.
        corrected: interval that holds with 95 % for all tests of all claims together (Bonferroni); the same range.
        outcome: by the corrected interval.
    """

    test: ClaimTest
    model: str
    seeds: dict[str, float]
    versus: dict[str, float]
    value: float
    interval: tuple[float, float]
    corrected: tuple[float, float]
    outcome: Outcome

    @property
    def title(self) -> str:
        """The model's name for reading."""
        return {**TITLES, "yale-faces": "Yale photographs"}[self.model]

    @property
    def is_range(self) -> bool:
        """Whether the interval is the range over seeds."""
        return len(self.seeds) < ENOUGH_SEEDS


def effect_of(test: ClaimTest, model: str, tables: Mapping[str, pd.DataFrame], n_outcomes: int) -> Effect:
    """The effect of a test on one of its models.

    The seeds are the units: pairs of one generator are not independent, so each seed enters with the mean over its
    pairs, and the interval is Student's over those means. What pairs contribute to the error is in their spread.

    Args:
        test: the test.
        model: one of its models.
        tables: by name.
        n_outcomes: number of outcomes that the intervals are corrected for.
    """
    table = tables.get(test.table)
    mine, is_share = _by_seed(test, model, table)
    others = _by_seed(test, test.versus, table)[0] if test.versus is not None else None
    if not mine or (others is not None and not others):
        nothing = (np.nan, np.nan)
        return Effect(test, model, {}, {}, np.nan, nothing, nothing, Outcome.NO_DATA)
    values = np.array(list(mine.values()))
    versus = None if others is None else np.array(list(others.values()))
    value = float(values.mean()) - (0.0 if versus is None else float(versus.mean()))
    interval, corrected = (_interval(values, versus, level) for level in (LEVEL, 1.0 - (1.0 - LEVEL) / n_outcomes))
    if is_share and versus is None:
        interval, corrected = _within_one(interval), _within_one(corrected)
    return Effect(test, model, mine, others or {}, value, interval, corrected, _outcome(test, corrected))


def effects_of(claim: Claim, tables: Mapping[str, pd.DataFrame], n_outcomes: int) -> list[Effect]:
    """The effects of all tests of a claim on all of their models."""
    return [effect_of(test, model, tables, n_outcomes) for test in claim.tests for model in test.models]


def verdict_of(effects: list[Effect]) -> Verdict:
    """It holds if all tests count for it, in part if some do; if none does and all are undecided, nobody can tell."""
    outcomes = [effect.outcome for effect in effects if effect.outcome is not Outcome.NO_DATA]
    if outcomes and all(outcome is Outcome.FOR for outcome in outcomes):
        return Verdict.HOLDS
    if Outcome.FOR in outcomes:
        return Verdict.IN_PART
    return Verdict.FAILS if Outcome.AGAINST in outcomes else Verdict.UNTESTED


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each pair, with columns ``value_method``; a table without methods as it is."""
    if "method" not in table:
        return table
    values = [name for name in table.select_dtypes(["number", "bool"]).columns if name not in KEYS]
    pivoted = table.pivot_table(index=KEYS, columns="method", values=values, sort=False)
    pivoted.columns = ["_".join(names) for names in pivoted.columns.to_flat_index()]
    return pivoted.reset_index()


def _by_seed(test: ClaimTest, model: str, table: pd.DataFrame | None) -> tuple[dict[str, float], bool]:
    """The effect of each seed (none where table, model or values are missing), and whether it is a fraction."""
    import pandas as pd
    from pandas.errors import UndefinedVariableError
    from scipy.stats import mannwhitneyu

    if table is None or not (table["model"] == model).any():
        return {}, False
    rows = wide(table[table["model"] == model])
    try:
        value = pd.Series(rows.eval(test.value, engine="python"), rows.index, float)
    except UndefinedVariableError:  # a column that needs data which were not at hand
        return {}, False
    is_share = test.statistic == "auc" or bool(value.isin([0.0, 1.0]).all())
    found = {}
    for seed, own in value.groupby(rows["seed"].astype(str), sort=False):
        if own.isna().any():
            continue
        if test.statistic == "mean":
            found[str(seed)] = float(own.mean())
            continue
        positive = rows.loc[own.index, test.positive].astype(bool)
        if positive.any() and not positive.all():
            inside, outside = own[positive], own[~positive]
            found[str(seed)] = float(mannwhitneyu(inside, outside).statistic / (len(inside) * len(outside)))
    return found, is_share


def _interval(values: NDArray[np.float64], versus: NDArray[np.float64] | None, level: float) -> tuple[float, float]:
    from scipy.stats import ttest_1samp, ttest_ind

    if len(values) < ENOUGH_SEEDS or (versus is not None and len(versus) < ENOUGH_SEEDS):
        other = np.zeros(1) if versus is None else versus
        return float(values.min() - other.max()), float(values.max() - other.min())
    if np.ptp(values) == 0.0 and (versus is None or np.ptp(versus) == 0.0):
        value = float(values[0]) - (0.0 if versus is None else float(versus[0]))
        return value, value
    test = ttest_1samp(values, 0.0) if versus is None else ttest_ind(values, versus, equal_var=False)
    low, high = test.confidence_interval(level)
    return float(low), float(high)


def _within_one(interval: tuple[float, float]) -> tuple[float, float]:
    """A fraction lies between nothing and all, whatever Student's interval says."""
    return max(interval[0], 0.0), min(interval[1], 1.0)


def _outcome(test: ClaimTest, interval: tuple[float, float]) -> Outcome:
    low, high = interval
    if test.below is not None:
        low, high = -high, -low
    bound = test.bound if test.above is not None else -test.bound
    if low > bound:
        return Outcome.FOR
    return Outcome.AGAINST if high <= bound else Outcome.UNDECIDED
