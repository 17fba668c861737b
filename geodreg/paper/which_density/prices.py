"""What each candidate buys over its weight, and what it costs in length and in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geodreg.paper.which_density.definitions import BASELINE, Study
from geodreg.paper.which_density.outcomes import judges_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["costs", "price_curves"]


def price_curves(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """A row for each model, candidate and weight, and for slerp: medians over all pairs of its seeds.

    Columns: ``model``, ``apart`` (pairs of two classes or of one), ``candidate``, ``method``, ``weight``,
    ``relative_length`` (over the straight line's), ``rejected`` (mean over judges, less the straight line's, over its
    length: the mean over pairs), ``worst`` (median doubt of the worst point, mean over judges, less the straight
    line's), ``at_rest`` (fraction).

    Args:
        table: of paths.
        study: the definitions.
    """
    import pandas as pd

    found = []
    for (model, apart), own in table.groupby(["model", "apart"], sort=False):
        judges = judges_of(study, str(model))
        values = [
            "weight",
            "length",
            "converged",
            *(f"{name}_{judge}" for name in ("rejected", "worst") for judge in judges),
        ]
        rows = own.set_index(["method", "seed", "pair"])[values].astype(float)
        line = pd.DataFrame(rows.loc[BASELINE])
        for candidate, along in {**study.curves(str(model)), "slerp": ["slerp"]}.items():
            for method in along:
                path = pd.DataFrame(rows.loc[method])
                less = path - line
                rejected, worst = (
                    less[[f"{quantity}_{judge}" for judge in judges]].mean(axis=1) for quantity in ("rejected", "worst")
                )
                found.append(
                    {
                        "model": model,
                        "apart": bool(apart),
                        "candidate": candidate,
                        "method": method,
                        "weight": path["weight"].iloc[0],
                        "relative_length": (path["length"] / line["length"]).median(),
                        "rejected": (rejected / line["length"]).mean(),
                        "worst": worst.median(),
                        "at_rest": path["converged"].mean(),
                    }
                )
    return pd.DataFrame(found)


def costs(table: pd.DataFrame, study: Study) -> pd.Series:
    """Time of a path with a candidate over that with the push-forward density on the same model: median over models.

    Args:
        table: of paths.
        study: the definitions.
    """
    import pandas as pd

    first = study.candidates[0].name
    ratios: dict[str, list[float]] = {each.name: [] for each in study.candidates}
    for model, own in table.groupby("model", sort=False):
        seconds = own.groupby("method")["seconds"].median()
        means = {
            each.name: seconds[each.methods(str(model))].mean() for each in study.candidates if model in each.weights
        }
        for name, mean in means.items():
            ratios[name].append(mean / means[first])
    return pd.Series({name: pd.Series(found, dtype=float).median() for name, found in ratios.items()})
