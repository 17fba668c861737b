"""The table of paths of the comparison: a row for each candidate, weight and pair, all measured and judged alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from geodreg.interpolation.paths import Paths, eighths, sampled
from geodreg.paper.trial.paths_table import judged, verdict_along
from geodreg.paper.trial.subject import RING
from geodreg.paper.which_density.candidates import Contest
from geodreg.paper.which_density.definitions import Candidate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OF_THE_RING", "measured", "tabulated_paths"]

OF_THE_RING = "ring"
"""The ring's judge: a point is accepted that is within half the radius of the circle."""
WIDTH = 0.5


def measured(contest: Contest, label: str, candidate: Candidate | None) -> pd.DataFrame:
    """The rows of a candidate on a model, or of the baselines; see :func:`tabulated_paths`.

    Args:
        contest: the model and its pairs.
        label: its training seed.
        candidate: one of the study's, or None for the baselines.
    """
    if candidate is None:
        paths: Iterable[tuple[str, float, Paths]] = ((name, 0.0, path) for name, path in contest.baselines())
    else:
        paths = contest.paths(candidate)
    rows = tabulated_paths(contest, paths)
    rows.insert(0, "seed", label)
    rows.insert(0, "model", contest.model.name)
    return rows


def tabulated_paths(contest: Contest, paths: Iterable[tuple[str, float, Paths]]) -> pd.DataFrame:
    """Paths measured in data space, whatever metric or density they follow.

    Columns: ``method``, ``pair``, ``apart`` (of two classes), ``weight``, ``length``, ``nll_mean`` (of the paper's
    density, over arc length), ``converged``, ``evaluations``, ``seconds`` (of the batch over its pairs), and for each
    judge ``accepted_``, ``rejected_`` and ``worst_`` as in the trial's table of paths.

    Args:
        contest: the model and its pairs.
        paths: name, weight and paths ``(P,)`` of each method.
    """
    import pandas as pd

    manifold, study, (_, _, apart) = contest.manifold, contest.study, contest.endpoints
    tables = []
    for method, weight, path in paths:
        with torch.no_grad():
            norms = eighths(manifold, path.z)
            length, profile = norms.sum(-1), sampled(manifold, path.z, study.along, norms=norms)
        columns = {
            "apart": apart,
            "length": length,
            "nll_mean": profile.nll.mean(-1),
            "converged": path.converged,
            "evaluations": path.evaluations,
        }
        if contest.model.name == RING:
            columns |= verdict_along(OF_THE_RING, (profile.x.norm(dim=-1) - 1.0).abs() - WIDTH, length)
        else:
            columns |= judged(study.judges, profile.x, length)
        table = pd.DataFrame({name: values.cpu().numpy() for name, values in columns.items()})
        table.insert(2, "seconds", path.seconds / len(apart))
        table.insert(1, "weight", weight)
        table.insert(0, "pair", range(len(table)))
        table.insert(0, "method", method)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
