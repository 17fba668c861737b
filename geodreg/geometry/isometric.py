"""The same manifold in fewer coordinates of data space, where the structure of a generator allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard, cast

import torch
from torch import Tensor, nn

from geodreg.derivatives.calling import needs_copy

__all__ = ["NarrowGenerator", "has_wide_end"]

ARRANGING = (nn.Identity, nn.Flatten, nn.Unflatten)  # layers that move numbers, and change none


class NarrowGenerator:
    r"""A generator that ends in a linear layer, up to an isometry of data space, with as few coordinates as that has.

    A linear layer :math:`x = W h + b` that makes more numbers than it takes fills a subspace only. With
    :math:`W = Q R`, :math:`R` square and the columns of :math:`Q` orthonormal, differences of :math:`R h` have the
    inner products of differences of :math:`x`, and so have tangents. All that a solver needs is made of those: chords,
    pulled-back forces, metric, volume.

    Args:
        layers: the generator, with :func:`has_wide_end`.
    """

    def __init__(self, layers: nn.Sequential) -> None:
        *self._inner, last = _without_arranging(layers)
        self._last = cast("nn.Linear", last)
        with torch.no_grad():
            triangle = torch.linalg.qr(self._last.weight.double(), mode="r").R
        self._triangle, self._made_of = triangle.to(self._last.weight), self._last.weight.detach().clone()

    def is_current(self, layers: nn.Sequential) -> bool:
        """Whether these are still its layers, and the last one's weights those that the triangle was computed from."""
        ours, theirs, now = [*self._inner, self._last], _without_arranging(layers), self._last.weight
        return (
            len(ours) == len(theirs)
            and all(one is other for one, other in zip(ours, theirs, strict=True))
            and self._made_of.dtype == now.dtype
            and self._made_of.device == now.device
            and self._made_of.equal(now)
        )

    def __call__(self, z: Tensor) -> Tensor:
        """Rows ``(n, d)`` to rows in the coordinates of the subspace."""
        for layer in self._inner:
            z = layer(z)
        return nn.functional.linear(z, self._triangle)


def has_wide_end(generator: Callable[[Tensor], Tensor]) -> TypeGuard[nn.Sequential]:
    """Whether a generator is a sequence of layers in single precision or more, the last linear and wider out than in.

    What is left out must do nothing else: a hook on it, or a method ``forward`` of its own, may.

    Example:
        >>> has_wide_end(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 8), nn.Unflatten(1, (2, 4))))
        True
        >>> has_wide_end(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 8), nn.Sigmoid()))
        False
    """
    if type(generator) is not nn.Sequential or needs_copy(generator):
        return False
    layers = _without_arranging(generator)
    last = layers[-1] if layers else None
    if not (type(last) is nn.Linear and last.out_features > last.in_features):
        return False
    return not any(map(_is_altered, [generator, last, *list(generator)[len(layers) :]]))


def _is_altered(module: nn.Module) -> bool:
    """Whether a call of a module may do more than its class says."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def _without_arranging(layers: nn.Sequential) -> list[nn.Module]:
    kept = list(layers)
    while kept and isinstance(kept[-1], ARRANGING):
        kept.pop()
    return kept
