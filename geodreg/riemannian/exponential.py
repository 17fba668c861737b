"""The exponential map: follow the geodesic that leaves a point with a given velocity."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.riemannian.arguments import as_manifold, check_geometry, check_latents, check_tangent, check_whole
from geodreg.riemannian.failure import GeodesicError
from geodreg.riemannian.tangent import from_basis, tangent_factor, to_basis

__all__ = ["exponential_map"]

TOLERANCES = {torch.float64: (1e-8, 1e-10)}  # relative and absolute; every other precision has COARSE
COARSE = (1e-5, 1e-6)
LEAST_TOLERANCE = 1e-13  # SciPy warns below some 2e-14


@own_modes()
def exponential_map(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    z: Tensor,
    velocity: Tensor,
    *,
    n_points: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    max_evaluations: int = 3_000,
) -> Tensor:
    r"""Points that geodesics reach at time one, from where they start and their velocities there.

    With the momentum :math:`p = g \dot z` the geodesic equation is Hamilton's, of free motion on the manifold,

    .. math:: \dot z = g^{-1} p, \qquad \dot p = \tfrac12 \, \partial_z \, |J(z) u|^2 \big|_{u = \dot z}, \qquad
       z(0) = z, \quad p(0) = g v, \qquad \exp_z(v) = z(1)

    (do Carmo 1992, *Riemannian Geometry*, chapter 3; Abraham and Marsden 1978, *Foundations of Mechanics*, section
    3.7). SciPy's DOP853 integrates all geodesics together.

    Args:
        manifold: the model, or a bare generator.
        z: latents ``(..., d)``.
        velocity: in latent coordinates, ``(..., d)``, in the same dtype and on the same device; the batches broadcast.
            Its norm by the metric is the length of the geodesic.
        n_points: also return the way: so many points, evenly spaced in time and so in length, both endpoints included.
        rtol: relative tolerance of a step of each geodesic, in position and momentum; 1e-8 in double precision, else
            1e-5.
        atol: absolute tolerance of a step, in latent units; 1e-10 in double precision, else 1e-6.
        max_evaluations: limit of evaluations of the right-hand side.

    Returns:
        endpoints ``(..., d)``, or the geodesics ``(..., n_points, d)``.

    Raises:
        TypeError: if latents or velocities are not floating-point tensors.
        ValueError: if they do not go together, or a number is out of range.
        GeodesicError: if a geodesic cannot be followed, because the metric is singular on its way, its end is not
            reached within the limit of evaluations, or the generator's values there have no gradient.
        RuntimeError: inside of :mod:`torch.func`.

    Example:
        >>> polar = lambda z: z[:, :1] * torch.cat([z[:, 1:].cos(), z[:, 1:].sin()], dim=1)
        >>> z, velocity = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
        >>> exponential_map(polar, z, velocity)  # one step along the tangent: (1, 1) in the plane
        tensor([1.4142, 0.7854])
    """
    manifold = as_manifold(manifold)
    z = check_latents("z", z, "(..., d)")
    velocity = check_tangent("velocity", velocity, "z", z)
    if n_points is not None:
        check_whole("n_points", n_points, least=2)
    check_whole("max_evaluations", max_evaluations, least=1)
    usual = TOLERANCES.get(z.dtype, COARSE)
    relative, absolute = usual[0] if rtol is None else rtol, usual[1] if atol is None else atol
    for name, value in (("rtol", relative), ("atol", absolute)):
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name} is {value!r}; pass a tolerance between 0 and 1.")
    check_geometry(manifold, z, twice=True)

    given = z.dtype
    z, velocity = torch.broadcast_tensors(lifted(z), lifted(velocity))
    batch, d = z.shape[:-1], z.shape[-1]
    rows = z.reshape(-1, d).contiguous()  # forward mode takes no tensor that repeats its memory
    flow = _Flow(manifold, rows, max_evaluations)
    factor = tangent_factor(manifold, rows)
    momentum = (factor.mT @ to_basis(factor, velocity.reshape(-1, d)).unsqueeze(-1)).squeeze(-1)
    stretch = factor.square().sum((-2, -1), keepdim=True).squeeze(-1) / d  # mean diagonal of the metric, n x 1
    units = torch.stack([torch.ones_like(momentum), stretch.expand_as(momentum)])  # of momentum for one of position
    share = math.sqrt(len(rows))  # SciPy takes the mean square over all of them, here each shall keep the tolerance
    solution = solve_ivp(
        flow,
        (0.0, 1.0),
        torch.stack([rows.double(), momentum]).cpu().numpy().ravel(),
        method="DOP853",
        t_eval=np.linspace(0.0, 1.0, n_points or 2),
        rtol=max(relative / share, LEAST_TOLERANCE),
        atol=absolute / share * units.cpu().numpy().ravel(),
    )
    if not solution.success:
        raise flow.failure()
    curves = torch.from_numpy(solution.y).view(2, len(rows), d, -1)[0].movedim(-1, 1).to(z)  # n x K x d
    curves = curves.reshape(*batch, -1, d).to(given)
    return curves if n_points is not None else curves[..., -1, :].clone()


class _Flow:
    """Rates of change of positions and momenta of ``n`` geodesics as one vector, as SciPy wants them."""

    def __init__(self, manifold: LatentManifold, like: Tensor, max_evaluations: int) -> None:
        self.manifold, self.like, self.max_evaluations = manifold, like, max_evaluations
        self.evaluations = 0
        self.time = 0.0

    def __call__(self, time: float, state: NDArray[np.float64]) -> NDArray[np.float64]:
        self.time = time
        self.evaluations += 1
        if self.evaluations > self.max_evaluations:
            raise self.failure()
        position, momentum = torch.from_numpy(state.reshape(2, *self.like.shape)).to(self.like.device)
        z = position.to(self.like.dtype)
        if not z.isfinite().all():
            raise self.failure()
        factor = tangent_factor(self.manifold, z)
        along_basis = torch.linalg.solve_triangular(factor.mT, momentum.unsqueeze(-1), upper=False).squeeze(-1)
        velocity = from_basis(factor, along_basis)
        force = self._force(z, velocity.to(z.dtype)).double()
        rates = torch.stack([velocity, force]).cpu().numpy().ravel()
        if not np.isfinite(rates).all():
            raise self.failure()
        return rates

    def _force(self, z: Tensor, velocity: Tensor) -> Tensor:
        """Gradient of the kinetic energy at a fixed velocity, ``(n, d)``, in reverse over the rung of the ladder."""
        point = z.detach().requires_grad_()
        with torch.enable_grad():
            force = _gradient(0.5 * self.manifold.pushed(point, velocity).square().sum(), point)
            if force is not None:
                return force
            # Of a linear generator the tangents are the same everywhere; its values are not.
            if _gradient(self.manifold.generate_flat(point[:1]).sum(), point) is None:
                raise GeodesicError(
                    f"The generator's values have no gradient beyond {self.time:.3g} of a geodesic's length, so it "
                    "cannot be followed; the generator must not detach its input or compute under torch.no_grad()."
                )
        return torch.zeros_like(z)

    def failure(self) -> GeodesicError:
        return GeodesicError(
            f"A geodesic cannot be followed beyond {self.time:.3g} of its length, after {self.evaluations} evaluations:"
            " it meets a fold of the generator, or is too long; pass shorter velocities, or a larger rtol, atol or "
            "max_evaluations."
        )


def _gradient(value: Tensor, point: Tensor) -> Tensor | None:
    """Gradient of a number with respect to points, or None where no graph leads to them."""
    if not value.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(value, point, allow_unused=True)
    return gradient
