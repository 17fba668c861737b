"""What each method buys and what it costs, over its weight: realism, density and length against the straight line's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geodreg.models.zoo import TITLES
from geodreg.paper.trial.definitions import Settings
from geodreg.paper.trial.equal import curves
from geodreg.paper.wording import percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WEIGHT", "at_largest_weight", "price_list", "price_sentence"]

BASELINE = "straight"
WEIGHT = 0.1  # the largest of the paper's range


def price_list(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """A row for each model, curve and weight: the mean over seeds of the median over pairs.

    Of lengths that are rejected and of fractions it is the mean over pairs, whose median may be nothing.

    Columns: ``model``, ``curve`` (``loss``, ``printed_b300_g1`` and so on; ``slerp``), ``method``, ``mu``, ``apart``
    (pairs of two classes or of one), ``relative_length``, ``density`` (mean NLL below the straight line's, nats),
    ``rejected_`` and ``worst_`` of each judge (less the straight line's), ``gap``, ``angle``, ``at_rest`` (fraction),
    ``flattery`` (mean NLL at the solver's points below that along the path, nats).

    Args:
        table: of paths.
        settings: of the trial.
    """
    import pandas as pd

    judged = [name for name in table.columns if name.startswith(("rejected_", "worst_"))]
    rejected = [name for name in judged if name.startswith("rejected_")]
    found = []
    for (model, apart), own in table.groupby(["model", "apart"], sort=False):
        per_seed = own.groupby(["method", "seed", "pair"])[
            ["mu", "length", "nll_mean", "nll_points", "gap", "angle", "converged", *judged]
        ].first()
        per_seed = per_seed.astype(float)
        line = per_seed.loc[BASELINE]
        for curve, along in {**curves(settings, str(model)), "slerp": ["slerp"]}.items():
            for method in along:
                rows = per_seed.loc[method]
                numbers = pd.DataFrame(
                    {
                        "mu": rows["mu"],
                        "relative_length": rows["length"] / line["length"],
                        "density": line["nll_mean"] - rows["nll_mean"],
                        **{name: rows[name] - line[name] for name in judged},
                        "gap": rows["gap"],
                        "angle": rows["angle"],
                        "at_rest": rows["converged"],
                        "flattery": rows["nll_mean"] - rows["nll_points"],
                    }
                )
                by_seed = numbers.groupby("seed")
                values = by_seed.median().assign(**by_seed[["at_rest", *rejected]].mean()).mean()
                found.append({"model": model, "apart": bool(apart), "curve": curve, "method": method, **values})
    return pd.DataFrame(found)


def at_largest_weight(prices: pd.DataFrame, settings: Settings, model: str) -> tuple[pd.Series, pd.Series, pd.Series]:
    """What the loss's minimiser buys and costs at the paper's largest weight, and Algorithm 1 at least and at most.

    Args:
        prices: from :func:`price_list`.
        settings: of the trial.
        model: its name.

    Returns:
        columns of the price list, means over pairs of one class and of two, with the mean of the judges as
        ``rejected``; least and most are over what the paper does not say.
    """
    own = prices[(prices["model"] == model) & np.isclose(prices["mu"], WEIGHT)]
    by_method = own.groupby(["curve", "method"])
    each = by_method[["density", "relative_length", "gap", "angle", "at_rest"]].mean()
    each["rejected"] = by_method[[f"rejected_{judge}" for judge in settings.judges]].mean().mean(axis=1)
    printed = each[each.index.get_level_values("curve").str.startswith("printed")]
    return each.loc["loss"].iloc[0], printed.min(), printed.max()


def price_sentence(prices: pd.DataFrame, settings: Settings, model: str) -> str:
    """What both methods buy and cost on a model at the largest of the paper's weights, over what is not told.

    Args:
        prices: from :func:`price_list`.
        settings: of the trial.
        model: its name.
    """
    loss, low, high = at_largest_weight(prices, settings, model)

    def between(name: str, form: str) -> str:
        return f"{low[name]:{form}} to {high[name]:{form}}"

    rejected = "more" if low["rejected"] > 0 else "less" if high["rejected"] < 0 else "about as much"
    at_rest = "none" if high["at_rest"] == 0.0 else f"{percent(low['at_rest'])} to {percent(high['at_rest'])}"
    return (
        f"On the {TITLES[model]}, at weight {WEIGHT:g} and against the straight line in latent space: the loss's "
        f"minimiser is {loss['relative_length']:.2g} times as long and {loss['density']:.1f} nats denser (medians "
        f"over pairs); the length of it that the judges reject changes by {round(loss['rejected'], 1) + 0.0:+.1f} grey "
        "values (mean of the three). "
        f"Algorithm 1's path is {between('relative_length', '.2g')} times as long and {between('density', '.1f')} nats "
        f"denser; {rejected} of it is rejected ({between('rejected', '+.1f')} grey values), neighbouring chords meet "
        f"at up to {between('angle', '.0f')} degrees, where 180 would be a reversal, and {at_rest} of the paths came "
        "to rest. The ranges are over numbers of iterations and scales of the grey values, which the paper leaves open."
    )
