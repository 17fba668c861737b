"""How the verdicts depend on what somebody has to choose: weight, noise, latent size, activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from geodreg.paper.verdict.definitions import Definitions
from geodreg.paper.verdict.plan import COMMITTED, VARIATIONS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATEMENTS", "acceptance_by_nll", "sensitivity"]

STATEMENTS = {
    "shortest": "Geod is the shortest",
    "densest": "GeodReg is the densest",
    "above Geod": "GeodReg: more accepted than Geod",
    "above StraightZ": "GeodReg: more accepted than StraightZ",
}
"""What is true of a pair or not, by the name it has in :func:`sensitivity`, in words."""

USUAL: dict[str, str | int] = {"latent_dim": 8, "activation": "SiLU"}  # of the MNIST VAE
WEIGHTS = "at_"  # before the weight in the name of a method of the table of weights


def sensitivity(definitions: Definitions, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """In which fraction of the pairs each statement holds, for each value of each setting.

    Args:
        definitions: the claims and the variations.
        tables: by name.

    Returns:
        one row for each ``model``, ``parameter``, ``value`` and ``statement``: ``pairs``, ``converged`` (fraction of
        the regularised solves), and ``share``. With the usual value, and for all weights, the pairs of all seeds are
        taken.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for model in dict.fromkeys(each.model for each in definitions.variations):
        weights = _part(tables["weights"], model)
        for mu in definitions.settings.weights:
            method = f"{WEIGHTS}{mu}".replace(".", "_")
            chosen = weights[weights["method"].isin(["straight", "geodesic", method])]
            rows += _rows(chosen.replace({"method": {method: "geodreg"}}), model, "mu", mu)
    for each in definitions.variations:
        usual = USUAL.get(each.parameter, definitions.settings.noise[each.model])
        mine = _part(tables["paths"], each.model, COMMITTED[each.model])
        rows += _rows(mine, each.model, each.parameter, usual)
        for value, label in zip(each.values, each.labels, strict=True):
            rows += _rows(_part(tables[VARIATIONS], each.model, label), each.model, each.parameter, value)
    return pd.DataFrame(rows)


def _part(table: pd.DataFrame, model: str, label: str | None = None) -> pd.DataFrame:
    return table[(table["model"] == model) & (True if label is None else table["seed"] == label)]


def _rows(table: pd.DataFrame, model: str, parameter: str, value: object) -> list[dict[str, object]]:
    wide = table.pivot_table(index=["seed", "pair"], columns="method", values=["length", "nll_mean", "accepted"])
    length, nll, accepted = wide["length"], wide["nll_mean"], wide["accepted"]
    truths = {
        "shortest": length["geodesic"] <= np.minimum(length["straight"], length["geodreg"]),
        "densest": nll["geodreg"] < np.minimum(nll["straight"], nll["geodesic"]),
        "above Geod": accepted["geodreg"] > accepted["geodesic"],
        "above StraightZ": accepted["geodreg"] > accepted["straight"],
    }
    converged = table[table["method"] == "geodreg"]["converged"].astype(float).mean()
    common = {"model": model, "parameter": parameter, "value": value, "pairs": len(wide), "converged": converged}
    return [{**common, "statement": name, "share": float(truth.mean())} for name, truth in truths.items()]


def acceptance_by_nll(samples: pd.DataFrame, n_groups: int = 10) -> pd.DataFrame:
    """Fraction of a generator's samples that the judge accepts, in groups of equal size by their NLL.

    Args:
        samples: the table of that name, of models that are judged.
        n_groups: number of groups, from the densest to the least dense.

    Returns:
        ``model``, ``seed``, ``group`` (from 1) and ``accepted``.
    """
    import pandas as pd

    def grouped(own: pd.DataFrame) -> pd.Series:
        group = pd.qcut(own["nll"], n_groups, labels=False) + 1
        return 1.0 - own["hole"].astype(float).groupby(group).mean()

    found = {keys: grouped(own) for keys, own in samples.groupby(["model", "seed"])}
    table = pd.concat(found, names=["model", "seed", "group"]).rename("accepted")
    return table.reset_index()
