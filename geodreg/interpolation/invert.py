"""From data to latents: the point of the manifold nearest to a given data point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.arguments import check_generator

__all__ = ["Inversion", "invert"]


@dataclass(frozen=True, eq=False)
class Inversion:
    """Latents found for data points; leading dimensions ``...`` are the batch of the data.

    Attributes:
        z: latents, ``(..., d)``.
        x: what the generator makes of them, ``(..., *data_shape)``.
        residual: distance between data and ``x``, ``(...)``, in data units.
        converged: whether the best start came to rest, ``(...)``.
        agreement: fraction of the starts that ended within one per cent of the best residual, ``(...)``; a low
            fraction says that the problem has many local minima and more starts may do better.
    """

    z: Tensor
    x: Tensor
    residual: Tensor
    converged: Tensor
    agreement: Tensor


@own_modes()
def invert(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    x: Tensor,
    latent_dim: int,
    *,
    n_starts: int = 8,
    n_candidates: int = 2000,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Inversion:
    r"""Latents whose images are nearest to given data, by Levenberg and Marquardt's method from several starts.

    .. math:: \min_z |f(z) - x|^2

    Nearness is that of data space, also where the manifold measures lengths by an ambient map.

    The starts are those of ``n_candidates`` prior samples whose images are nearest to the data.

    Args:
        manifold: the model, or a bare generator.
        x: data ``(..., *data_shape)``, in the dtype and on the device of the generator.
        latent_dim: latent size ``d`` of the generator; the product of its ``latent_shape``, if it has one.
        n_starts: starts for each data point.
        n_candidates: prior samples among which the starts are chosen.
        max_iterations: limit of iterations of each start.
        tolerance: relative step at which a start has come to rest.
        seed: of the samples; the same seed gives the same latents.

    Raises:
        TypeError: if the data are not a floating-point tensor.
        ValueError: if the data do not have the generator's data shape, or are not finite, if a number is out of range,
            or if the generator does not take latents of that size.

    Example:
        >>> found = invert(lambda z: 3 * z, torch.tensor([6.0, 3.0]), latent_dim=2)
        >>> found.z.round(decimals=3), bool(found.converged)
        (tensor([2., 1.]), True)
    """
    if not isinstance(manifold, LatentManifold):
        manifold = LatentManifold(manifold)
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        kind = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise TypeError(f"x is {kind}; pass floating-point data, scaled as the generator's are.")
    for name, value in (("latent_dim", latent_dim), ("n_starts", n_starts), ("n_candidates", n_candidates)):
        if value < 1:
            raise ValueError(f"{name} is {value}; pass at least 1.")
    manifold = manifold.of_data()
    x = x.detach()
    like = torch.zeros(latent_dim, dtype=x.dtype, device=x.device)
    candidates = manifold.sample_prior(max(n_candidates, n_starts), like, seed)
    check_generator(manifold, candidates[:2], twice=False)
    with torch.no_grad():
        images = manifold.generate(candidates)
    data_shape = images.shape[1:]
    if x.shape[x.ndim - len(data_shape) :] != data_shape:
        expected = ", ".join(map(str, data_shape))
        raise ValueError(f"x has shape {tuple(x.shape)}; this generator's data have shape (..., {expected}).")
    if x.numel() == 0 or not x.isfinite().all():
        raise ValueError("x is empty or holds a NaN or an infinity; pass finite data.")
    batch = x.shape[: x.ndim - len(data_shape)]
    target = x.reshape(batch.numel(), 1, -1)  # N x 1 x D
    nearest = torch.cdist(target.squeeze(1), images.flatten(1)).topk(n_starts, largest=False).indices  # N x S
    z, square, settled = _levenberg_marquardt(manifold, candidates[nearest], target, max_iterations, tolerance)

    best = square.argmin(-1, keepdim=True)
    residual = square.sqrt()
    least = residual.gather(-1, best)
    z = z.gather(1, best.unsqueeze(-1).expand(-1, -1, latent_dim)).reshape(*batch, latent_dim)
    scale = x.reshape(batch.numel(), -1).double().norm(dim=-1, keepdim=True)
    agreement = (residual <= 1.01 * least + 1e-6 * scale).double().mean(-1)
    return Inversion(
        z=z,
        x=manifold.generate(z).detach(),
        residual=least.reshape(batch).to(x.dtype),
        converged=settled.gather(-1, best).reshape(batch),
        agreement=agreement.reshape(batch).to(x.dtype),
    )


def _levenberg_marquardt(
    manifold: LatentManifold, z: Tensor, target: Tensor, max_iterations: int, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Latents ``(N, S, d)``, squared residuals ``(N, S)`` and whether each start came to rest, from starts ``z``."""
    n, n_starts, d = z.shape
    identity = torch.eye(d, dtype=torch.float64, device=z.device)
    z, goal = z.reshape(-1, d).clone(), target.expand(-1, n_starts, -1).reshape(n * n_starts, -1)
    square = (manifold.generate_flat(z).detach() - goal).double().square().sum(-1)
    damping = torch.full_like(square, 1e-3)
    settled = torch.zeros_like(square, dtype=torch.bool)
    for _ in range(max_iterations):
        rows = (~settled).nonzero().squeeze(-1)
        if len(rows) == 0:
            break
        with torch.no_grad():
            values, tangents = manifold.pushforward(z[rows])
            pushed, residual = tangents.double(), (values - goal[rows]).double()
            gradient = (pushed @ residual.unsqueeze(-1)).squeeze(-1)
            metric = pushed @ pushed.mT
            scale = metric.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(torch.finfo(torch.float64).tiny)
            system = metric + (damping[rows] * scale)[:, None, None] * identity
            step = -torch.linalg.solve(system, gradient.unsqueeze(-1)).squeeze(-1)
            moved = z[rows] + step.to(z.dtype)
            trial = (manifold.generate_flat(moved) - goal[rows]).double().square().sum(-1)
        better = trial <= square[rows]
        # At rest: the residual is orthogonal to the manifold, or an undamped step no longer moves the point.
        orthogonal = gradient.norm(dim=-1) <= tolerance * (scale.sqrt() * square[rows].sqrt()).clamp_min(1e-300)
        still = (step.norm(dim=-1) <= tolerance * (1.0 + z[rows].norm(dim=-1))) & (damping[rows] <= 1.0)
        z[rows] = torch.where(better.unsqueeze(-1), moved, z[rows])
        square[rows] = torch.where(better, trial, square[rows])
        damping[rows] = torch.where(better, damping[rows] / 5.0, damping[rows] * 5.0).clamp(1e-12, 1e12)
        settled[rows] = orthogonal | still
    return z.view(n, n_starts, d), square.view(n, n_starts), settled.view(n, n_starts)
