"""Ways to push every latent direction through a row-wise function, from the fastest to what always works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import forward_ad

from geodreg.derivatives.forward_mode import values_and_tangents

__all__ = [
    "FORMULAS",
    "RUNGS",
    "Push",
    "tangents_by_jvp",
    "tangents_by_reverse",
    "tangents_by_rows",
    "tangents_by_vmap",
]


class Push(Protocol):
    """Takes a function ``(n, d) -> (n, ...)`` and points ``(n, d)`` to values ``(n, D)`` and tangents ``(n, k, D)``.

    They are along directions ``(n, k, d)``, and without any along every latent direction, ``k = d``.
    """

    def __call__(
        self, function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor | None = None, /
    ) -> tuple[Tensor, Tensor]:
        """Push directions at points."""
        ...


def tangents_by_vmap(
    function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Value and tangents of a row-wise function by :func:`torch.func.jvp` under :func:`torch.func.vmap`.

    Args:
        function: takes ``(n, d)`` to ``(n, ...)``, each row independently of the others.
        z: points ``(n, d)``.
        directions: of each point, ``(n, k, d)``; without any every latent direction, ``k = d``.

    Returns:
        values ``(n, D)`` and tangents ``(n, k, D)``, the columns of the Jacobian as rows.
    """
    each = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device) if directions is None else directions.transpose(0, 1)

    def push(direction: Tensor) -> tuple[Tensor, Tensor]:
        value, tangent, *_ = torch.func.jvp(function, (z,), (direction.expand_as(z),))
        return value.flatten(1), tangent.flatten(1)

    values, tangents = torch.func.vmap(push)(each)  # k x n x D each, the first one repeated
    return values[0], tangents.movedim(0, 1)


def tangents_by_jvp(
    function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The same by forward mode without ``vmap``: every row once for each direction, with its tangent beside it."""
    rows, along = _repeated(z, directions)
    with forward_ad.dual_level():
        x, tangents = forward_ad.unpack_dual(function(forward_ad.make_dual(rows, along)))
    tangents = torch.zeros_like(x) if tangents is None else tangents
    return x[: len(z)].flatten(1), _by_point(tangents, z)


def tangents_by_reverse(
    function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""The same by two reverse passes: :math:`J v` is the derivative of :math:`u \mapsto J^\top u` along :math:`v`.

    The gradient of the tangents is that of :math:`\langle J^\top w, v \rangle`, so nothing is differentiated three
    times. It is for the latents alone: parameters of the function get none.
    """
    values, tangents = _TwoPasses.apply(z, function, directions)
    return values, tangents


class _TwoPasses(torch.autograd.Function):
    """Values and tangents by reverse mode, and their gradient by reverse mode."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        z: Tensor,
        function: Callable[[Tensor], Tensor],
        directions: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(z)
        ctx.function, ctx.directions = function, directions
        with torch.enable_grad():
            rows, along = _repeated(z.detach(), directions)
            x = function(rows.requires_grad_()).flatten(1)
            tangents = torch.zeros_like(x)
            if x.requires_grad:
                cotangent = torch.zeros_like(x, requires_grad=True)
                pulled = _gradient(x, rows, cotangent, keep=True)
                if pulled.requires_grad:
                    tangents = _second_pass(pulled, cotangent, along)
        return x[: len(z)].detach(), _by_point(tangents.detach(), z)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (z,) = ctx.saved_tensors
        of_values, of_tangents = cotangents
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            point = z if keep else z.detach().requires_grad_()
            rows, along = _repeated(point, ctx.directions)
            x = ctx.function(rows).flatten(1)
            if not x.requires_grad:
                return torch.zeros_like(z), None, None
            pulled = _gradient(x, rows, of_tangents.transpose(0, 1).flatten(0, 1), keep=True)
            total = (pulled * along).sum() + (x[: len(z)] * of_values).sum()
            return _gradient(total, point, None, keep), None, None


def _second_pass(pulled: Tensor, cotangent: Tensor, along: Tensor) -> Tensor:
    """Tangents from what a cotangent is pulled back to; refused where the first pass left no trace of it."""
    (tangents,) = torch.autograd.grad(pulled, cotangent, along, allow_unused=True, retain_graph=True)
    if tangents is None:
        raise RuntimeError("reverse mode can be used once, and not on what it gave")
    return tangents


def _gradient(value: Tensor, point: Tensor, cotangent: Tensor | None, keep: bool) -> Tensor:
    (gradient,) = torch.autograd.grad(
        value, point, cotangent, create_graph=keep, allow_unused=True, materialize_grads=True
    )
    return gradient


def tangents_by_rows(
    function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The same by one reverse pass for each number of a data point, where reverse mode can be used only once."""
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        rows = z.clone() if keep and z.requires_grad else z.detach().clone().requires_grad_()
        x = function(rows).flatten(1)
        columns = [
            torch.autograd.grad(number.sum(), rows, create_graph=keep, retain_graph=True, materialize_grads=True)[0]
            if number.requires_grad
            else torch.zeros_like(z)
            for number in x.unbind(1)
        ]
        tangents = torch.stack(columns, dim=-1)
        tangents = tangents if directions is None else directions @ tangents
    return (x, tangents) if keep else (x.detach(), tangents.detach())


def _repeated(z: Tensor, directions: Tensor | None) -> tuple[Tensor, Tensor]:
    """Points ``(n, d)`` once for each direction, and that direction, ``(k n, d)`` each."""
    n, d = z.shape
    if directions is None:
        directions = torch.eye(d, dtype=z.dtype, device=z.device).expand(n, d, d)
    return z.repeat(directions.shape[1], 1), directions.transpose(0, 1).reshape(-1, d)


def _by_point(tangents: Tensor, z: Tensor) -> Tensor:
    """Tangents ``(k n, ...)`` as ``(n, k, D)``."""
    return tangents.flatten(1).unflatten(0, (-1, len(z))).transpose(0, 1)


RUNGS: dict[str, Push] = {
    "layers": values_and_tangents,
    "vmap": tangents_by_vmap,
    "jvp": tangents_by_jvp,
    "reverse": tangents_by_reverse,
    "rows": tangents_by_rows,
}
"""The ladder, from the top."""

FORMULAS = {"layers": "our own", "vmap": "forward", "jvp": "forward", "reverse": "reverse", "rows": "reverse"}
"""Whose derivatives a rung puts together; two rungs with the same ones may be wrong together."""
