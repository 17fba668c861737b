"""From the table of paths to outcomes: each candidate at equal length, over models, by all judges, after Holm."""

from __future__ import annotations

from collections.abc import Sequence
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

ALPHA = 0.05
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
        by_model: the same on each model alone.
        reached: fraction of the pairs whose curve over the weight gets to the length that is compared at.
        length: of the paths that are compared, over the straight line's, mean over pairs, seeds and models.
        outcome: after Holm's step-down over all candidates.
        adjusted: p-value that it rests on, two-sided.
    """

    candidate: Candidate
    models: tuple[str, ...]
    by_judge: dict[str, Estimate]
    by_model: dict[str, dict[str, Estimate]]
    reached: float
    length: float
    outcome: Outcome
    adjusted: float

    @property
    def p(self) -> float:
        """Two-sided; that all judges say so is as certain as of the least certain one (intersection-union test)."""
        below = max(part.p_below for part in self.by_judge.values())
        above = max(part.p_above for part in self.by_judge.values())
        return min(1.0, 2.0 * min(below, above))

    def decided(self, p: float) -> Comparison:
        """The same with its outcome, from its adjusted p-value."""
        below = max(part.p_below for part in self.by_judge.values())
        side = Outcome.BETTER if below < 0.5 else Outcome.WORSE
        return replace(self, outcome=side if p < ALPHA else Outcome.UNDECIDED, adjusted=p)

    @property
    def unsure_on(self) -> tuple[str, ...]:
        """Of a better candidate, the models on which alone some judge's interval reaches zero or beyond."""
        return tuple(
            model for model, parts in self.by_model.items() if any(part.interval[1] >= 0.0 for part in parts.values())
        )

    @property
    def least(self) -> tuple[str, Estimate]:
        """The judge by whom the candidate gains least, or loses most, and the estimate."""
        return max(self.by_judge.items(), key=lambda item: item[1].value)


def at_length(table: pd.DataFrame, study: Study, times: float) -> pd.DataFrame:
    """Each pair's curves at a multiple of the straight line's length, less the straight line.

    Columns: ``model``, ``seed``, ``pair``, ``method`` (the candidate's name), ``reached``, ``relative_length`` (over
    the straight line's), and for each judge ``rejected_`` (over the straight line's length) and ``worst_``, both
    less the straight line's.

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
        columns = {"relative_length": cut["length"] / beside["length"]}
        for name in judges_of(study, str(model)):
            columns[f"rejected_{name}"] = (cut[f"rejected_{name}"] - beside[f"rejected_{name}"]) / beside["length"]
            columns[f"worst_{name}"] = cut[f"worst_{name}"] - beside[f"worst_{name}"]
        found.append(cut[[*KEYS, "method", "reached"]].assign(**columns))
    return pd.concat(found, ignore_index=True)


def column_of(judge: str, model: str) -> str:
    """The column with what a judge rejects; on the ring there is one criterion, which stands for each judge."""
    return f"rejected_{OF_THE_RING if model == RING else judge}"


def judges_of(study: Study, model: str) -> tuple[str, ...]:
    """Names of the judges of a model."""
    return (OF_THE_RING,) if model == RING else tuple(study.judges)


def compared(table: pd.DataFrame, study: Study) -> list[Comparison]:
    """All candidates at equal length with each other, against the straight line, in the order of the definitions.

    A candidate without any model in the table is left out; it counts in Holm's family as a test that says nothing.

    Args:
        table: of paths.
        study: the definitions.
    """
    rows = at_length(table, study, study.longer)
    found = [_of_candidate(each, rows[rows["method"] == each.name], study) for each in study.candidates]
    adjusted = holm([1.0 if each is None else each.p for each in found])
    return [each.decided(p) for each, p in zip(found, adjusted, strict=True) if each is not None]


def _of_candidate(candidate: Candidate, rows: pd.DataFrame, study: Study) -> Comparison | None:
    if rows.empty:
        return None
    seeds = {
        str(model): own.drop(columns=["model", "pair", "method"]).groupby("seed").mean()
        for model, own in rows.groupby("model", sort=False)
    }
    effects = {
        judge: {model: own[column_of(judge, model)].tolist() for model, own in seeds.items()} for judge in study.judges
    }
    return Comparison(
        candidate,
        tuple(seeds),
        {judge: estimate(list(of_model.values())) for judge, of_model in effects.items()},
        {model: {judge: estimate([of_model[model]]) for judge, of_model in effects.items()} for model in seeds},
        float(np.mean([own["reached"].mean() for own in seeds.values()])),
        float(np.mean([own["relative_length"].mean() for own in seeds.values()])),
        Outcome.UNDECIDED,
        1.0,
    )


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
        found[judge] = estimate(
            [
                own.groupby("seed")[column_of(judge, str(model))].mean().tolist()
                for model, own in both.groupby("model", sort=False)
            ]
        )
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
    if min(map(len, effects)) < 2:  # one seed says nothing of others
        return Estimate(float(means.mean()), (-np.inf, np.inf), 1.0, 1.0)
    parts = np.array([np.var(own, ddof=1) / len(own) for own in effects]) / len(effects) ** 2
    free = np.array([len(own) - 1 for own in effects])
    error = float(np.sqrt(parts.sum()))
    freedom = float(parts.sum() ** 2 / (parts**2 / free).sum()) if error > 0.0 else float(free.min())
    value = float(means.mean())
    if value == error == 0.0:  # nothing differs anywhere, which says nothing of either side
        return Estimate(0.0, (0.0, 0.0), 1.0, 1.0)
    interval, p_above_zero, p_below_zero = student_test(value, error, freedom, 0.0, 1.0)
    return Estimate(value, interval, p_below_zero, p_above_zero)


def of_models(table: pd.DataFrame, study: Study, times: float) -> pd.DataFrame:
    """Each candidate on each model alone, by its judges, with plain 95 % intervals over training seeds.

    Columns: ``model``, ``candidate``, ``judge``, ``rejected``, ``low``, ``high`` (fractions of the straight line's
    length, less its own), ``worst``, ``worst_low``, ``worst_high`` (that judge's doubt of the worst point, less the
    straight line's), ``relative_length``, ``reached``.

    Args:
        table: of paths.
        study: the definitions.
        times: the straight line's length.
    """
    import pandas as pd

    rows = at_length(table, study, times)
    found = []
    for (model, name), own in rows.groupby(["model", "method"], sort=False):
        for judge in judges_of(study, str(model)):
            per_seed = own.groupby("seed")[[f"rejected_{judge}", f"worst_{judge}"]].mean()
            rejected, worst = (estimate([per_seed[column].tolist()]) for column in per_seed)
            found.append(
                {
                    "model": model,
                    "candidate": name,
                    "judge": judge,
                    "rejected": rejected.value,
                    "low": rejected.interval[0],
                    "high": rejected.interval[1],
                    "worst": worst.value,
                    "worst_low": worst.interval[0],
                    "worst_high": worst.interval[1],
                    "relative_length": own["relative_length"].mean(),
                    "reached": own["reached"].mean(),
                }
            )
    return pd.DataFrame(found)
