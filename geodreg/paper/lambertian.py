"""Lambertian control: how many components the images of an object need, and its exact geodesics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.polynomial import Polynomial, legendre
from torch import Tensor
from torch.nn.functional import normalize

from geodreg.datasets.lambert import LambertScene
from geodreg.interpolation.interpolate import interpolate
from geodreg.paper.grid_reference import cone_distances, grid_distances

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cumulated_energy", "exact_lengths", "harmonic_shares"]

MARGIN = 20.0  # degrees by which the grid is larger than the lights' angles


def cumulated_energy(singular_values: Tensor) -> np.ndarray:
    """Fraction of the energy in the first 1, 2, ... components, from singular values of uncentred images."""
    energy = singular_values.double().square()
    return (energy.cumsum(0) / energy.sum()).numpy()


def harmonic_shares(n_orders: int = 3) -> list[float]:
    r"""Fraction of the energy of Lambert's kernel in its first 1, 4, 9, ... harmonics.

    With :math:`\max(0, \cos\theta) = \sum_l a_l P_l(\cos\theta)` order :math:`l` has the energy
    :math:`2 a_l^2 / (2l + 1)` of :math:`1/3` (Basri and Jacobs 2003), and :math:`2l + 1` harmonics. So it is
    for a sphere under lights from everywhere.

    Example:
        >>> [round(share, 4) for share in harmonic_shares()]
        [0.375, 0.875, 0.9922]
    """
    shares = []
    for order in range(n_orders):
        legendre_polynomial = legendre.Legendre.basis(order).convert(kind=Polynomial)
        moment = (legendre_polynomial * Polynomial([0, 1])).integ()(1.0)
        coefficient = (2 * order + 1) / 2 * moment
        shares.append(3.0 * 2.0 * coefficient**2 / (2 * order + 1))
    return [float(share) for share in np.cumsum(shares)]


def exact_lengths(
    scene: LambertScene,
    angles: Tensor,
    free_strength: bool,
    n_points: int = 35,
    step: float = 2.5,
    with_reference: bool = True,
) -> pd.DataFrame:
    """Lengths of paths between the images of an exact renderer, and references that owe nothing to the solver.

    The coordinates are azimuth and elevation, and log-strength if that is free. The reference is the distance of the
    endpoints where the manifold is flat (free strength, no shadows), else a geodesic on a dense grid; at free
    strength that of the images at unit norm, of which the manifold is a cone.

    Args:
        scene: the renderer.
        angles: azimuth and elevation of the lights of each pair, in degrees, multiples of ``step``: ``(P, 2, 2)``.
        free_strength: whether the light's strength may change on the way.
        n_points: points of a path.
        step: of the grid, in degrees.
        with_reference: whether to compute the grid's geodesics, which take the longest; without, only what is known
            in closed form.

    Returns:
        a row for each pair: ``pair``, ``chord`` (between the endpoints), ``straight``, ``geodesic``, ``polyline``
        (through the geodesic's points), ``reference``, ``converged``.
    """
    import pandas as pd

    z = angles.double().deg2rad()
    if free_strength:
        z = torch.cat([z, torch.zeros_like(z[..., :1])], dim=-1)
    straight, geodesic = (
        interpolate(scene, z[:, 0], z[:, 1], method, n_points=n_points) for method in ("straight", "geodesic")
    )
    ends = geodesic.x[:, [0, -1]].flatten(2)
    chord, norms = (ends[:, 1] - ends[:, 0]).norm(dim=-1), ends.norm(dim=-1)
    if free_strength and not scene.shadows:
        reference = chord
    elif not with_reference:
        reference = torch.full_like(chord, torch.nan)
    elif free_strength:
        angle = _grid_geodesics(lambda lights: normalize(scene(lights).flatten(1), dim=-1), angles, step)
        reference = cone_distances(angle, norms[:, 0], norms[:, 1])
    else:
        reference = _grid_geodesics(scene, angles, step)
    return pd.DataFrame(
        {
            "pair": range(len(z)),
            "chord": chord.numpy(),
            "straight": straight.length.numpy(),
            "geodesic": geodesic.length.numpy(),
            "polyline": geodesic.chord_length.numpy(),
            "reference": reference.numpy(),
            "converged": geodesic.converged.numpy(),
        }
    )


def _grid_geodesics(generator: Callable[[Tensor], Tensor], angles: Tensor, step: float) -> Tensor:
    low, high = angles.amin((0, 1)) - MARGIN, angles.amax((0, 1)) + MARGIN
    high = torch.minimum(high, torch.tensor([180.0, 90.0]))
    axes = tuple(torch.arange(low[i].item(), high[i].item() + 0.5 * step, step, dtype=torch.float64) for i in (0, 1))
    indices = ((angles - low) / step).round().long()
    return grid_distances(generator, (axes[0].deg2rad(), axes[1].deg2rad()), indices)
