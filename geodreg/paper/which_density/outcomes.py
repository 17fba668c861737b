"""From the table of paths to outcomes: each candidate at equal length, over models, by all judges, after Holm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from geodreg.paper.trial.effects import Interval, holm, student_test
from geodreg.paper.trial.equal import equal
from geodreg.paper.trial.subject import RING
from geodreg.paper.which_density.definitions import BASELINE, Candidate, Study
from geodreg.paper.which_density.measure import OF_THE_RING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "Estimate", "Outcome", "at_length", "between", "compared", "estimate", "of_models"]

LEVEL = 0.05
KEYS = ["model", "seed", "pair"]


class Outcome(StrEnum):
    """What the primary test of a candidate says."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "not decided"


@dataclass(frozen=True)
class Estimate:
    """A mean over models of means over training seeds.

    Attributes:
        value: the mean.
        interval: its plain 95 % interval.
        p_below: probability of such a mean or a lower one if the true mean were zero.
        p_above: of such a mean or a higher one.
    """

    value: float
    interval: Interval
    p_below: float
    p_above: float


@dataclass(frozen=True)
class Comparison:
    """A candidate against the straight line in latent space.

    Attributes:
        candidate: which one.
        models: on which it was measured.
        by_judge: rejected length less the straight line's, over the straight line's length, by judge; negative is
            better.
        reached: fraction of the pairs whose curve over the weight gets to the length that is compared at.
        outcome: after Holm's step-down over all candidates.
        adjusted: p-value that it rests on, two-sided.
    """

    candidate: Candidate
    models: tuple[str, ...]
    by_judge: dict[str, Estimate]
    reached: float
    outcome: Outcome
    adjusted: float

    @property
    def p(self) -> float:
        """Two-sided; that all judges say so is as certain as of the least certain one (intersection-union test)."""
        below = max(part.p_below for part in self.by_judge.values())
        above = max(part.p_above for part in self.by_judge.values())
        return min(1.0, 2.0 * min(below, above))

    @property
    def decisive(self) -> tuple[str, Estimate]:
        """The judge who says least for the outcome, or for an improvement where there is none, and the estimate."""
        side = "p_above" if self.outcome is Outcome.WORSE else "p_below"
        return max(self.by_judge.items(), key=lambda item: getattr(item[1], side))


def at_length(table: pd.DataFrame, study: Study, times: float) -> pd.DataFrame:
    """Each pair's curves at a multiple of the straight line's length, less the straight line.

    Columns: ``model``, ``seed``, ``pair``, ``method`` (the candidate's name), ``reached``, and for each judge
    ``rejected_`` (over the straight line's length) and ``worst_``, both less the straight line's.

    Args:
        table: of paths.
        study: the definitions.
        times: the straight line's length.
    """
    import pandas as pd

    found = []
    for model, own in table.groupby("model", sort=False):
        judged = [f"{quantity}_{judge}" for judge in judges_of(study, str(model)) for quantity in ("rejected", "worst")]
        cut = equal(own[[*KEYS, "method", "length", *judged]], study.curves, "length", times)
        line = cut[cut["method"] == BASELINE].set_index(KEYS)
        cut = cut[cut["method"] != BASELINE]
        beside = line.loc[pd.MultiIndex.from_frame(cut[KEYS])].reset_index(drop=True)
        cut = cut.reset_index(drop=True)
        columns = {}
        for name in judges_of(study, str(model)):
            columns[f"rejected_{name}"] = (cut[f"rejected_{name}"] - beside[f"rejected_{name}"]) / beside["length"]
            columns[f"worst_{name}"] = cut[f"worst_{name}"] - beside[f"worst_{name}"]
        found.append(cut[[*KEYS, "method", "reached"]].assign(**columns))
    return pd.concat(found, ignore_index=True)


def judges_of(study: Study, model: str) -> tuple[str, ...]:
    """Names of the judges of a model."""
    return (OF_THE_RING,) if model == RING else tuple(study.judges)


def compared(table: pd.DataFrame, study: Study, times: float | None = None) -> list[Comparison]:
    """All candidates at equal length with each other, against the straight line, in the order of the definitions.

    A candidate without any model in the table counts in Holm's family as a test that says nothing.

    Args:
        table: of paths.
        study: the definitions.
        times: the straight line's length; default that of the primary tests.
    """
    rows = at_length(table, study, study.longer if times is None else times)
    found = [_of_candidate(each, rows[rows["method"] == each.name], study) for each in study.candidates]
    adjusted = holm([1.0 if each is None else each.p for each in found])
    decided = []
    for each, p in zip(found, adjusted, strict=True):
        if each is not None:
            below = max(part.p_below for part in each.by_judge.values())
            side = Outcome.BETTER if below < 0.5 else Outcome.WORSE
            decided.append(replace(each, outcome=side if p < LEVEL else Outcome.UNDECIDED, adjusted=p))
    return decided


def _of_candidate(candidate: Candidate, rows: pd.DataFrame, study: Study) -> Comparison | None:
    if rows.empty:
        return None
    seeds = {
        model: own.drop(columns=["model", "pair", "method"]).groupby("seed").mean()
        for model, own in rows.groupby("model", sort=False)
    }
    by_judge = {
        judge: estimate(
            [own[f"rejected_{OF_THE_RING if model == RING else judge}"].tolist() for model, own in seeds.items()]
        )
        for judge in study.judges
    }
    models = tuple(str(model) for model in seeds)
    reached = float(np.mean([own["reached"].mean() for own in seeds.values()]))
    return Comparison(candidate, models, by_judge, reached, Outcome.UNDECIDED, 1.0)


def between(table: pd.DataFrame, study: Study, one: str, other: str, times: float) -> dict[str, Estimate]:
    """What is rejected with one candidate less what is with another, at equal length, by judge.

    Args:
        table: of paths.
        study: the definitions.
        one: name of a candidate.
        other: of the one that it is compared with, on the models that have both.
        times: the straight line's length, at which both are.
    """
    rows = at_length(table, study, times).set_index([*KEYS, "method"]).drop(columns="reached")
    both = (rows.xs(one, level="method") - rows.xs(other, level="method")).dropna(how="all").reset_index()
    found = {}
    for judge in study.judges:
        seeds = [
            own.groupby("seed")[f"rejected_{OF_THE_RING if model == RING else judge}"].mean().tolist()
            for model, own in both.groupby("model", sort=False)
        ]
        found[judge] = estimate(seeds)
    return found


def estimate(effects: Sequence[Sequence[float]]) -> Estimate:
    """The mean over models of the mean over seeds, with the error that the seeds have (Welch 1947).

    Args:
        effects: of each seed, of each model.

    Example:
        >>> found = estimate([[-1.0, -2.0, -3.0], [-4.0, -4.0, -4.0]])
        >>> found.value, found.p_below < found.p_above
        (-3.0, True)
    """
    means = np.array([np.mean(own) for own in effects])
    parts = np.array([np.var(own, ddof=1) / len(own) if len(own) > 1 else 0.0 for own in effects]) / len(effects) ** 2
    free = np.array([len(own) - 1 for own in effects])
    error = float(np.sqrt(parts.sum()))
    freedom = float(parts.sum() ** 2 / (parts**2 / np.maximum(free, 1)).sum()) if error > 0.0 else float(free.min())
    value = float(means.mean())
    if value == error == 0.0:  # nothing differs anywhere, which says nothing of either side
        return Estimate(0.0, (0.0, 0.0), 1.0, 1.0)
    interval, p_above_zero, p_below_zero = student_test(value, error, freedom, 0.0, 1.0)
    return Estimate(value, interval, p_below_zero, p_above_zero)


def of_models(table: pd.DataFrame, study: Study, times: float) -> pd.DataFrame:
    """Each candidate on each model alone, mean over judges, with plain 95 % intervals over training seeds.

    Columns: ``model``, ``candidate``, ``rejected``, ``low``, ``high`` (fractions of the straight line's length, less
    its own), ``worst`` (mean doubt of the worst point, less the straight line's), ``reached``.

    Args:
        table: of paths.
        study: the definitions.
        times: the straight line's length.
    """
    import pandas as pd

    rows = at_length(table, study, times)
    found = []
    for (model, name), own in rows.groupby(["model", "method"], sort=False):
        judges = judges_of(study, str(model))
        per_seed: Mapping[str, pd.Series] = {
            quantity: own[[f"{quantity}_{judge}" for judge in judges]].mean(axis=1).groupby(own["seed"]).mean()
            for quantity in ("rejected", "worst")
        }
        mean = estimate([per_seed["rejected"].tolist()])
        found.append(
            {
                "model": model,
                "candidate": name,
                "rejected": mean.value,
                "low": mean.interval[0],
                "high": mean.interval[1],
                "worst": per_seed["worst"].mean(),
                "reached": own["reached"].mean(),
            }
        )
    return pd.DataFrame(found)
