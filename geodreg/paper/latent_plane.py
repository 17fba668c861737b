"""Planes through latent space, and the metric on them as ellipses and areas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from geodreg.geometry.manifold import LatentManifold

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LatentPlane", "tabulate_metric"]


@dataclass(frozen=True)
class LatentPlane:
    """An affine plane in latent space, with Cartesian coordinates of its own.

    Attributes:
        origin: latent whose coordinates are zero, ``(d,)``.
        axes: two orthonormal directions, ``(2, d)``, so that distances in the plane are those in latent space.
    """

    origin: Tensor
    axes: Tensor

    @classmethod
    def through(cls, points: Tensor) -> LatentPlane:
        """The plane through three latents ``(3, d)``, with their mean as origin and its first axis towards the first.

        Raises:
            ValueError: if they are not three, or lie on a line.

        Example:
            >>> plane = LatentPlane.through(torch.tensor([[3.0, 0.0, 1.0], [0.0, 3.0, 1.0], [0.0, 0.0, 1.0]]))
            >>> plane.origin
            tensor([1., 1., 1.])
        """
        if points.ndim != 2 or len(points) != 3 or torch.linalg.matrix_rank(points[1:] - points[0]) < 2:
            raise ValueError(
                f"points, {tuple(points.shape)}, span no plane; pass three latents (3, d) that lie on no line."
            )
        origin = points.mean(dim=0)
        basis, factor = torch.linalg.qr((points - origin)[:2].mT)  # d x 2
        return cls(origin, (basis * factor.diagonal().sign()).mT)

    def latents(self, u: Tensor) -> Tensor:
        """Latents at coordinates in the plane: ``(..., 2)`` to ``(..., d)``."""
        return self.origin + u @ self.axes

    def coordinates(self, z: Tensor) -> Tensor:
        """Coordinates of the feet of latents on the plane: ``(..., d)`` to ``(..., 2)``."""
        return (z - self.origin) @ self.axes.mT

    def of(self, manifold: LatentManifold) -> LatentManifold:
        """The part of a manifold over the plane, a manifold with two latents and the same lengths."""
        return LatentManifold(lambda u: manifold.generate(self.latents(u)), ambient=manifold.ambient)


def tabulate_metric(manifold: LatentManifold, z: Tensor) -> pd.DataFrame:
    r"""The metric of a manifold with two latents: its unit indicatrices and its magnification factor, a row a latent.

    The indicatrix of radius :math:`r` at a latent is the ellipse of the steps that are :math:`r` long in data space,

    .. math:: \{ v : v^\top g v = r^2 \}, \qquad
       \text{semi-axes } r / \sigma_i, \qquad \sqrt{\det g} = \sigma_1 \sigma_2

    with the singular values :math:`\sigma_i` of the Jacobian. The magnification factor is the area of the image of a
    small piece of the latent plane over that of the piece (Bishop, Svensén and Williams 1997, *Magnification Factors
    for the GTM Algorithm*).

    Args:
        manifold: with two latents.
        z: latents ``(..., 2)``.

    Returns:
        ``z1``, ``z2``; ``long`` and ``short``, the semi-axes of the indicatrix of radius 1, in latent units over data
        units (``long`` is infinite where the map folds); ``angle`` of the long one to the first latent axis, in degrees
        from -90 to 90; ``magnification``, in squared data units over squared latent units.

    Raises:
        ValueError: if the latents are not pairs of numbers.

    Example:
        >>> tabulate_metric(LatentManifold(lambda z: z * torch.tensor([1.0, 4.0])), torch.zeros(1, 2))
            z1   z2  long  short  angle  magnification
        0  0.0  0.0   1.0   0.25    0.0            4.0
    """
    import pandas as pd

    if z.shape[-1] != 2:
        raise ValueError(f"z has latents of {z.shape[-1]} numbers; pass (..., 2), or the coordinates in a LatentPlane.")
    rows = z.reshape(-1, 2)
    with torch.no_grad():
        jacobian = manifold.jacobian(rows).double()
    factor = torch.linalg.qr(jacobian, mode="r").R  # a smaller matrix with the same singular values
    _, sigma, directions = torch.linalg.svd(pad(factor, (0, 0, 0, 2 - factor.shape[-2])))  # a row more where D = 1
    least = directions[:, 1]  # the direction that is stretched least; the ellipse is longest there
    angle = torch.rad2deg(torch.atan(least[:, 1] / least[:, 0]))
    table = {
        "z1": rows[:, 0],
        "z2": rows[:, 1],
        "long": 1.0 / sigma[:, 1],
        "short": 1.0 / sigma[:, 0],
        "angle": angle,
        "magnification": sigma.prod(dim=-1),
    }
    return pd.DataFrame({name: column.double().numpy() for name, column in table.items()})
