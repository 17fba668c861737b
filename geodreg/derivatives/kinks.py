"""Whether a generator's Jacobian jumps, as that of one made of ReLUs does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from geodreg.derivatives.modes import own_modes
from geodreg.derivatives.rungs import Push, tangents_by_vmap

__all__ = ["is_kinked"]

N_SEGMENTS, N_POINTS = 3, 65  # and points on each
N_WEIGHTS = 4  # random ones of the numbers of a data point
JUMPS = 0.2  # fraction of the slope's changes that the second derivative does not explain


@own_modes()
def is_kinked(function: Callable[[Tensor], Tensor], z: Tensor, push: Push = tangents_by_vmap) -> bool:
    r"""Whether the Jacobian of a row-wise function jumps on a segment from one latent to the next.

    With :math:`\varphi(t) = f(z_1 + t\,(z_2 - z_1))`, a smooth function has
    :math:`\varphi'(t + h) - \varphi'(t) = \tfrac{h}{2}\,(\varphi''(t) + \varphi''(t + h)) + O(h^3)`. The second
    derivative that automatic differentiation finds is blind for kinks, so where there are some the left side is larger.

    Args:
        function: takes ``(n, d)`` to ``(n, ...)``, each row independently of the others; twice differentiable by
            ``push``.
        z: latents ``(n, d)``, of which the first few are joined; a single one is left in an arbitrary direction.
        push: how the function is differentiated.

    Example:
        >>> z = torch.tensor([[-1.0, -2.0], [3.0, 1.0]])
        >>> is_kinked(torch.relu, z), is_kinked(torch.sin, z), is_kinked(lambda z: 2 * z, z)
        (True, False, False)
    """
    z = z[: N_SEGMENTS + 1].detach().clone()
    z = torch.cat([z, z + 1.0]) if len(z) == 1 else z
    return any(_jumps(function, one, other - one, push) for one, other in pairwise(z.split(1)))


def _jumps(function: Callable[[Tensor], Tensor], first: Tensor, along: Tensor, push: Push) -> bool:
    """Whether the slope changes on the segment between ``first`` and ``first + along`` by more than it is bent."""
    t = torch.linspace(0.0, 1.0, N_POINTS, dtype=first.dtype, device=first.device).unsqueeze(1).requires_grad_()
    with torch.enable_grad():
        slope = push(lambda t: function(first + t * along), t)[1].squeeze(1)  # N x D
        chance = torch.Generator().manual_seed(0)
        weights = torch.randn(slope.shape[1], N_WEIGHTS, generator=chance, dtype=torch.float64, device="cpu").to(slope)
        slopes = (slope @ weights).double()  # N x W
        bends = torch.stack([_gradient(part.sum(), t) for part in slopes.unbind(1)], dim=1)
    changes = slopes.detach().diff(dim=0)
    explained = 0.5 * (bends[1:] + bends[:-1]) / (N_POINTS - 1)
    rounding = 100.0 * torch.finfo(first.dtype).eps * slopes.detach().abs().amax() * N_POINTS
    return bool((changes - explained).abs().sum() > JUMPS * changes.abs().sum() + rounding)


def _gradient(value: Tensor, point: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(point).squeeze(1).double()
    (gradient,) = torch.autograd.grad(value, point, retain_graph=True, allow_unused=True, materialize_grads=True)
    return gradient.squeeze(1).double()
