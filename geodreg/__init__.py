"""Geodesic and density-regularised interpolation on the manifold of any PyTorch generator.

The front door, re-exported, and nothing else; :func:`interpolate` is the way in. Three storeys lie below it, and
imports run downwards only:

- the book: :mod:`geodreg.commands`, :mod:`geodreg.book`, :mod:`geodreg.plotting`;
- the paper's study: :mod:`geodreg.training`, :mod:`geodreg.paper`, :mod:`geodreg.models`, :mod:`geodreg.datasets`;
- the library, which needs torch, NumPy and SciPy alone: :mod:`geodreg.riemannian`, :mod:`geodreg.interpolation`,
  :mod:`geodreg.solvers`, :mod:`geodreg.objectives`, :mod:`geodreg.geometry`, :mod:`geodreg.derivatives`,
  :mod:`geodreg.linear_algebra`, :mod:`geodreg.workspace`.

The docstring of each says what lives there and what may not.
"""

from typing import TYPE_CHECKING

from geodreg.workspace.lazy import lazily

if TYPE_CHECKING:
    from geodreg.geometry.ambient import fisher_rao_bernoulli, fisher_rao_logits, stacked
    from geodreg.geometry.manifold import LatentManifold
    from geodreg.geometry.stochastic_volume import (
        GradientEstimate,
        VolumeEstimate,
        log_volume_estimate,
        log_volume_gradient_estimate,
    )
    from geodreg.interpolation.chain import Chain, chain
    from geodreg.interpolation.interpolate import interpolate
    from geodreg.interpolation.invert import Inversion, invert
    from geodreg.interpolation.paths import Paths, Profile
    from geodreg.interpolation.report import Report
    from geodreg.riemannian import (
        Distances,
        FrechetMean,
        GeodesicError,
        exponential_map,
        frechet_mean,
        geodesic_distance,
        geodesic_distances,
        initial_velocity,
        logarithm_map,
        parallel_transport,
    )
    from geodreg.solvers import Algorithm1, GraphStart, MatrixFree, Newton, Status
else:
    __getattr__, __dir__ = lazily(__name__, __file__)

__all__ = [
    "Algorithm1",
    "Chain",
    "Distances",
    "FrechetMean",
    "GeodesicError",
    "GradientEstimate",
    "GraphStart",
    "Inversion",
    "LatentManifold",
    "MatrixFree",
    "Newton",
    "Paths",
    "Profile",
    "Report",
    "Status",
    "VolumeEstimate",
    "chain",
    "exponential_map",
    "fisher_rao_bernoulli",
    "fisher_rao_logits",
    "frechet_mean",
    "geodesic_distance",
    "geodesic_distances",
    "initial_velocity",
    "interpolate",
    "invert",
    "log_volume_estimate",
    "log_volume_gradient_estimate",
    "logarithm_map",
    "parallel_transport",
    "stacked",
]
__version__ = "0.1.0"
