"""The table of paths: baselines, minimisers of the loss and paths of Algorithm 1, each measured and judged alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.paths import Paths
from geodreg.models.zoo import load_judges
from geodreg.paper.as_printed import AsPrinted, at_budgets
from geodreg.paper.metrics import excess_length
from geodreg.paper.printed_algorithm import largest_angle
from geodreg.paper.trial.definitions import loss_name, printed_name
from geodreg.paper.trial.subject import DIGITS, RING, Subject

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["all_paths", "judged", "minimisers", "paths_table", "tabulated", "verdict_along"]


def paths_table(subject: Subject) -> pd.DataFrame:
    """All paths of a model's pairs: a row for each pair and method.

    Columns: ``method``, ``pair``, ``apart`` (of two classes), ``mu``, ``length``, ``chord_length``, ``excess``,
    ``nll_mean`` (over arc length), ``nll_points`` (over the solver's points), ``nll_max``, ``gap``, ``angle`` (largest
    between chords, degrees), ``converged``, ``iterations``; on the ring ``radius`` and ``radius_points`` (smallest,
    along the path and at the points); on digits, for each judge, ``accepted_`` (fraction of the arc length),
    ``rejected_`` (length) and ``worst_`` (largest doubt).
    """
    start, end, apart = subject.endpoints()
    return tabulated(subject, apart, all_paths(subject, start, end))


def tabulated(subject: Subject, apart: Tensor, paths: Iterable[tuple[str, Paths]]) -> pd.DataFrame:
    """The table of :func:`paths_table` of some methods.

    Args:
        subject: the model.
        apart: whether a pair is of two classes, ``(P,)``.
        paths: of each method, by name.
    """
    import pandas as pd

    tables = []
    for method, path in paths:
        profile = path.resample(subject.settings.along)
        columns = {
            "apart": apart,
            "mu": torch.full((len(apart),), path.mu, dtype=torch.float64),
            "length": path.length,
            "chord_length": path.chord_length,
            "excess": excess_length(profile),
            "nll_mean": profile.nll.mean(-1),
            "nll_points": path.nll.mean(-1),
            "nll_max": profile.nll.amax(-1),
            "gap": path.gap,
            "angle": largest_angle(path.x.flatten(2)),
            "converged": path.converged,
            "iterations": path.iterations,
        }
        if subject.name == RING:
            columns["radius"] = profile.x.norm(dim=-1).amin(-1)
            columns["radius_points"] = path.x.norm(dim=-1).amin(-1)
        if subject.name in DIGITS:
            columns |= judged(subject.settings.judges, profile.x, path.length)
        table = pd.DataFrame({name: values.cpu().numpy() for name, values in columns.items()})
        table.insert(0, "pair", range(len(table)))
        table.insert(0, "method", method)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def judged(judges: Mapping[str, str], images: Tensor, length: Tensor) -> dict[str, Tensor]:
    """What each judge makes of images at equal distances along paths: columns of the table.

    Args:
        judges: their models by the names that columns have.
        images: ``(P, n, 28, 28)``.
        length: of the paths, ``(P,)``.
    """
    found: dict[str, Tensor] = {}
    loaded = load_judges()
    for name, model in judges.items():
        found |= verdict_along(name, loaded[model].doubt(images).double(), length)
    return found


def verdict_along(judge: str, doubt: Tensor, length: Tensor) -> dict[str, Tensor]:
    """Columns of one judge: fraction accepted, length that is rejected, and the largest doubt, ``(P,)`` each.

    Args:
        judge: its name.
        doubt: at equal distances along paths, ``(P, n)``; accepted is what is below zero.
        length: of the paths, ``(P,)``.
    """
    accepted = (doubt < 0.0).double().mean(-1)
    return {
        f"accepted_{judge}": accepted,
        f"rejected_{judge}": (1.0 - accepted) * length,
        f"worst_{judge}": doubt.amax(-1),
    }


def all_paths(subject: Subject, start: Tensor, end: Tensor) -> Iterator[tuple[str, Paths]]:
    """Paths ``(P,)`` between endpoints ``(P, d)``, method after method, by the names that they have in the table."""
    yield from minimisers(subject, start, end)
    settings = subject.settings
    printed = settings.printed
    budgets = printed.budgets[subject.name]
    for mu in (0.0, *printed.weights[subject.name]):
        for grey in printed.grey_ranges[subject.name]:
            if mu == 0.0 and grey != printed.grey_ranges[subject.name][0]:  # without weight it is the same iteration
                continue
            setting = AsPrinted(mu=mu, step_share=printed.step_share, grey_range=grey)
            found = at_budgets(subject.manifold, start, end, setting, budgets, settings.n_points)
            for budget, each in found.items():
                yield printed_name(mu, budget, grey), each


def minimisers(subject: Subject, start: Tensor, end: Tensor) -> Iterator[tuple[str, Paths]]:
    """Of those the baselines, the geodesic and the minimisers of the loss."""
    manifold, settings, n_points = subject.manifold, subject.settings, subject.settings.n_points
    for baseline in ("straight", "slerp"):
        yield baseline, interpolate(manifold, start, end, baseline, n_points=n_points)
    geodesic = path = interpolate(manifold, start, end, "geodesic", n_points=n_points)
    yield "geodesic", geodesic
    for mu in settings.loss_weights[subject.name]:  # each weight from the path of the one before, as on the pages
        init = "graph" if subject.name == RING else path.z
        path = interpolate(manifold, start, end, mu=mu, n_points=n_points, init=init, geodesic=geodesic)
        yield loss_name(mu), path
