"""Exponential map, logarithm, transport, distances, means, all with the plain metric; no density.

All of it stands on the plain geodesics that :mod:`geodreg.interpolation` finds.
"""

from geodreg.riemannian.differentiable import geodesic_distance
from geodreg.riemannian.distances import Distances, geodesic_distances
from geodreg.riemannian.exponential import exponential_map
from geodreg.riemannian.failure import GeodesicError
from geodreg.riemannian.logarithm import initial_velocity, logarithm_map
from geodreg.riemannian.mean import FrechetMean, frechet_mean
from geodreg.riemannian.transport import parallel_transport

__all__ = [
    "Distances",
    "FrechetMean",
    "GeodesicError",
    "exponential_map",
    "frechet_mean",
    "geodesic_distance",
    "geodesic_distances",
    "initial_velocity",
    "logarithm_map",
    "parallel_transport",
]
