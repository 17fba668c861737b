"""A part of the tables measured anew, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from geodreg.models.zoo import load_model
from geodreg.paper.verdict.definitions import ClaimsError, Definitions
from geodreg.paper.verdict.measures import Subject, measure
from geodreg.paper.verdict.plan import COMMITTED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_live", "measured_again"]

TABLE = "paths"
KEYS = ["model", "seed", "pair", "method"]
TOLERANCES = {  # relative and absolute: a solve may end in another minimum on another machine, but most must not
    "length": (0.01, 0.0),
    "nll_mean": (0.0, 0.1),
    "nll_max": (0.0, 0.5),
    "accepted": (0.0, 0.05),
    "nearest": (0.01, 0.0),
    "nearest_features": (0.01, 0.0),
}
ENOUGH = 0.8  # of the rows must agree in each column


def measured_again(definitions: Definitions, model: str, n_pairs: int) -> pd.DataFrame:
    """The first pairs of a committed model, measured now.

    Args:
        definitions: the claims.
        model: one of the models in ``data/models``.
        n_pairs: number of pairs.
    """
    size, label = definitions.sizes[model], COMMITTED[model]
    subject = Subject(model, load_model(model), label, min(n_pairs, size.pairs), size.samples, definitions.settings)
    return measure(TABLE, subject)


def check_live(found: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How well rows that were measured anew agree with the table, column by column.

    Args:
        found: from :func:`measured_again`.
        tables: by name.

    Returns:
        one row a column: ``quantity``, ``rows``, ``largest`` difference, ``agree`` (share within the tolerance).

    Raises:
        ClaimsError: if fewer than four in five rows agree in a column.
    """
    import pandas as pd

    both = found.merge(tables[TABLE], on=KEYS, suffixes=("_now", "_table"), validate="one_to_one")
    if len(both) < len(found):
        raise ClaimsError(
            f"{len(found) - len(both)} rows are not in the table {TABLE}; make it again with `make claims`."
        )
    rows = []
    for column, (relative, absolute) in TOLERANCES.items():
        if f"{column}_now" not in both or both[f"{column}_table"].isna().any():
            continue
        now, then = both[f"{column}_now"], both[f"{column}_table"]
        agree = float(np.isclose(now, then, rtol=relative, atol=absolute).mean())
        rows.append((column, len(both), float((now - then).abs().max()), agree))
        if agree < ENOUGH:
            raise ClaimsError(
                f"Only {agree:.0%} of {len(both)} values of {column} measured now agree with the table {TABLE}; "
                "the module, the weights or the table have changed: make it again with `make claims`."
            )
    return pd.DataFrame(rows, columns=["quantity", "rows", "largest", "agree"])
