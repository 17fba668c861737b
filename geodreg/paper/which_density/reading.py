"""What the comparison says, in sentences that are made of its outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from geodreg.models.zoo import TITLES
from geodreg.paper.labels import JUDGES
from geodreg.paper.which_density.definitions import Study
from geodreg.paper.which_density.outcomes import Comparison, Estimate, Outcome
from geodreg.paper.wording import decimal, percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["better_in_short", "found_in_short", "models_table", "outcomes_table", "points", "recommendation"]

MARKS = {Outcome.BETTER: "✔", Outcome.WORSE: "✘", Outcome.UNDECIDED: "?"}


def points(estimate: Estimate) -> str:
    """An estimate of a difference of fractions in percentage points, with its interval.

    Example:
        >>> points(Estimate(-0.05, (-0.08, -0.02), 0.01, 0.99))
        '-5.0 (-8.0 to -2.0)'
    """
    low, high = estimate.interval
    return f"{decimal(100 * estimate.value)} ({decimal(100 * low)} to {decimal(100 * high)})"


def found_in_short(comparisons: Sequence[Comparison], study: Study) -> str:
    """Which candidates are more realistic than the straight line at equal length with each other, and which less.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        study: the definitions.
    """
    better, worse, undecided = (
        [each for each in comparisons if each.outcome is outcome]
        for outcome in (Outcome.BETTER, Outcome.WORSE, Outcome.UNDECIDED)
    )
    length = f"at {study.longer:g} times its length, or as near to that as the largest weight comes"
    said = []
    if better:
        said.append(
            f"{MARKS[Outcome.BETTER]} More realistic than the straight line in latent space (three judges reject less "
            f"of the path, {length}): {_listed(map(_name, better))}.{_doubts(better)}"
        )
    else:
        said.append(
            f"{MARKS[Outcome.UNDECIDED]} No candidate is decided to be more realistic than the straight line in latent "
            f"space, {length}."
        )
    if worse:
        said.append(f"{MARKS[Outcome.WORSE]} Less realistic: {_listed(map(_name, worse))}.")
    if undecided:
        said.append(f"{MARKS[Outcome.UNDECIDED]} Not decided: {_listed(map(_name, undecided))}.")
    return " <br>\n".join(said)


def better_in_short(comparisons: Sequence[Comparison], study: Study) -> str:
    """Which candidates are better than the straight line, in one sentence with a link to the page.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        study: the definitions.
    """
    better = [each for each in comparisons if each.outcome is Outcome.BETTER]
    which = "none is more realistic"
    if better:
        sure = [_name(each) for each in better if not each.unsure_on]
        apart = f"{_listed(sure)} on every model" if sure else "none on every model"
        which = (
            f"these are more realistic by all judges, over all models together: {_listed(map(_name, better))} (taken "
            f"one model at a time, {apart})"
        )
    return (
        f"Of {len(comparisons)} ways to use a density or another metric ({{ref}}`which-density`), each compared with "
        f"the straight line in latent space on paths up to {study.longer:g} times as long, {which}."
    )


def recommendation(comparisons: Sequence[Comparison], study: Study, cost: pd.DataFrame, n_pairs: int) -> str:
    """Three sentences: what to take, what that rests on, and where it fails.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        study: the definitions.
        cost: from :func:`~geodreg.paper.which_density.prices.costs`.
        n_pairs: that were measured.
    """
    most = max(len(each.models) for each in comparisons)
    on_all = [each for each in comparisons if len(each.models) == most]
    better = [each for each in on_all if each.outcome is Outcome.BETTER]
    best = min(better or on_all, key=lambda each: each.least[1].value)
    judge, estimate = best.least
    low, high = estimate.interval
    seeds = sum(study.sizes[model].seeds for model in best.models)
    models = _listed(f"the {TITLES[model]}" for model in best.models)
    rests = (
        f"It rests on {n_pairs} pairs of {seeds} trainings of {models}; differences among the better candidates are "
        "not tested."
    )
    time = cost["time"].to_dict()[best.candidate.name]
    if not better:
        return (
            f"Take the straight line in latent space: nothing here is decided to be more realistic. The nearest to it "
            f"is the {_name(best)}, with {points(estimate)} percentage points by its least favourable judge "
            f"({JUDGES.get(judge, judge)}). {rests}"
        )
    return (
        f"Take the {_name(best)}: on paths {study.longer:g} times as long as StraightZ, {-100 * estimate.value:.1f} "
        f"percentage points less is rejected (95 % interval {-100 * high:.1f} to {-100 * low:.1f}, by its least "
        f"favourable judge, {JUDGES.get(judge, judge)}), and a solve takes {time:.2g} times as long as with the "
        f"push-forward density beside the energy of data space. {rests} {_where_it_fails(best)}"
    )


def outcomes_table(comparisons: Sequence[Comparison], cost: pd.DataFrame) -> pd.DataFrame:
    """A row for each candidate, the better ones first, for reading.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        cost: from :func:`~geodreg.paper.which_density.prices.costs`.
    """
    import pandas as pd

    order = [Outcome.BETTER, Outcome.UNDECIDED, Outcome.WORSE]
    comparisons = sorted(comparisons, key=lambda each: (order.index(each.outcome), each.least[1].value))
    judges = list(comparisons[0].by_judge)
    time, at_rest = (cost[name].to_dict() for name in ("time", "at_rest"))
    return pd.DataFrame(
        [
            {
                "Candidate": each.candidate.title,
                "Outcome": f"{MARKS[each.outcome]} {each.outcome}",
                **{f"By {JUDGES.get(judge, judge)}": points(each.by_judge[judge]) for judge in judges},
                "Relative length": f"{each.length:.2f}",
                "Reach it": percent(each.reached),
                "Models": str(len(each.models)),
                "Relative time": f"{time[each.candidate.name]:.2g}",
                "Converged": percent(at_rest[each.candidate.name]),
                "Needs": each.candidate.needs,
            }
            for each in comparisons
        ]
    )


def models_table(by_model: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """A row for each model and candidate, judges beside each other, for reading.

    Args:
        by_model: from :func:`~geodreg.paper.which_density.outcomes.of_models`.
        titles: of the candidates, by name.
    """
    import pandas as pd

    rows = []
    for (model, name), own in by_model.groupby(["model", "candidate"], sort=False):
        cells = {
            JUDGES.get(str(row["judge"]), str(row["judge"])): " ".join(
                [decimal(100 * row["rejected"]), f"({decimal(100 * row['low'])} to {decimal(100 * row['high'])})"]
            )
            for _, row in own.iterrows()
        }
        first = own.iloc[0]
        rows.append(
            {
                "Model": TITLES[str(model)],
                "Candidate": titles[str(name)],
                "Rejected, less StraightZ's, by judge (percentage points)": "; ".join(
                    f"{judge} {cell}" for judge, cell in cells.items()
                ),
                "Worst point's doubt, less StraightZ's": " ".join(
                    [
                        decimal(first["worst"], 2),
                        f"({decimal(first['worst_low'], 2)} to {decimal(first['worst_high'], 2)})",
                    ]
                ),
                "Length over StraightZ's": f"{first['relative_length']:.2f}",
            }
        )
    return pd.DataFrame(rows)


def _name(comparison: Comparison) -> str:
    return comparison.candidate.name_in_lists


def _doubts(better: Sequence[Comparison]) -> str:
    """On which models, taken one at a time, better candidates are not certain; those with the same ones together."""
    names: dict[tuple[str, ...], list[str]] = {}
    for each in better:
        names.setdefault(each.unsure_on, []).append(_name(each))
    told = [
        f"{_listed(own)} on {_listed(f'the {TITLES[model]}' for model in models)}"
        for models, own in names.items()
        if models
    ]
    return f" Taken one model at a time, it is not certain by all judges for {'; '.join(told)}." if told else ""


def _where_it_fails(comparison: Comparison) -> str:
    told = []
    for model in comparison.unsure_on:
        judge, part = max(comparison.by_model[model].items(), key=lambda item: item[1].interval[1])
        value, low, high = (decimal(100 * number) for number in (part.value, *part.interval))
        told.append(f"the {TITLES[model]} ({JUDGES.get(judge, judge)}: {value}, {low} to {high})")
    if not told:
        return "On each of these models taken separately, the 95 % intervals of all judges lie below zero, too."
    return f"Taken separately, not every model shows it: the interval of some judge reaches zero on {_listed(told)}."


def _listed(words: Iterable[str]) -> str:
    every = list(words)
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} and {every[-1]}"
