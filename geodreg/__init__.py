"""Geodesic and density-regularised interpolation on the manifold of any PyTorch generator.

The geometry is in :mod:`geodreg.manifold` and :mod:`geodreg.curve`, the solvers in :mod:`geodreg.solvers`, and the
front door is :func:`interpolate`. What needs more than torch, NumPy and SciPy is imported where it is used.
"""

from geodreg.interpolate import interpolate
from geodreg.invert import Inversion, invert
from geodreg.manifold import LatentManifold
from geodreg.paths import Paths, Profile
from geodreg.solvers import Algorithm1, GraphStart, MatrixFree, Newton, Status
from geodreg.stochastic_volume import (
    GradientEstimate,
    VolumeEstimate,
    log_volume_estimate,
    log_volume_gradient_estimate,
)

__all__ = [
    "Algorithm1",
    "GradientEstimate",
    "GraphStart",
    "Inversion",
    "LatentManifold",
    "MatrixFree",
    "Newton",
    "Paths",
    "Profile",
    "Status",
    "VolumeEstimate",
    "interpolate",
    "invert",
    "log_volume_estimate",
    "log_volume_gradient_estimate",
]
__version__ = "0.1.0"
