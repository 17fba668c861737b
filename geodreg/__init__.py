"""Geodesic and density-regularised interpolation on the manifold of any PyTorch generator.

The geometry is in :mod:`geodreg.geometry.manifold` and :mod:`geodreg.geometry.curve`, the solvers in
:mod:`geodreg.solvers`, and the front door is :func:`interpolate`. Distances, means and the maps between points and
tangent vectors are in :mod:`geodreg.riemannian`. What needs more than torch, NumPy and SciPy is imported where it is
used.
"""

from typing import TYPE_CHECKING

from geodreg.workspace.lazy import lazily

if TYPE_CHECKING:
    from geodreg.geometry.manifold import LatentManifold
    from geodreg.geometry.stochastic_volume import (
        GradientEstimate,
        VolumeEstimate,
        log_volume_estimate,
        log_volume_gradient_estimate,
    )
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
        geodesic_distances,
        initial_velocity,
        logarithm_map,
        parallel_transport,
    )
    from geodreg.solvers import Algorithm1, GraphStart, MatrixFree, Newton, Status
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "geodreg.geometry.manifold": ["LatentManifold"],
            "geodreg.geometry.stochastic_volume": [
                "GradientEstimate",
                "VolumeEstimate",
                "log_volume_estimate",
                "log_volume_gradient_estimate",
            ],
            "geodreg.interpolation.interpolate": ["interpolate"],
            "geodreg.interpolation.invert": ["Inversion", "invert"],
            "geodreg.interpolation.paths": ["Paths", "Profile"],
            "geodreg.interpolation.report": ["Report"],
            "geodreg.riemannian": [
                "Distances",
                "FrechetMean",
                "GeodesicError",
                "exponential_map",
                "frechet_mean",
                "geodesic_distances",
                "initial_velocity",
                "logarithm_map",
                "parallel_transport",
            ],
            "geodreg.solvers": ["Algorithm1", "GraphStart", "MatrixFree", "Newton", "Status"],
        },
    )

__all__ = [
    "Algorithm1",
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
    "exponential_map",
    "frechet_mean",
    "geodesic_distances",
    "initial_velocity",
    "interpolate",
    "invert",
    "log_volume_estimate",
    "log_volume_gradient_estimate",
    "logarithm_map",
    "parallel_transport",
]
__version__ = "0.1.0"
