"""From tables to effects: a mean for each training seed, a test over seeds, Holm's step-down, an outcome, a verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geodreg.models.zoo import TITLES
from geodreg.paper.trial.definitions import METHODS, Claim, ClaimTest, Definitions

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Effect",
    "Interval",
    "Outcome",
    "PairTables",
    "Part",
    "Verdict",
    "decide",
    "effect_of",
    "holm",
    "student_test",
    "verdict_of",
    "verdicts",
    "wide",
    "without",
]

LEVEL = 0.95
KEYS = ["seed", "pair"]
Interval = tuple[float, float]


class Outcome(StrEnum):
    """What a test says of its claim."""

    FOR = "for"
    AGAINST = "against"
    DEPENDS = "depends on what the paper does not say"
    UNDECIDED = "undecided"
    NO_DATA = "not measured"


class Verdict(StrEnum):
    """What the primary tests of a claim say together."""

    HOLDS = "holds"
    MIXED = "mixed"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Part:
    """One of the numbers of a test on a model: by one judge, after one number of iterations, with one grey scale.

    Attributes:
        name: which; empty where there is but one.
        seeds: effect of each training seed or person, by its label; with ``versus``, of the model itself.
        value: mean over seeds; with ``versus``, less that of the other model.
        interval: its plain 95 % interval by Student's t over seeds.
        p_for: probability of such a mean or one farther beyond the bound if the true mean were the bound; one-sided,
        p_against: the same on the other side of the bound.
    """

    name: str
    seeds: dict[str, float]
    value: float
    interval: Interval
    p_for: float
    p_against: float


@dataclass(frozen=True)
class Effect:
    """The effect of one test on one model.

    Attributes:
        test: which one.
        model: on which model.
        parts: its numbers, at least one, if there are data.
        outcome: of primary tests by Holm's step-down over all of them, of others by the plain interval.
        adjusted: the p-value that the outcome rests on, two-sided; of a primary one after Holm's adjustment.
    """

    test: ClaimTest
    model: str
    parts: tuple[Part, ...]
    outcome: Outcome
    adjusted: float

    @property
    def title(self) -> str:
        """The model's name for reading."""
        return {**TITLES, "yale-faces": "Yale photographs"}[self.model]

    @property
    def p_for(self) -> float:
        """That all parts count for the claim is as certain as of the least certain one (intersection-union test)."""
        return max(part.p_for for part in self.parts)

    @property
    def p_against(self) -> float:
        """The same against the claim."""
        return max(part.p_against for part in self.parts)

    @property
    def p(self) -> float:
        """Two-sided: twice the smaller of the two; one if nothing was measured."""
        return min(1.0, 2.0 * min(self.p_for, self.p_against)) if self.parts else 1.0

    @property
    def decisive(self) -> Part:
        """The part that decides the outcome: the one that counts least for it."""
        if self.outcome is Outcome.AGAINST:
            return max(self.parts, key=lambda part: part.p_against)
        return max(self.parts, key=lambda part: part.p_for)

    @property
    def splits(self) -> bool:
        """Whether plain intervals of some parts lie beyond the bound and those of others on its other side."""
        alpha = (1.0 - LEVEL) / 2
        return any(part.p_for < alpha for part in self.parts) and any(part.p_against < alpha for part in self.parts)


def effect_of(
    definitions: Definitions, test: ClaimTest, model: str, tables: Mapping[str, pd.DataFrame] | PairTables
) -> Effect:
    """The effect of a test on one of its models, its outcome by plain intervals.

    The seeds are the units: pairs of one generator are not independent, so each seed enters with the mean over its
    pairs. Where the number is a fraction of pairs, its variance over seeds is taken to be no smaller than that of as
    many independent pairs would make it (with one success and one failure more, so that no fraction is certain).

    Args:
        definitions: the claims.
        test: the test.
        model: one of its models.
        tables: by name; where several effects are of the same, :class:`PairTables` of them save time.
    """
    tables = tables if isinstance(tables, PairTables) else PairTables(tables)
    found = []
    for name, (value, positive) in test.parts(definitions.settings, model).items():
        part = _part(test, model, tables, name, value, positive)
        if part is None:
            return Effect(test, model, (), Outcome.NO_DATA, np.nan)
        found.append(part)
    effect = Effect(test, model, tuple(found), Outcome.UNDECIDED, np.nan)
    return _with_outcome(effect, effect.p)


def decide(definitions: Definitions, tables: Mapping[str, pd.DataFrame]) -> dict[int, list[Effect]]:
    """All effects of all claims by number, the primary ones decided by Holm's step-down over the family of them.

    A primary test that was not measured counts in the family, as one that says nothing, so that what is decided without
    it stays decided when it comes.

    Args:
        definitions: the claims.
        tables: by name.
    """
    pairs = PairTables(tables)
    effects = {
        claim.number: [effect_of(definitions, test, model, pairs) for test in claim.tests for model in test.models]
        for claim in definitions.claims
    }
    return _stepped_down(effects)


def without(decided: Mapping[int, Sequence[Effect]], models: Set[str]) -> dict[int, list[Effect]]:
    """The effects as they would be decided if some models had not been looked at, so that there are fewer tests.

    Args:
        decided: from :func:`decide`.
        models: their names.
    """
    kept = {number: [effect for effect in own if effect.model not in models] for number, own in decided.items()}
    return _stepped_down(kept)


def _stepped_down(effects: Mapping[int, Sequence[Effect]]) -> dict[int, list[Effect]]:
    found = {number: list(own) for number, own in effects.items()}
    family = [(number, i) for number, own in found.items() for i, effect in enumerate(own) if effect.test.primary]
    adjusted = holm([found[number][i].p for number, i in family])
    for (number, i), p in zip(family, adjusted, strict=True):
        if found[number][i].parts:
            found[number][i] = _with_outcome(found[number][i], p)
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm's step-down (1979): one below 0.05 is decided, whatever the others are.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = float(highest)
    return adjusted


def verdict_of(effects: Sequence[Effect]) -> Verdict:
    """It holds if all primary tests count for the claim, fails if all count against it; otherwise it is mixed.

    It is undecided where all of them are.
    """
    outcomes = {effect.outcome for effect in effects if effect.test.primary and effect.outcome is not Outcome.NO_DATA}
    if outcomes <= {Outcome.UNDECIDED}:
        return Verdict.UNDECIDED
    if outcomes == {Outcome.FOR}:
        return Verdict.HOLDS
    if outcomes == {Outcome.AGAINST}:
        return Verdict.FAILS
    return Verdict.MIXED


def verdicts(claim: Claim, effects: Sequence[Effect]) -> dict[str | None, Verdict]:
    """The verdict on each of the paper's two methods, by its name; one alone, under None, if a claim is of neither."""
    decided = {test.method for test in claim.tests if test.primary}
    methods = [method for method in METHODS if method in decided]
    if not methods:
        return {None: verdict_of(effects)}
    return {m: verdict_of([effect for effect in effects if effect.test.method in (m, None)]) for m in methods}


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each pair, with columns ``value_method``; a table without methods as it is.

    Args:
        table: of one model.
    """
    if "method" not in table:
        return table
    pivoted = table.pivot_table(index=KEYS, columns="method", values=_values(table), sort=False)
    pivoted.columns = ["_".join(names) for names in pivoted.columns.to_flat_index()]
    return pivoted.reset_index()


def _values(table: pd.DataFrame) -> list[str]:
    return [name for name in table.select_dtypes(["number", "bool"]).columns if name not in KEYS]


class PairTables:
    """Tables by name, of which each model's is made :func:`wide` once, however many effects are of it."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = tables
        self._wide: dict[tuple[str, str], tuple[pd.DataFrame, list[str], list[str]]] = {}

    def rows(self, name: str, model: str, wanted: Set[str]) -> pd.DataFrame | None:
        """A row for each pair of a model of which something is wanted; None where the table or the model is missing.

        Args:
            name: of the table.
            model: one of its models.
            wanted: names of columns; what is wanted of some methods alone needs no row of the others.
        """
        if (name, model) not in self._wide:
            table = self._tables.get(name)
            if table is None or not (table["model"] == model).any():
                return None
            own = table[table["model"] == model]
            methods = list(own["method"].unique()) if "method" in own else []
            self._wide[name, model] = wide(own), methods, _values(own)
        rows, methods, values = self._wide[name, model]
        if not methods:
            return rows
        methods = [method for method in methods if any(column.endswith(f"_{method}") for column in wanted)]
        values = [value for value in values if any(f"{value}_{method}" in wanted for method in methods)]
        columns = [f"{value}_{method}" for value in values for method in methods]
        found = [column for column in columns if column in rows]
        return rows[[*KEYS, *found]].dropna(how="all", subset=found)


def _names(expression: str) -> set[str]:
    """The names in an expression over columns.

    Example:
        >>> sorted(_names("(length_one <= 1.5 * length_two) & x"))
        ['length_one', 'length_two', 'x']
    """
    return set(re.findall(r"\b[A-Za-z_]\w*", expression))


def _with_outcome(effect: Effect, p: float) -> Effect:
    outcome = Outcome.UNDECIDED
    if p < 1.0 - LEVEL:
        outcome = Outcome.FOR if effect.p_for < effect.p_against else Outcome.AGAINST
    elif effect.splits and {"budget", "grey"} & set(effect.test.over):
        outcome = Outcome.DEPENDS
    return replace(effect, outcome=outcome, adjusted=p)


def _part(test: ClaimTest, model: str, tables: PairTables, name: str, value: str, positive: str | None) -> Part | None:
    mine, least = _by_seed(test, model, tables, value, positive)
    if not mine:
        return None
    values, others = np.array(list(mine.values())), None
    mean, error = float(values.mean()), np.sqrt(max(_variance(values), least) / len(values))
    freedom = float(len(values) - 1)
    if test.versus is not None:
        their, _ = _by_seed(test, test.versus, tables, value, positive)
        if not their:
            return None
        others = np.array(list(their.values()))
        mean -= float(others.mean())
        error, freedom = _welch(values, others)
    sign = 1.0 if test.above is not None else -1.0
    interval, p_for, p_against = student_test(mean, error, freedom, test.bound, sign)
    is_share = test.statistic == "auc" or least > 0.0
    if is_share and others is None:
        interval = max(interval[0], 0.0), min(interval[1], 1.0)
    return Part(name, mine, mean, interval, p_for, p_against)


def _variance(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _welch(values: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """Standard error of a difference of means, and its degrees of freedom (Welch 1947)."""
    parts = np.array([_variance(each) / len(each) for each in (values, others)])
    if min(len(values), len(others)) < 2 or parts.sum() == 0.0:
        return 0.0, float(min(len(values), len(others)) - 1)
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([len(values), len(others)]) - 1)).sum()
    return float(np.sqrt(parts.sum())), float(freedom)


def student_test(mean: float, error: float, freedom: float, bound: float, sign: float) -> tuple[Interval, float, float]:
    """Plain interval of a mean by Student's t, and the one-sided p-values beyond the bound and on its other side.

    Args:
        mean: the estimate.
        error: its standard error.
        freedom: degrees of freedom; with less than one nothing is said.
        bound: that the true mean is compared with.
        sign: 1 if beyond is above it, -1 if below.
    """
    from scipy.stats import t

    if freedom < 1.0:  # one seed says nothing of others
        return (mean, mean), 1.0, 1.0
    if error == 0.0:
        beyond = sign * (mean - bound)
        return (mean, mean), float(beyond <= 0.0), float(beyond > 0.0)
    statistic = sign * (mean - bound) / error
    half = error * t.ppf(0.5 + LEVEL / 2, freedom)
    return (mean - half, mean + half), float(t.sf(statistic, freedom)), float(t.cdf(statistic, freedom))


def _by_seed(
    test: ClaimTest, model: str, tables: PairTables, value: str, positive: str | None
) -> tuple[dict[str, float], float]:
    """The effect of each seed (none where table, model or values are missing), and the least variance of a fraction."""
    import pandas as pd
    from pandas.errors import UndefinedVariableError
    from scipy.stats import mannwhitneyu

    rows = tables.rows(test.table, model, _names(value) | _names(positive or ""))
    if rows is None:
        return {}, 0.0
    try:
        values = pd.Series(rows.eval(value, engine="python"), rows.index, float)
    except UndefinedVariableError:  # a column that needs data which were not at hand
        return {}, 0.0
    found: dict[str, float] = {}
    for seed, own in values.groupby(rows["seed"].astype(str), sort=False):
        if own.isna().any():
            continue
        if positive is None:
            found[str(seed)] = float(own.mean())
            continue
        is_positive = rows.loc[own.index, positive].astype(bool)
        if is_positive.any() and not is_positive.all():
            inside, outside = own[is_positive], own[~is_positive]
            found[str(seed)] = float(mannwhitneyu(inside, outside).statistic / (len(inside) * len(outside)))
    least = 0.0
    if positive is None and bool(values.isin([0.0, 1.0]).all()):
        smoothed = (values.sum() + 1.0) / (len(values) + 2.0)
        least = float(smoothed * (1.0 - smoothed) / (len(values) / max(1, len(found))))
    return found, least
