"""The shortest polyline between two points, found without the energy."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodreg.curve import chord_length, straight
from geodreg.manifold import LatentManifold

__all__ = ["shortest_polyline"]

OPTIONS = {"maxiter": 2000, "maxfun": 20_000, "maxcor": 20, "ftol": 1e-12, "gtol": 1e-8}


def shortest_polyline(manifold: LatentManifold, start: Tensor, end: Tensor, n_points: int) -> Tensor:
    r"""Minimise the length of a polyline itself, :math:`\sum_k |f(z_{k+1}) - f(z_k)|`, by SciPy's L-BFGS.

    Nothing holds the points along the curve, which makes it slow; the straight line in latent space is the start.

    Args:
        manifold: the model.
        start: ``(P, d)``, double precision.
        end: ``(P, d)``.
        n_points: points ``K``.

    Returns:
        the polylines, ``(P, K, d)``.
    """
    from scipy.optimize import minimize

    curves = straight(start, end, n_points).clone()
    for curve in curves:

        def length(flat: NDArray[np.float64], curve: Tensor = curve) -> tuple[float, NDArray[np.float64]]:
            interior = torch.from_numpy(flat).view_as(curve[1:-1]).requires_grad_()
            value = chord_length(manifold.generate_flat(torch.cat([curve[:1], interior, curve[-1:]])))
            (gradient,) = torch.autograd.grad(value, interior)
            return value.item(), gradient.numpy().ravel()

        found = minimize(length, curve[1:-1].numpy().ravel(), jac=True, method="L-BFGS-B", options=OPTIONS)
        curve[1:-1] = torch.from_numpy(found.x).view_as(curve[1:-1])
    return curves
