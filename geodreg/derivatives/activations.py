"""Activations of one variable, with their first and second derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

__all__ = ["DERIVATIVES", "Derivatives"]


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of a smooth function of one variable.

    Attributes:
        first: takes the variable to the function's value and slope.
        second: takes the variable to the second derivative.
    """

    first: Callable[[Tensor], tuple[Tensor, Tensor]]
    second: Callable[[Tensor], Tensor]


def _tanh(a: Tensor) -> tuple[Tensor, Tensor]:
    value = a.tanh()
    return value, 1.0 - value.square()


def _sigmoid(a: Tensor) -> tuple[Tensor, Tensor]:
    value = a.sigmoid()
    return value, value * (1.0 - value)


def _silu(a: Tensor) -> tuple[Tensor, Tensor]:
    gate = a.sigmoid()
    value = a * gate
    return value, torch.addcmul(gate, value, 1.0 - gate)


def _silu_second(a: Tensor) -> Tensor:
    gate = a.sigmoid()
    return gate * (1.0 - gate) * (2.0 + a * (1.0 - 2.0 * gate))


def _softplus(a: Tensor) -> tuple[Tensor, Tensor]:
    return F.softplus(a), a.sigmoid()


def _gelu(a: Tensor) -> tuple[Tensor, Tensor]:
    below = 0.5 * (1.0 + torch.erf(a * math.sqrt(0.5)))
    return a * below, below + a * _normal(a)


def _normal(a: Tensor) -> Tensor:
    return (-0.5 * a.square()).exp() / math.sqrt(2.0 * math.pi)


def _sigmoid_slope(a: Tensor) -> Tensor:
    return _sigmoid(a)[1]


TANH = Derivatives(_tanh, lambda a: -2.0 * a.tanh() * (1.0 - a.tanh().square()))
SIGMOID = Derivatives(_sigmoid, lambda a: _sigmoid_slope(a) * (1.0 - 2.0 * a.sigmoid()))
SILU = Derivatives(_silu, _silu_second)
SOFTPLUS = Derivatives(_softplus, _sigmoid_slope)
GELU = Derivatives(_gelu, lambda a: (2.0 - a.square()) * _normal(a))
SINE = Derivatives(lambda a: (a.sin(), a.cos()), lambda a: -a.sin())
COSINE = Derivatives(lambda a: (a.cos(), -a.sin()), lambda a: -a.cos())
EXPONENTIAL = Derivatives(lambda a: (a.exp(), a.exp()), torch.exp)
SQUARE = Derivatives(lambda a: (a.square(), 2.0 * a), lambda a: torch.full_like(a, 2.0))

DERIVATIVES: dict[Any, Derivatives] = {
    **dict.fromkeys((torch.tanh, Tensor.tanh, F.tanh), TANH),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, F.sigmoid), SIGMOID),
    **dict.fromkeys((F.silu,), SILU),
    **dict.fromkeys((F.softplus,), SOFTPLUS),
    **dict.fromkeys((F.gelu,), GELU),
    **dict.fromkeys((torch.sin, Tensor.sin), SINE),
    **dict.fromkeys((torch.cos, Tensor.cos), COSINE),
    **dict.fromkeys((torch.exp, Tensor.exp), EXPONENTIAL),
    **dict.fromkeys((torch.square, Tensor.square), SQUARE),
}
"""By the functions and methods of torch that call them."""
