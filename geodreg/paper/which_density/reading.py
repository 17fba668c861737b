"""What the comparison says, in sentences that are made of its outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geodreg.models.zoo import TITLES
from geodreg.paper.which_density.definitions import Study
from geodreg.paper.which_density.outcomes import Comparison, Estimate, Outcome
from geodreg.paper.wording import percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["better_in_short", "found_in_short", "outcomes_table", "points", "recommendation"]

MARKS = {Outcome.BETTER: "✔", Outcome.WORSE: "✘", Outcome.UNDECIDED: "?"}


def points(estimate: Estimate) -> str:
    """An estimate of a difference of fractions in percentage points, with its interval.

    Example:
        >>> points(Estimate(-0.05, (-0.08, -0.02), 0.01, 0.99))
        '-5.0 (-8.0 to -2.0)'
    """
    low, high = estimate.interval
    return f"{100 * estimate.value:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def found_in_short(comparisons: Sequence[Comparison], study: Study) -> str:
    """Which candidates are more realistic than the straight line at equal length with each other, and which less.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        study: the definitions.
    """
    at = f"At {study.longer:g} times the straight line's length"
    better, worse, open_ = (
        [each for each in comparisons if each.outcome is outcome]
        for outcome in (Outcome.BETTER, Outcome.WORSE, Outcome.UNDECIDED)
    )
    said = []
    if better:
        said.append(
            f"{MARKS[Outcome.BETTER]} {at}, less is rejected than of the straight line by all judges with "
            f"{_listed([_title(each) for each in better])}."
        )
    else:
        said.append(
            f"{MARKS[Outcome.WORSE]} {at}, no candidate is decided to be more realistic than the straight line."
        )
    if worse:
        said.append(f"{MARKS[Outcome.WORSE]} More is rejected with {_listed([_title(each) for each in worse])}.")
    if open_:
        said.append(f"{MARKS[Outcome.UNDECIDED]} Not decided: {_listed([_title(each) for each in open_])}.")
    return " <br>\n".join(said)


def better_in_short(comparisons: Sequence[Comparison], study: Study) -> str:
    """Which candidates are better than the straight line, in one sentence with a link to the page.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        study: the definitions.
    """
    better = [_title(each) for each in comparisons if each.outcome is Outcome.BETTER]
    said = f"by all three judges better than it at {study.longer:g} times its length"
    which = f"{_listed(better)} {'is' if len(better) == 1 else 'are'} {said}" if better else f"none is {said}"
    return (
        f"Of {len(comparisons)} densities and metrics that were compared with the straight line in latent space "
        f"({{ref}}`which-density`), {which}."
    )


def recommendation(comparisons: Sequence[Comparison], study: Study, by_model: pd.DataFrame, cost: pd.Series) -> str:
    """Three sentences: what to take, what that rests on, and where it fails.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        study: the definitions.
        by_model: from :func:`~geodreg.paper.which_density.outcomes.of_models`, at the same length.
        cost: from :func:`~geodreg.paper.which_density.prices.costs`.
    """
    better = [each for each in comparisons if each.outcome is Outcome.BETTER]
    if not better:
        least = min(comparisons, key=lambda each: each.decisive[1].value)
        return (
            f"Take the straight line in latent space: at {study.longer:g} times its length nothing here is decided to "
            f"be more realistic. The nearest to it is the {_title(least)}, with {points(least.decisive[1])} percentage "
            f"points by the judge who says least for it. {_rests_on(least, study)}"
        )
    best = min(better, key=lambda each: each.decisive[1].value)
    judge, estimate = best.decisive
    low_end, high_end = estimate.interval
    own = by_model[by_model["candidate"] == best.candidate.name]
    fails = own[own["high"] >= 0.0]
    columns = (fails[name].tolist() for name in ("model", "rejected", "low", "high"))
    told = [
        f"the {TITLES[model]} ({100 * value:.1f}, {100 * low:.1f} to {100 * high:.1f})"
        for model, value, low, high in zip(*columns, strict=True)
    ]
    where = (
        f"Alone it is not certain on {_listed(told)}, in percentage points over all judges."
        if told
        else "It is certain on each of these models alone, too."
    )
    return (
        f"Take the {_title(best)}: at {study.longer:g} times the straight line's length, {-100 * estimate.value:.1f} "
        f"percentage points less is rejected than of the straight line (95 % interval {-100 * high_end:.1f} to "
        f"{-100 * low_end:.1f}, by `{judge}`, the judge who says least for it), and a path takes "
        f"{cost[best.candidate.name]:.2g} times as long to find as with the push-forward density beside the energy of "
        f"data space. {_rests_on(best, study)} {where}"
    )


def outcomes_table(comparisons: Sequence[Comparison], cost: pd.Series) -> pd.DataFrame:
    """A row for each candidate, for reading.

    Args:
        comparisons: from :func:`~geodreg.paper.which_density.outcomes.compared`.
        cost: from :func:`~geodreg.paper.which_density.prices.costs`.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "Candidate": each.candidate.title,
                "Outcome": f"{MARKS[each.outcome]} {each.outcome}",
                "Rejected length, less StraightZ's, deciding judge (percentage points)": points(each.decisive[1]),
                "All judges (percentage points)": ", ".join(
                    f"{100 * part.value:.1f}" for part in each.by_judge.values()
                ),
                "Reach that length": percent(each.reached),
                "Models": str(len(each.models)),
                "Time over push-forward's": f"{cost[each.candidate.name]:.2g}",
                "Needs": each.candidate.needs,
            }
            for each in comparisons
        ]
    )


def _title(comparison: Comparison) -> str:
    """The candidate's title without a comma, for a list."""
    return comparison.candidate.title.replace(", latent energy", " beside the energy of latent space")


def _rests_on(comparison: Comparison, study: Study) -> str:
    sizes = [study.sizes[model] for model in comparison.models]
    seeds, pairs = sum(size.seeds for size in sizes), sum(size.seeds * size.pairs for size in sizes)
    models = _listed([f"the {TITLES[model]}" for model in comparison.models])
    return f"It rests on {pairs} pairs of {seeds} trainings of {models}, and on three judges of digits."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
