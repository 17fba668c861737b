"""Four pairs of faces by four methods, and the rules by which the density's noise and weight are decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geodreg.geometry.curve import along, chord_norms, equal_length_positions, refine
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import Settings, interpolate
from geodreg.interpolation.paths import SUB_POINTS, Paths
from geodreg.paper.comparison import summarise
from geodreg.paper.weight import compare_weights
from geodreg.solvers import Newton

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GREY_LEVEL", "METHODS", "STUDY", "Study", "frames"]

METHODS = ("straight", "slerp", "geodesic", "geodreg")
GREY_LEVEL = 2 / 255  # of a picture of 8 bits, whose values here run from -1 to 1


@dataclass(frozen=True)
class Study:
    """What is solved, between samples of the prior.

    Attributes:
        seed: of the pairs that are shown.
        n_pairs: how many of them.
        rule_seed: of the pairs that noise and weight are decided on, which no figure shows.
        n_rule: how many of those.
        n_points: of a path.
        along: points of each path, evenly spaced, that its mean density is measured at.
        share: of the rule's pairs that must be denser than the straight line.
        tolerance: of the geodesics.
        density_tolerance: of the paths with the density,
        max_iterations: and the limit of their iterations, each of which takes a Jacobian at every point.
    """

    seed: int = 0
    n_pairs: int = 4
    rule_seed: int = 1000
    n_rule: int = 2
    n_points: int = 12
    along: int = 24
    share: float = 0.9
    tolerance: float = 1e-6
    density_tolerance: float = 0.1
    max_iterations: int = 15

    @property
    def regularised(self) -> Newton:
        """Solver of the paths with the density."""
        return Newton(tolerance=self.density_tolerance, max_iterations=self.max_iterations)

    def pairs(self, latent_dim: int) -> tuple[Tensor, Tensor]:
        """Start and end of the pairs that are shown, ``(n_pairs, d)`` each."""
        return _ends(self.n_pairs, latent_dim, self.seed)

    def rule_pairs(self, latent_dim: int) -> tuple[Tensor, Tensor]:
        """Start and end of the pairs of the rules, ``(n_rule, d)`` each."""
        return _ends(self.n_rule, latent_dim, self.rule_seed)

    def weights(self, manifold: LatentManifold, start: Tensor, end: Tensor) -> pd.DataFrame:
        """The weights that the rule tries on pairs ``(P, d)``, in increasing order up to the one that it chooses.

        The table is that of :func:`~geodreg.paper.weight.compare_weights`.
        """
        geodesic = self.geodesics(manifold, start, end)
        settings: Settings = {"n_points": self.n_points, "solver": self.regularised}
        return compare_weights(manifold, start, end, geodesic=geodesic, along=self.along, until=self.share, **settings)

    def geodesics(self, manifold: LatentManifold, start: Tensor, end: Tensor) -> Paths:
        """Plain geodesics between endpoints ``(P, d)``."""
        return interpolate(manifold, start, end, "geodesic", n_points=self.n_points, tolerance=self.tolerance)

    def plain_paths(self, manifold: LatentManifold, start: Tensor, end: Tensor) -> dict[str, Paths]:
        """Paths between endpoints ``(P, d)`` by each method that knows no density."""
        n = self.n_points
        drawn = {method: interpolate(manifold, start, end, method, n_points=n) for method in ("straight", "slerp")}
        return {**drawn, "geodesic": self.geodesics(manifold, start, end)}

    def regularised_paths(self, geodesic: Paths, mu: float) -> Paths:
        """Paths with the density between the endpoints of geodesics, from which they start."""
        start, end = geodesic.z[..., 0, :], geodesic.z[..., -1, :]
        settings: Settings = {"mu": mu, "n_points": self.n_points, "solver": self.regularised}
        return interpolate(geodesic.manifold, start, end, "geodreg", **settings, geodesic=geodesic)

    def measured(self, paths: Mapping[str, Paths]) -> pd.DataFrame:
        """A row for each method and pair: what :func:`~geodreg.paper.comparison.summarise` has, and what it cost.

        Further columns: ``energy`` on the interval [0, 1], which compares between methods; ``evaluations`` of the
        objective; and ``seconds`` of the batch, with those of the density at the points, and for a regularised path
        without those of the geodesic that it starts from.
        """
        table = summarise(paths, n=self.along)
        energies = [(path.energy * path.interval).flatten() for path in paths.values()]
        evaluations = [path.evaluations.flatten() for path in paths.values()]
        seconds = table["method"].map({method: path.seconds for method, path in paths.items()})
        columns = {"energy": torch.cat(energies).cpu().numpy(), "evaluations": torch.cat(evaluations).cpu().numpy()}
        return table.assign(**columns, seconds=seconds)


STUDY = Study()
"""The one whose results are committed."""


def frames(manifold: LatentManifold, z: Tensor, n: int) -> Tensor:
    """Images along paths, evenly spaced by arc length: ``(..., K, d)`` to ``(..., n, *data_shape)``.

    :meth:`~geodreg.Paths.resample` does the same with the density, which takes a Jacobian an image.
    """
    with torch.no_grad():
        fine = refine(z, SUB_POINTS)
        norms = chord_norms(manifold.generate_flat(fine))
        return manifold.generate(along(fine, equal_length_positions(norms, n)))


def _ends(n: int, latent_dim: int, seed: int) -> tuple[Tensor, Tensor]:
    z = torch.randn(n, 2, latent_dim, generator=torch.Generator().manual_seed(seed))
    return z[:, 0], z[:, 1]
