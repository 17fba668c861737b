"""What a path costs beside what it gains: length, the part of it that is rejected, and a curve that may be broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from geodreg.interpolation.paths import Paths
from geodreg.paper.comparison import medians
from geodreg.paper.labels import LABELS
from geodreg.paper.printed_algorithm import largest_angle

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cost_table", "with_costs"]

COLUMNS = ("length", "rejected", "gap", "angle", "nll_points", "nll_mean")


def with_costs(table: pd.DataFrame, paths: Mapping[str, Paths]) -> pd.DataFrame:
    """A summary with what a path costs.

    The columns added are ``nll_points``, the mean NLL in nats at the solver's points, as the paper may have read it,
    beside ``nll_mean`` along the path; ``angle``, the largest between neighbouring chords in data space, in degrees;
    and where a judge has looked on, ``rejected``, the length in data units whose images it rejects,
    ``(1 - accepted) * length``. A path that dwells where images are good has more of them accepted, and no less length
    rejected.

    Args:
        table: from :func:`~geodreg.paper.comparison.summarise`, with the fraction ``accepted`` if there is a judge.
        paths: the paths that were summarised.
    """
    import numpy as np

    found = table.copy()
    flat = [path.with_flat_latents().flatten() for path in paths.values()]
    found["nll_points"] = np.concatenate([path.nll.mean(-1).cpu().numpy() for path in flat])
    found["angle"] = np.concatenate([largest_angle(path.measured).cpu().numpy() for path in flat])
    if "accepted" in found:
        found["rejected"] = (1.0 - found["accepted"]) * found["length"]
    return found


def cost_table(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over pairs of what paths cost, a row for each method, for reading.

    Args:
        table: from :func:`with_costs`.
    """
    columns = {name: LABELS[name] for name in COLUMNS if name in table}
    columns["nll_mean"] = "mean NLL along the path (nats)"
    rounded = table.assign(angle=table["angle"].round(1))  # a tenth of a degree is nothing
    return medians(rounded, columns).rename(columns={"converged": LABELS["at_rest"]})
