"""How the weight of the density is chosen: by a rule, on pairs that no figure shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import Settings, interpolate
from geodreg.paper.comparison import summarise

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PAPER_WEIGHTS", "choose_weight", "compare_weights"]

PAPER_WEIGHTS = (0.003, 0.01, 0.03, 0.1)
"""The numbers of the paper's range, in steps of about a factor of three; there in Algorithm 1, here in the loss."""


def compare_weights(
    manifold: LatentManifold,
    start: Tensor,
    end: Tensor,
    weights: Sequence[float] = PAPER_WEIGHTS,
    **settings: Unpack[Settings],
) -> pd.DataFrame:
    """Regularised paths with several weights against the straight line in latent space, a row for each weight.

    Columns: ``mu``; ``denser``, the share of pairs that converged to a mean NLL below the straight line's; ``gain``,
    the median of that difference in nats; ``longer``, the median of the length over the plain geodesic's, minus one;
    ``converged``, a share.

    Args:
        manifold: the model.
        start: latents ``(P, d)``.
        end: latents ``(P, d)``.
        weights: in increasing order; each solve starts from the path before, the first one from the geodesic.
        settings: as for :func:`~geodreg.interpolate`.
    """
    import pandas as pd

    straight = interpolate(manifold, start, end, "straight", **settings)
    geodesic = interpolate(manifold, start, end, "geodesic", **settings)
    path, rows = geodesic, []
    for mu in weights:
        step: Settings = {**settings, "mu": mu, "init": path.z}
        path = interpolate(manifold, start, end, "geodreg", **step, geodesic=geodesic)
        table = summarise({"geodreg": path, "geodesic": geodesic, "straight": straight}).set_index(["method", "pair"])
        nll, length = table["nll_mean"], table["length"]
        gain = nll["straight"] - nll["geodreg"]
        longer = length["geodreg"] / length["geodesic"] - 1
        converged = table["converged"]["geodreg"]
        rows.append((mu, ((gain > 0) & converged).mean(), gain.median(), longer.median(), converged.mean()))
    return pd.DataFrame(rows, columns=["mu", "denser", "gain", "longer", "converged"])


def choose_weight(table: pd.DataFrame, share: float = 0.9) -> float:
    """The smallest weight at which that share of paths is denser than the straight line; if there is none, the largest.

    Args:
        table: from :func:`compare_weights`.
        share: of the pairs.
    """
    enough = table.loc[table["denser"] >= share, "mu"]
    return float(enough.min() if len(enough) else table["mu"].max())
