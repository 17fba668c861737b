"""Curves made shorter by their length itself, without the energy."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodreg.geometry.curve import chord_length, refine
from geodreg.geometry.manifold import LatentManifold

__all__ = ["SUB_POINTS", "shorten"]

SUB_POINTS = 8
"""Parts of each chord. On the points alone, they would gather at the endpoints and leave one long chord."""
OPTIONS = {"maxcor": 20, "ftol": 1e-12, "gtol": 1e-8}


def shorten(manifold: LatentManifold, curves: Tensor, max_iterations: int) -> Tensor:
    r"""Minimise the length of curves on the manifold, by SciPy's L-BFGS, one after the other.

    The length is that of the image of the polyline in latent space, between its points too. It does not change when a
    point slides along the curve.

    Args:
        manifold: the model.
        curves: where to begin, ``(P, K, d)``.
        max_iterations: limit for each curve.

    Returns:
        curves no longer than those, with the same endpoints, ``(P, K, d)``.
    """
    from scipy.optimize import minimize

    found = curves.detach().clone()
    for curve in found:

        def length(flat: NDArray[np.float64], curve: Tensor = curve) -> tuple[float, NDArray[np.float64]]:
            interior = torch.from_numpy(flat).to(curve).view_as(curve[1:-1]).requires_grad_()
            polyline = torch.cat([curve[:1], interior, curve[-1:]])
            value = chord_length(manifold.generate_flat(refine(polyline, SUB_POINTS)))
            (gradient,) = torch.autograd.grad(value, interior)
            return value.item(), gradient.double().numpy().ravel()

        start, options = curve[1:-1].double().numpy().ravel(), {**OPTIONS, "maxiter": max_iterations}
        result = minimize(length, start, jac=True, method="L-BFGS-B", options=options)
        curve[1:-1] = torch.from_numpy(result.x).view_as(curve[1:-1])
    return found
