"""Methods compared at equal length, or at equal density, by interpolating along their curves over the weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from geodreg.paper.trial.definitions import Settings, loss_name, printed_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["curves", "equal"]

BASELINE = "straight"


def curves(settings: Settings, model: str) -> dict[str, list[str]]:
    """The methods of the table of paths along each curve over the weight, from no weight to the largest.

    Args:
        settings: of the trial.
        model: its name.

    Returns:
        names of methods by that of the curve: ``loss``, ``printed_b300_g1`` and the like.
    """
    printed = settings.printed
    found = {"loss": ["geodesic", *map(loss_name, settings.loss_weights[model])]}
    first = printed.grey_ranges[model][0]
    for budget in printed.budgets[model]:
        for grey in printed.grey_ranges[model]:
            along = [printed_name(mu, budget, grey) for mu in printed.weights[model]]
            found[f"printed_b{budget}_g{grey}"] = [printed_name(0.0, budget, first), *along]
    return found


def equal(
    table: pd.DataFrame, curves_of: Callable[[str], Mapping[str, Sequence[str]]], quantity: str, times: float = 1.0
) -> pd.DataFrame:
    """Every measure of each pair where a curve over the weight first has the straight line's value of a quantity.

    Args:
        table: of paths, of one or more models and seeds.
        curves_of: the methods along each curve of a model, by the name of the curve, from no weight to the largest.
        quantity: ``"length"``, which grows along a curve, or ``"nll_mean"``, which falls.
        times: the straight line's value, at which is compared.

    Returns:
        a row for each model, seed, pair and curve, and for the straight line itself; the columns are those of the
        table. A curve that does not reach the value is taken at its end, ``reached`` says which.
    """
    import pandas as pd

    values = [name for name in table.select_dtypes("number").columns if name != "pair"]
    place = values.index(quantity)
    found = []
    for (model, seed, pair), own in table.groupby(["model", "seed", "pair"], sort=False):
        rows = dict(zip(own["method"], own[values].to_numpy(float), strict=True))
        target = times * rows[BASELINE][place]
        keys = {"model": model, "seed": seed, "pair": pair}
        found.append({**keys, "method": BASELINE, "reached": True, **dict(zip(values, rows[BASELINE], strict=True))})
        for name, along in curves_of(str(model)).items():
            curve = np.stack([rows[method] for method in along])
            cut, reached = _cut(curve[:, place], target)
            at = _at(curve, cut)
            found.append({**keys, "method": name, "reached": reached, **dict(zip(values, at, strict=True))})
    return pd.DataFrame(found)


def _cut(values: np.ndarray, target: float) -> tuple[float, bool]:
    """Position on a curve, in steps from its first value, where it first crosses a target; otherwise its last one.

    Example:
        >>> _cut(np.array([1.0, 3.0, 5.0]), 4.0), _cut(np.array([1.0, 3.0]), 9.0)
        ((1.5, True), (1.0, False))
    """
    signs = np.sign(values - target)
    for step in range(len(values) - 1):
        if signs[step] == 0.0:
            return float(step), True
        if signs[step] != signs[step + 1]:
            return step + float((target - values[step]) / (values[step + 1] - values[step])), True
    return float(len(values) - 1), bool(signs[-1] == 0.0)


def _at(curve: np.ndarray, cut: float) -> np.ndarray:
    """All columns at a position between two rows, linearly: ``(n, m)`` to ``(m,)``."""
    low = min(int(cut), len(curve) - 1)
    high = min(low + 1, len(curve) - 1)
    return (1.0 - (cut - low)) * curve[low] + (cut - low) * curve[high]
