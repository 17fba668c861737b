"""How the weight of the density is chosen: by a rule, on pairs that no figure shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import Settings, interpolate
from geodreg.interpolation.paths import Paths
from geodreg.paper.comparison import summarise
from geodreg.paper.wording import percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PAPER_WEIGHTS", "choose_weight", "compare_weights", "rule_is_met", "told_choice"]

PAPER_WEIGHTS = (0.003, 0.01, 0.03, 0.1)
"""The numbers of the paper's range, in steps of about a factor of three; there in Algorithm 1, here in the loss."""


def compare_weights(
    manifold: LatentManifold,
    start: Tensor,
    end: Tensor,
    weights: Sequence[float] = PAPER_WEIGHTS,
    *,
    geodesic: Paths | None = None,
    along: int = 200,
    until: float | None = None,
    **settings: Unpack[Settings],
) -> pd.DataFrame:
    """Regularised paths with several weights against the straight line in latent space, a row for each weight.

    Columns: ``mu``; ``denser``, the fraction of pairs that converged to a mean NLL below the straight line's; ``gain``,
    the median of that difference in nats; ``longer``, the median of the length over the plain geodesic's, minus one;
    ``converged``, a fraction.

    Args:
        manifold: the model.
        start: latents ``(P, d)``.
        end: latents ``(P, d)``.
        weights: in increasing order; each solve starts from the path before, the first one from the geodesic.
        geodesic: the plain geodesics, if they are known already.
        along: points of each path, evenly spaced by arc length, at which its density is measured.
        until: fraction of denser pairs at which no larger weight is tried; default all are.
        settings: as for :func:`~geodreg.interpolate`.
    """
    import pandas as pd

    straight = interpolate(manifold, start, end, "straight", **settings)
    if geodesic is None:
        geodesic = interpolate(manifold, start, end, "geodesic", **settings)
    known = summarise({"geodesic": geodesic, "straight": straight}, along).set_index(["method", "pair"])
    path, rows = geodesic, []
    for mu in weights:
        step: Settings = {**settings, "mu": mu, "init": path.z}
        path = interpolate(manifold, start, end, "geodreg", **step, geodesic=geodesic)
        table = summarise({"geodreg": path}, along).set_index("pair")
        gain = known["nll_mean"]["straight"] - table["nll_mean"]
        longer = table["length"] / known["length"]["geodesic"] - 1
        denser = ((gain > 0) & table["converged"]).mean()
        rows.append((mu, denser, gain.median(), longer.median(), table["converged"].mean()))
        if until is not None and denser >= until:
            break
    return pd.DataFrame(rows, columns=["mu", "denser", "gain", "longer", "converged"])


def choose_weight(table: pd.DataFrame, share: float = 0.9) -> float:
    """The smallest weight at which enough paths are denser than the straight line; if there is none, the largest.

    Args:
        table: from :func:`compare_weights`.
        share: fraction of the pairs that must be denser than the straight line.
    """
    enough = table.loc[table["denser"] >= share, "mu"]
    return float(enough.min() if len(enough) else table["mu"].max())


def rule_is_met(table: pd.DataFrame, share: float = 0.9) -> bool:
    """Whether any weight of a table suffices, so that :func:`choose_weight` has not merely taken the largest.

    Args:
        table: from :func:`compare_weights`.
        share: fraction of the pairs that must be denser than the straight line.
    """
    return bool((table["denser"] >= share).any())


def told_choice(tables: Mapping[str, pd.DataFrame], share: float) -> str:
    """Sentences that say where the rule is met, and where the largest weight was taken because none suffices.

    Args:
        tables: from :func:`compare_weights`, by the name of the model.
        share: fraction of the pairs that must be denser than the straight line.
    """
    met = {name: choose_weight(table, share) for name, table in tables.items() if rule_is_met(table, share)}
    others = {name: table for name, table in tables.items() if name not in met}
    said = []
    if met:
        said.append("The rule is met on " + ", ".join(f"the {name} at {mu:g}" for name, mu in met.items()) + ".")
    if others:
        most = ", and on ".join(
            f"the {name}, where at most {percent(table['denser'].max())} of the pairs converge to a denser path"
            for name, table in others.items()
        )
        largest = max(float(table["mu"].max()) for table in others.values())
        said.append(
            f"It is **not met** on {most}: there we take {largest:g}, only because it is the largest weight tried."
        )
    return " ".join(said)
