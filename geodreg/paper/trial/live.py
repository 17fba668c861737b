"""A part of the table of paths measured again, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geodreg.interpolation.paths import Paths
from geodreg.paper.labels import label_of
from geodreg.paper.shelf import ShelfError
from geodreg.paper.trial.definitions import TRIAL, Definitions, Settings
from geodreg.paper.trial.kept import load_kept
from geodreg.paper.trial.paths_table import all_paths, tabulated
from geodreg.paper.trial.subject import Subject
from geodreg.paper.wording import percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["agreement_shown", "check_live", "live_subject", "measured_again"]

KEYS = ["model", "seed", "pair", "method"]
WEIGHT = 0.1  # of both methods; the loss's smaller ones come before it
TOLERANCES = {  # relative and absolute: a solve may end in another minimum on another machine, but most must not
    "length": (0.01, 0.0),
    "nll_mean": (0.0, 0.1),
    "nll_max": (0.0, 0.5),
    "accepted_judge": (0.0, 0.05),
    "accepted_sharp": (0.0, 0.05),
    "accepted_neighbours": (0.0, 0.05),
}
ENOUGH = 0.8  # of the rows must agree in each column


def live_subject(definitions: Definitions, model: str, n_pairs: int) -> Subject:
    """The first kept training of a model, its first pairs, and the cheapest of the methods.

    Args:
        definitions: the claims.
        model: its name.
        n_pairs: number of pairs.

    Raises:
        geodreg.models.ModelError: if its weights are missing or damaged.
    """
    size = definitions.sizes[model]
    label = size.labels[0]
    pairs = min(n_pairs, size.pairs)
    return Subject(model, load_kept(model, label), label, pairs, size.samples, _fewer(definitions.settings, model))


def _fewer(settings: Settings, model: str) -> Settings:
    printed = settings.printed
    fewer = printed.model_copy(
        update={
            "weights": {model: (WEIGHT,)},
            "budgets": {model: printed.budgets[model][:1]},
            "grey_ranges": {model: printed.grey_ranges[model][:1]},
        }
    )
    up_to = tuple(mu for mu in settings.loss_weights[model] if mu <= WEIGHT)
    return settings.model_copy(update={"printed": fewer, "loss_weights": {model: up_to}})


def measured_again(subject: Subject) -> tuple[pd.DataFrame, dict[str, Paths]]:
    """Rows of the table of paths, and the paths themselves by method.

    Args:
        subject: from :func:`live_subject`.
    """
    start, end, apart = subject.endpoints()
    paths = dict(all_paths(subject, start, end))
    rows = tabulated(subject, apart, paths.items())
    rows.insert(0, "seed", subject.label)
    rows.insert(0, "model", subject.name)
    return rows, paths


def check_live(found: pd.DataFrame, table: pd.DataFrame, command: str = TRIAL.command) -> pd.DataFrame:
    """How well rows that were measured again agree with the table, column by column.

    Args:
        found: from :func:`measured_again`.
        table: of paths.
        command: that makes the table.

    Returns:
        one row a column: ``quantity``, ``rows``, ``largest`` difference, ``agree`` (fraction within the tolerance).

    Raises:
        ShelfError: if fewer than four in five rows agree in a column.
    """
    import pandas as pd

    both = found.merge(table, on=KEYS, suffixes=("_now", "_table"), validate="one_to_one")
    if len(both) < len(found):
        raise ShelfError(
            f"{len(found) - len(both)} rows are not in the table of paths; make it again with `{command}`."
        )
    rows = []
    for column, (relative, absolute) in TOLERANCES.items():
        if f"{column}_now" not in both or both[f"{column}_table"].isna().any():
            continue
        now, then = both[f"{column}_now"], both[f"{column}_table"]
        agree = float(np.isclose(now, then, rtol=relative, atol=absolute).mean())
        rows.append((column, len(both), float((now - then).abs().max()), agree))
        if agree < ENOUGH:
            raise ShelfError(
                f"Only {percent(agree)} of {len(both)} values of {column} measured now agree with the table of paths; "
                f"the module, the weights or the table have changed: make it again with `{command}`."
            )
    return pd.DataFrame(rows, columns=["quantity", "rows", "largest", "agree"])


def agreement_shown(found: pd.DataFrame) -> pd.DataFrame:
    """What :func:`check_live` returns, as a page shows it."""
    shown = found.assign(quantity=found["quantity"].map(label_of), agree=found["agree"].map(percent))
    names = {"quantity": "Quantity", "rows": "Pairs and methods", "largest": "Largest difference", "agree": "Agree"}
    return shown.rename(columns=names)
