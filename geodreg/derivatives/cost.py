"""What a tangent costs, in operations, which are the same in every run where seconds are not."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from geodreg.derivatives.modes import own_modes

__all__ = ["USUAL", "jacobian_cost"]

N_DIRECTIONS = 8  # that are pushed to count; Jacobians of fewer latents are never expensive
USUAL = 0.5  # a tangent takes as many operations as a pass forwards, and a gradient two of these

Push = Callable[[Callable[[Tensor], Tensor], Tensor], tuple[Tensor, Tensor]]


@own_modes()
def jacobian_cost(function: Callable[[Tensor], Tensor], push: Push, z: Tensor) -> float:
    """Operations of a Jacobian at a point, over those of a gradient there (a pass forwards and a pass backwards).

    Counted are matrix products, convolutions and attention, by :class:`torch.utils.flop_counter.FlopCounterMode`, at
    the first point and in a few directions. Where there are none, a tangent is taken to cost half a gradient.

    Args:
        function: row-wise, ``(n, d)`` to ``(n, ...)``.
        push: how tangents are computed, a rung of :data:`~geodreg.derivatives.rungs.RUNGS`.
        z: points ``(n, d)``.
    """
    from torch.utils.flop_counter import FlopCounterMode  # it takes a while to import, and few need it

    origin, d = z[:1].detach(), z.shape[-1]
    chance = torch.Generator().manual_seed(0)
    some = torch.randn(N_DIRECTIONS, d, generator=chance, dtype=torch.float64, device="cpu").to(origin)
    with FlopCounterMode(display=False) as values, torch.no_grad():
        function(origin)
    with FlopCounterMode(display=False) as tangents, torch.no_grad():
        push(lambda t: function(origin + t @ some), origin.new_zeros(1, N_DIRECTIONS))
    with FlopCounterMode(display=False) as gradient, torch.enable_grad():
        point = origin.clone().requires_grad_()
        torch.autograd.grad(function(point).sum(), point, allow_unused=True)
    if gradient.get_total_flops() == 0:
        return USUAL * d
    pushed = max(0, tangents.get_total_flops() - values.get_total_flops())
    return d * pushed / N_DIRECTIONS / gradient.get_total_flops()
