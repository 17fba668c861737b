"""From data to latents: the point of the manifold nearest to a given data point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.training_mode import refuse_training_mode
from geodreg.interpolation.arguments import check_generator
from geodreg.interpolation.transforms import refuse_transforms

__all__ = ["Inversion", "invert"]

FEW = 16  # candidates that are tried together, until two of them have finite images


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

    The starts are those of ``n_candidates`` prior samples whose images are finite and nearest to the data. Only some of
    the Jacobians are held at a time.

    Args:
        manifold: the model, or a bare generator.
        x: data ``(..., *data_shape)``, in the dtype and on the device of the generator. For those in half precision all
            is computed in single precision, and given back in half.
        latent_dim: latent size ``d`` of the generator; the product of its ``latent_shape``, if it has one.
        n_starts: starts for each data point.
        n_candidates: prior samples among which the starts are chosen.
        max_iterations: limit of iterations of each start.
        tolerance: relative step at which a start has come to rest.
        seed: of the samples; the same seed gives the same latents.

    Raises:
        TypeError: if the data are not a floating-point tensor.
        ValueError: if the data do not have the generator's data shape, or are not finite, if a number is out of range,
            if the generator does not take latents of that size, or if fewer than ``n_starts`` candidates have finite
            images.
        RuntimeError: inside of :mod:`torch.func`.

    Example:
        >>> found = invert(lambda z: 3 * z, torch.tensor([6.0, 3.0]), latent_dim=2)
        >>> found.z.round(decimals=3), bool(found.converged)
        (tensor([2., 1.]), True)
    """
    refuse_transforms()
    if not isinstance(manifold, LatentManifold):
        manifold = LatentManifold(manifold)
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        kind = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise TypeError(f"x is {kind}; pass floating-point data, scaled as the generator's are.")
    for name, value in (("latent_dim", latent_dim), ("n_starts", n_starts), ("n_candidates", n_candidates)):
        if value < 1:
            raise ValueError(f"{name} is {value}; pass at least 1.")
    manifold = manifold.of_data()
    given, x = x.dtype, lifted(x.detach())
    like = torch.zeros(latent_dim, dtype=x.dtype, device=x.device)
    candidates = manifold.sample_prior(max(n_candidates, n_starts), like, seed)
    tried = _some_finite(manifold, candidates, n_starts)
    check_generator(manifold, tried, twice=False)
    with torch.no_grad():
        data_shape = manifold.generate(tried[:1]).shape[1:]
    if x.shape[x.ndim - len(data_shape) :] != data_shape:
        expected = ", ".join(map(str, data_shape))
        raise ValueError(f"x has shape {tuple(x.shape)}; this generator's data have shape (..., {expected}).")
    if x.numel() == 0 or not x.isfinite().all():
        raise ValueError("x is empty or holds a NaN or an infinity; pass finite data.")
    batch = x.shape[: x.ndim - len(data_shape)]
    target = x.reshape(batch.numel(), -1)  # N x D
    starts = _nearest(manifold, candidates, target, n_starts)  # N x S x d
    z, square, settled = _levenberg_marquardt(manifold, starts, target, max_iterations, tolerance)

    best = square.argmin(-1, keepdim=True)
    residual = square.sqrt()
    least = residual.gather(-1, best)
    z = z.gather(1, best.unsqueeze(-1).expand(-1, -1, latent_dim)).reshape(*batch, latent_dim)
    scale = torch.linalg.vector_norm(target, dim=-1, keepdim=True, dtype=torch.float64)
    agreement = (residual <= 1.01 * least + 1e-6 * scale).double().mean(-1)
    with torch.no_grad():
        images = manifold.generate(z)
    return Inversion(
        z=z.to(given),
        x=images.to(given),
        residual=least.reshape(batch).to(given),
        converged=settled.gather(-1, best).reshape(batch),
        agreement=agreement.reshape(batch).to(given),
    )


def _some_finite(manifold: LatentManifold, candidates: Tensor, n_starts: int) -> Tensor:
    """Two latents with finite images, or the only one that there is, to try the generator on.

    Where it does not take candidates ``(n, d)`` at all, these are the first two, for the door to say why.

    Raises:
        ValueError: if it is in training mode, or no image is finite.
    """
    refuse_training_mode(manifold.generator)  # before it sees any latents
    found = candidates[:0]
    try:
        with torch.no_grad():
            for part in candidates.split(FEW):
                finite = manifold.generate(part).flatten(1).isfinite().all(-1)
                found = torch.cat([found, part[finite]])
                if len(found) > 1:
                    break
    except Exception:  # noqa: BLE001 - whatever it is, the door meets it as well
        return candidates[:2]
    if len(found) == 0:
        raise ValueError(_too_few(0, len(candidates), n_starts))
    return found[:2]


def _nearest(manifold: LatentManifold, candidates: Tensor, target: Tensor, n_starts: int) -> Tensor:
    """Of candidates ``(n, d)`` those whose images are nearest to each of the data ``(N, D)``, ``(N, S, d)``.

    Raises:
        ValueError: if fewer than ``S`` of the images are finite.
    """
    distances = []
    with torch.no_grad():
        for part in manifold.parts(candidates, n_tangents=1):
            images = manifold.generate(part).flatten(1).to(target)
            finite = images.isfinite().all(-1)
            distances.append(torch.where(finite, torch.cdist(target, images), torch.inf))  # N x part
    apart = torch.cat(distances, dim=1)
    n_finite = int(apart.isfinite().all(0).sum())
    if n_finite < n_starts:
        raise ValueError(_too_few(n_finite, len(candidates), n_starts))
    return candidates[apart.topk(n_starts, largest=False).indices]


def _too_few(n_finite: int, n_candidates: int, n_starts: int) -> str:
    return (
        f"The generator's images are finite at {n_finite} of {n_candidates} samples of the prior, and n_starts is "
        f"{n_starts}; pass larger n_candidates, smaller n_starts, or a prior of latents that the generator takes."
    )


def _levenberg_marquardt(
    manifold: LatentManifold, starts: Tensor, target: Tensor, max_iterations: int, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Latents ``(N, S, d)``, squared residuals ``(N, S)`` and whether each start came to rest, for data ``(N, D)``."""
    n, n_starts, d = starts.shape
    z = starts.reshape(-1, d).clone()
    datum = torch.arange(n, device=z.device).repeat_interleave(n_starts)  # of each start
    at_once = len(manifold.parts(z)[0])  # starts whose Jacobians are held together
    parts = zip(z.split(at_once), datum.split(at_once), strict=True)
    square = torch.cat([_square(manifold, part, target[of]) for part, of in parts])
    damping = torch.full_like(square, 1e-3)
    settled = torch.zeros_like(square, dtype=torch.bool)
    for _ in range(max_iterations):
        working = (~settled).nonzero().squeeze(-1)
        if len(working) == 0:
            break
        for rows in working.split(at_once):
            here, before, goal = z[rows], square[rows], target[datum[rows]]
            step, slope, scale = _damped_step(manifold, here, goal, damping[rows])
            moved = here + step.to(z.dtype)
            trial = _square(manifold, moved, goal)
            better = trial <= before
            # At rest: the residual is orthogonal to the manifold, or an undamped step no longer moves the point.
            orthogonal = slope <= tolerance * (scale.sqrt() * before.sqrt()).clamp_min(1e-300)
            still = (step.norm(dim=-1) <= tolerance * (1.0 + here.norm(dim=-1))) & (damping[rows] <= 1.0)
            z[rows] = torch.where(better.unsqueeze(-1), moved, here)
            square[rows] = torch.where(better, trial, before)
            damping[rows] = torch.where(better, damping[rows] / 5.0, damping[rows] * 5.0).clamp(1e-12, 1e12)
            settled[rows] = orthogonal | still
    return z.view(n, n_starts, d), square.view(n, n_starts), settled.view(n, n_starts)


@torch.no_grad()
def _damped_step(manifold: LatentManifold, z: Tensor, goal: Tensor, damping: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Steps ``(n, d)`` from latents towards data ``(n, D)``, norms of the gradients and mean diagonals of the metrics.

    Args:
        manifold: the model.
        z: latents ``(n, d)``, a part whose Jacobians are held together.
        goal: the data.
        damping: of each step, relative to the metric, ``(n,)``.
    """
    values, tangents = manifold.pushforward_part(z)
    pushed, residual = tangents.double(), (values - goal).double()
    gradient = (pushed @ residual.unsqueeze(-1)).squeeze(-1)
    metric = pushed @ pushed.mT
    scale = metric.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(torch.finfo(torch.float64).tiny)
    system = metric + torch.diag_embed((damping * scale).unsqueeze(-1).expand(-1, z.shape[-1]))
    step = -torch.linalg.solve(system, gradient.unsqueeze(-1)).squeeze(-1)
    return step, gradient.norm(dim=-1), scale


@torch.no_grad()
def _square(manifold: LatentManifold, z: Tensor, goal: Tensor) -> Tensor:
    """Squared distances ``(n,)`` of the images of latents ``(n, d)`` from data ``(n, D)``, in double precision."""
    return (manifold.generate_flat(z) - goal).double().square().sum(-1)
