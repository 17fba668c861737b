"""How the verdicts depend on what somebody has to choose: weight, noise, latent size, activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from geodreg.paper.trial.definitions import Definitions, loss_name
from geodreg.paper.trial.plan import NOISE, VARIATIONS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATEMENTS", "WEIGHT", "acceptance_by_nll", "sensitivity", "unsolved"]

STATEMENTS = {
    "shortest": "Geod is the shortest",
    "densest": "GeodReg is the densest",
    "above Geod": "GeodReg: more accepted than Geod",
    "above StraightZ": "GeodReg: more accepted than StraightZ",
}
"""What is true of a pair or not, by the name it has in :func:`sensitivity`, in words."""

USUAL: dict[str, str | int] = {"latent_dim": 8, "activation": "SiLU"}  # of the MNIST VAE
WEIGHT = 0.1  # of the loss, where the weight is not what is changed


def sensitivity(definitions: Definitions, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """In which fraction of the pairs each statement holds of minimisers of the loss, for each value of each setting.

    Args:
        definitions: the claims and the variations.
        tables: by name.

    Returns:
        one row for each ``model``, ``parameter``, ``value`` and ``statement``: ``pairs``, ``converged`` (fraction of
        the regularised solves), and ``share``. For the weights the pairs of all trainings are taken, else those of
        one.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for model in dict.fromkeys(each.model for each in definitions.variations):
        for mu in definitions.settings.loss_weights[model]:
            rows += _rows(_part(tables["paths"], model), model, "mu", mu, mu)
    for each in definitions.variations:
        labels = dict(zip(each.values, each.labels, strict=True))
        if each.parameter in USUAL:
            labels[USUAL[each.parameter]] = f"{NOISE}{definitions.settings.noise[each.model]}"
        for value, label in labels.items():
            rows += _rows(_part(tables[VARIATIONS], each.model, label), each.model, each.parameter, value, WEIGHT)
    return pd.DataFrame(rows)


def unsolved(tables: Mapping[str, pd.DataFrame], model: str, noise: float) -> tuple[float, int]:
    """Which fraction of the regularised solves with a noise end without a minimum, and of how many.

    Args:
        tables: by name.
        model: its name.
        noise: one of the variations.
    """
    own = _part(tables[VARIATIONS], model, f"{NOISE}{noise}")
    converged = own[own["method"] == loss_name(WEIGHT)]["converged"].astype(float)
    return 1.0 - float(converged.mean()), len(converged)


def _part(table: pd.DataFrame, model: str, label: str | None = None) -> pd.DataFrame:
    return table[(table["model"] == model) & (True if label is None else table["seed"] == label)]


def _rows(table: pd.DataFrame, model: str, parameter: str, value: object, mu: float) -> list[dict[str, object]]:
    method = loss_name(mu)
    chosen = table[table["method"].isin(["straight", "geodesic", method])]
    wide = chosen.pivot_table(index=["seed", "pair"], columns="method", values=["length", "nll_mean", "accepted_judge"])
    length, nll, accepted = wide["length"], wide["nll_mean"], wide["accepted_judge"]
    truths = {
        "shortest": length["geodesic"] <= np.minimum(length["straight"], length[method]),
        "densest": nll[method] < np.minimum(nll["straight"], nll["geodesic"]),
        "above Geod": accepted[method] > accepted["geodesic"],
        "above StraightZ": accepted[method] > accepted["straight"],
    }
    converged = chosen[chosen["method"] == method]["converged"].astype(float).mean()
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
        return 1.0 - own["rejected_judge"].astype(float).groupby(group).mean()

    found = {keys: grouped(own) for keys, own in samples.groupby(["model", "seed"])}
    table = pd.concat(found, names=["model", "seed", "group"]).rename("accepted")
    return table.reset_index()
