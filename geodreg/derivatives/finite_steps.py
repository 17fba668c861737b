"""Derivatives compared with what small steps do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from geodreg.derivatives.rungs import Push

__all__ = ["follows_steps"]

STEPS = {torch.float64: (1e-1, 1e-3, 1e-5, 1e-6)}  # relative to the size of a latent
USUAL_STEPS = (1e-1, 1e-2, 1e-3, 3e-4, 1e-4, 3e-5)
TOLERANCE = {torch.float64: 1e-2}  # relative
USUAL_TOLERANCE = 0.1  # a part of the graph that is cut off shows at once, rounding must not
MEANINGFUL = 30.0  # roundings
SAME = 1e-3  # relative, of values; a generator may compute a part in single precision
N_DIRECTIONS = 3
PLACES = (0.03, 0.41, 0.93)  # between two latents; at the latents themselves a derivative may vanish by symmetry


def follows_steps(function: Callable[[Tensor], Tensor], push: Push, z: Tensor, twice: bool) -> bool:
    r"""Whether a way to differentiate gives the values of a row-wise function, and the derivatives of these.

    At a few points and in a few directions, the slope of :math:`\varphi(t) = f(z + t v)` is compared with central
    differences of several steps, of which one must agree, and so is that of :math:`|\varphi'(t)|^2`. Steps whose
    change is lost in rounding say nothing. Most points and directions must agree: a step may cross a kink, where the
    difference is right and the derivative too.

    Args:
        function: takes ``(n, d)`` to ``(n, ...)``.
        push: how it is differentiated.
        z: latents ``(n, d)``.
        twice: whether the second derivative is compared as well.
    """
    chance = torch.Generator().manual_seed(0)
    points = [torch.lerp(z[:1], z[-1:], weight) for weight in PLACES]
    agreed: list[tuple[bool, bool]] = []
    for _ in range(N_DIRECTIONS):
        for point in points:
            v = torch.randn(1, z.shape[-1], generator=chance, dtype=torch.float64, device="cpu").to(z)
            agreed.append(_along(lambda t, at=point, v=v: function(at + t * v / v.norm()), push, point, twice))  # type: ignore[misc]
        if all(all(part) for part in agreed):
            return True
    return all(2 * sum(part) > len(part) for part in zip(*agreed, strict=True))


def _along(function: Callable[[Tensor], Tensor], push: Push, z: Tensor, twice: bool) -> tuple[bool, bool]:
    """Whether first and second derivative of a function ``(n, 1) -> (n, ...)`` at zero follow its steps."""
    steps = STEPS.get(z.dtype, USUAL_STEPS)
    sizes = torch.tensor(steps, dtype=z.dtype, device=z.device).unsqueeze(1) * (1.0 + z.abs().amax())
    t = torch.cat([torch.zeros_like(sizes[:1]), sizes, -sizes]).requires_grad_()
    with torch.no_grad():
        x = function(t).flatten(1)
    with torch.enable_grad():
        values, tangents = push(function, t)
        if not _same(values.detach(), x):
            return False, False
        squares = tangents.double().square().flatten(1).sum(1)
        bend = torch.zeros_like(squares)
        if twice and squares.requires_grad:
            (found,) = torch.autograd.grad(squares.sum(), t, allow_unused=True, materialize_grads=True)
            bend = found.squeeze(1).double()
    x, tangents, squares = x.double(), tangents.detach().squeeze(1).double(), squares.detach().unsqueeze(1)
    first = _follows(x, tangents[:1], sizes.double(), z.dtype, may_jump=False)
    second = not twice or _follows(squares, bend[:1].unsqueeze(1), sizes.double(), z.dtype, may_jump=True)
    return first, second


def _same(values: Tensor, x: Tensor) -> bool:
    """Whether values are those of the function, where either can be compared."""
    finite = values.isfinite() & x.isfinite()
    tolerance = max(SAME, torch.finfo(x.dtype).eps ** 0.5)
    return not finite.any() or bool((values - x)[finite].abs().max() <= tolerance * x[finite].abs().max())


def _follows(values: Tensor, slope: Tensor, sizes: Tensor, dtype: torch.dtype, may_jump: bool) -> bool:
    """Whether a slope ``(1, m)`` is that of values ``(1 + 2 s, m)`` at zero, steps ``(s, 1)`` forward and back."""
    if not values.isfinite().all() or not slope.isfinite().all():
        return True  # nothing can be said
    n = len(sizes)
    eps, largest = torch.finfo(dtype).eps, values.norm(dim=1).amax()
    found = (values[1 : 1 + n] - values[1 + n :]) / (2.0 * sizes)
    seen, claimed = found.norm(dim=1), slope.norm()
    least = largest * (MEANINGFUL * eps / (2.0 * sizes.squeeze(1)) + eps**0.5)  # slopes that are lost in rounding
    clear = torch.maximum(seen, claimed.expand_as(seen)) > least
    if not clear.any():
        return True
    agrees = (found - slope).norm(dim=1) <= TOLERANCE.get(dtype, USUAL_TOLERANCE) * torch.maximum(
        seen, claimed.expand_as(seen)
    )
    still = ~clear & (seen.amax() > 10.0 * least)  # a change that vanishes faster than the step is one of jumps
    return bool((agrees & clear).any()) or (may_jump and bool(still.any()))
