"""What each candidate buys over its weight, and what it costs in length and in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geodreg.paper.which_density.definitions import BASELINE, Study
from geodreg.paper.which_density.outcomes import judges_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["costs", "price_curves"]

REFERENCE = "push-forward"  # whose time is one


def price_curves(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """A row for each model, candidate and weight, and for slerp.

    Columns: ``model``, ``apart`` (pairs of two classes or of one), ``candidate``, ``method``, ``weight``,
    ``relative_length`` (over the straight line's, median over pairs of all seeds), ``rejected`` (length that is
    rejected, mean over judges, less the straight line's, over its length, mean over pairs), ``worst`` (the first
    judge's doubt of the worst point, less the straight line's, median over pairs).

    Args:
        table: of paths.
        study: the definitions.
    """
    import pandas as pd

    found = []
    for (model, apart), own in table.groupby(["model", "apart"], sort=False):
        judges = judges_of(study, str(model))
        rejected = [f"rejected_{judge}" for judge in judges]
        rows = own.set_index(["method", "seed", "pair"])
        line = pd.DataFrame(rows.loc[BASELINE])
        for candidate, along in {**study.curves(str(model)), "slerp": ["slerp"]}.items():
            for method in along:
                path = pd.DataFrame(rows.loc[method])
                found.append(
                    {
                        "model": model,
                        "apart": bool(apart),
                        "candidate": candidate,
                        "method": method,
                        "weight": path["weight"].iloc[0],
                        "relative_length": (path["length"] / line["length"]).median(),
                        "rejected": ((path[rejected] - line[rejected]).mean(axis=1) / line["length"]).mean(),
                        "worst": (path[f"worst_{judges[0]}"] - line[f"worst_{judges[0]}"]).median(),
                    }
                )
    return pd.DataFrame(found)


def costs(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What a solve with each candidate takes, and how many come to rest; a row for each, by its name.

    Columns: ``time`` (of one solve, from the path of the weight before, over that with the push-forward density beside
    the energy of data space: a mean over weights of the median over pairs, then the median over models), ``at_rest``
    (fraction of all paths).

    Args:
        table: of paths.
        study: the definitions.
    """
    import pandas as pd

    ratios: dict[str, list[float]] = {each.name: [] for each in study.candidates}
    at_rest: dict[str, list[float]] = {each.name: [] for each in study.candidates}
    for model, own in table.groupby("model", sort=False):
        by_method = own.groupby("method")[["seconds", "converged"]].agg({"seconds": "median", "converged": "mean"})
        of_model = {
            each.name: by_method.loc[each.methods(str(model))].astype(float).mean()
            for each in study.candidates
            if model in each.weights
        }
        for name, means in of_model.items():
            ratios[name].append(means["seconds"] / of_model[REFERENCE]["seconds"])
            at_rest[name].append(means["converged"])
    return pd.DataFrame(
        {
            "time": {name: pd.Series(found, dtype=float).median() for name, found in ratios.items()},
            "at_rest": {name: pd.Series(found, dtype=float).mean() for name, found in at_rest.items()},
        }
    )
