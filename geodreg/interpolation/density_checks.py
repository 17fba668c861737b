"""Prior, density and ambient map of a manifold: each fits the endpoints, or is refused with one sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from geodreg.derivatives.jacobian_products import GIB, bytes_of_row
from geodreg.derivatives.kinks import N_POINTS, is_kinked
from geodreg.derivatives.rungs import tangents_by_reverse
from geodreg.geometry.density import LatentDensity
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.stochastic_volume import EXACT

__all__ = ["check_ambient", "check_density", "warn_of_dear_density", "warn_of_kinks"]

SAME = 1e-3  # relative; a density may compute in less precision than it returns
AT_ONCE = 16  # points whose graph through an ambient map is held together


def check_density(manifold: LatentManifold, z: Tensor) -> None:
    """Refuse a prior, or the density in its place, that does not fit latents ``(n, d)``.

    Raises:
        ValueError: if it does not take them, does not return one log-density for each, mixes them or hides its
            derivative, or if one of them has no density.
    """
    given = manifold.density
    density, name = (LatentDensity(manifold.prior), "prior") if given is None else (given, "density")
    try:
        with torch.no_grad():
            value = density.log_prob(z)
            inside = density.is_inside(z)
            alone = density.log_prob(z[:1])
    except Exception as error:  # whatever it is, it is the density's, and the sentence quotes it
        raise ValueError(
            f"The {name} does not take latents of size {z.shape[-1]} on {z.device} ({_first_line(error)}); "
            "pass a distribution over vectors of that size, or over one coordinate."
        ) from error
    if not (isinstance(value, Tensor) and value.is_floating_point() and value.shape == z.shape[:1]):
        kind = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise ValueError(
            f"The {name} returns {kind} for latents {tuple(z.shape)}; it must return one log-density each."
        )
    if not inside.all():
        what = "has no density there" if given is not None else "lies outside of the prior's support"
        raise ValueError(f"start or end {what}; pass latents that the {name} can draw.")
    if given is not None:
        _check_values(given, z, value, alone)


def _check_values(density: LatentDensity, z: Tensor, value: Tensor, alone: Tensor) -> None:
    if not value.isfinite().all():
        raise ValueError("The density is infinite at start or end; pass one that is bounded there.")
    if (value[:1] - alone).abs().max() > max(SAME, torch.finfo(value.dtype).eps ** 0.5) * value.abs().max():
        raise ValueError(
            "The density gives another result for a latent alone than among others; it must treat each row "
            "independently of the others."
        )
    try:
        gradient = density.gradient(z)
    except Exception as error:  # whatever it is, it is the density's, and the sentence quotes it
        raise ValueError(
            f"The density cannot be differentiated ({_first_line(error)}); write it with differentiable operations of "
            "torch."
        ) from error
    if not gradient.isfinite().all():
        raise ValueError("The density's gradient is not finite at start or end; pass latents where it has one.")
    beside = z + torch.finfo(z.dtype).eps ** 0.25 * (1.0 + z.abs().amax())
    with torch.no_grad():
        changes = (density.log_prob(beside) - value).nan_to_num(0.0, 0.0, 0.0).abs()
    changed = changes.max() > torch.finfo(value.dtype).eps ** 0.5 * (1.0 + value.abs().max())
    # At its maximum a density has no gradient by right, but not beside that place as well.
    if changed and not gradient.any() and not density.gradient(beside).any():
        raise ValueError(
            "The density's gradient is zero although its value changes; it must not detach its input or compute under "
            "torch.no_grad()."
        )


def check_ambient(manifold: LatentManifold, x: Tensor, z: Tensor) -> None:
    """Refuse an ambient map that does not fit data ``(n, *data_shape)`` of latents ``(n, d)``.

    Raises:
        ValueError: if it does not take them, does not return one finite point for each, or has an infinite derivative.
    """
    if manifold.ambient is None:
        return
    try:
        with torch.no_grad():
            y = manifold.ambient(x)
    except Exception as error:  # whatever it is, it is the map's, and the sentence quotes it
        raise ValueError(
            f"The ambient map does not take data of shape {tuple(x.shape)}, {x.dtype}, on {x.device} "
            f"({_first_line(error)}); it gets what the generator returns, (n, *data_shape)."
        ) from error
    if not (isinstance(y, Tensor) and y.is_floating_point() and y.ndim >= 2 and len(y) == len(x)):
        kind = f"{y.dtype} of shape {tuple(y.shape)}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
        raise ValueError(
            f"The ambient map returns {kind} for data {tuple(x.shape)}; it must return floating-point points (n, ...)."
        )
    slopes = (_slope(manifold.ambient, part) for part in x.split(AT_ONCE))
    if not (y.isfinite().all() and all(slope.isfinite().all() for slope in slopes)):
        raise ValueError(
            "The ambient map or its derivative is not finite at start or end, as that of 2 asin(sqrt(p)) is at the 0 "
            "and 1 that a sigmoid reaches; cut the decoder before its sigmoid and pass "
            "ambient=geodreg.fisher_rao_logits, or a map that is smooth where the data are."
        )


def _slope(ambient: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of the sum of what a map makes of data, ``(n, *data_shape)``."""
    with torch.enable_grad():
        data = x.detach().clone().requires_grad_()
        image = ambient(data)
        if not image.requires_grad:
            return torch.zeros_like(x)
        (slope,) = torch.autograd.grad(image.sum(), data, allow_unused=True, materialize_grads=True)
    return slope


def warn_of_kinks(manifold: LatentManifold, z: Tensor, memory: float | None) -> None:
    """Warn, once for a manifold, that its density is smooth on pieces only between latents ``(n, d)``.

    Args:
        manifold: the model.
        z: latents.
        memory: GiB that the generator may take without a Jacobian; where the search does not fit, there is none. None
            where Jacobians are computed in any case.
    """
    if manifold.kinked is not None or manifold.density is not None:
        return
    if memory is None:
        manifold.kinked = manifold.is_kinked(z)
    elif bytes_of_row(manifold.generate_flat, z[:1]) * 2 * N_POINTS > memory * GIB:
        return
    else:
        manifold.kinked = is_kinked(manifold.measured, z, tangents_by_reverse)
    if manifold.kinked:
        warnings.warn(
            "The generator has kinks, as one made of ReLUs does: its Jacobian jumps between pieces, and so does the "
            "push-forward density, which the gradient does not see. A regularised path that converged is at rest on "
            "its pieces and may be no minimum; prefer a smooth generator (SiLU, tanh), pass density=, or take plain "
            "geodesics.",
            stacklevel=4,  # where interpolate was called, through the mode that it sets
        )


def warn_of_dear_density(manifold: LatentManifold, z: Tensor) -> None:
    """Warn that the exact gradient of the push-forward density takes more tangents than its estimate takes products.

    Args:
        manifold: the model.
        z: latents ``(n, d)``.
    """
    d = z.shape[-1]
    if manifold.density is not None or d <= EXACT:
        return
    cost = manifold.jacobian_cost(z)
    warnings.warn(
        f"The gradient of the push-forward density takes all {d} tangents at every point in every evaluation, as much "
        f"as {cost:.0f} gradients of the energy, and more than an estimate takes above {EXACT} latents; pass "
        "solver='matrix-free', which estimates it in bounded memory, or density=.",
        stacklevel=4,  # as above
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
