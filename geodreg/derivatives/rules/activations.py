"""Activations of one variable, with their first and second derivatives, for every setting of theirs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

__all__ = ["DERIVATIVES", "Derivatives"]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
HALF_PI_ROOT = math.sqrt(2.0 / math.pi)


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of a function of one variable, at kinks those that torch takes.

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


def _sigmoid_slope(a: Tensor) -> Tensor:
    return _sigmoid(a)[1]


def _sigmoid_second(a: Tensor) -> Tensor:
    return _sigmoid_slope(a) * (1.0 - 2.0 * a.sigmoid())


def _silu(a: Tensor) -> tuple[Tensor, Tensor]:
    gate = a.sigmoid()
    value = a * gate
    return value, torch.addcmul(gate, value, 1.0 - gate)


def _silu_second(a: Tensor) -> Tensor:
    gate = a.sigmoid()
    return gate * (1.0 - gate) * (2.0 + a * (1.0 - 2.0 * gate))


def softplus(beta: float = 1.0, threshold: float = 20.0) -> Derivatives:
    """Softplus, which is the identity above the threshold."""
    if (beta, threshold) == (1.0, 20.0):  # there the slope is one to rounding
        return Derivatives(lambda a: (F.softplus(a), a.sigmoid()), _sigmoid_slope)

    def first(a: Tensor) -> tuple[Tensor, Tensor]:
        return F.softplus(a, beta, threshold), torch.where(a * beta > threshold, 1.0, (beta * a).sigmoid())

    def second(a: Tensor) -> Tensor:
        return torch.where(a * beta > threshold, 0.0, beta * _sigmoid_slope(beta * a))

    return Derivatives(first, second)


def _normal(a: Tensor) -> Tensor:
    return (-0.5 * a.square()).exp() / math.sqrt(2.0 * math.pi)


def _gelu(a: Tensor) -> tuple[Tensor, Tensor]:
    below = 0.5 * (1.0 + torch.erf(a * math.sqrt(0.5)))
    return a * below, below + a * _normal(a)


def _gelu_by_tanh(a: Tensor) -> tuple[Tensor, Tensor]:
    bent = (HALF_PI_ROOT * (a + 0.044715 * a**3)).tanh()
    slope = HALF_PI_ROOT * (1.0 + 3.0 * 0.044715 * a**2)
    return F.gelu(a, approximate="tanh"), 0.5 * (1.0 + bent) + 0.5 * a * (1.0 - bent.square()) * slope


def _gelu_by_tanh_second(a: Tensor) -> Tensor:
    bent = (HALF_PI_ROOT * (a + 0.044715 * a**3)).tanh()
    slope = HALF_PI_ROOT * (1.0 + 3.0 * 0.044715 * a**2)
    curve = HALF_PI_ROOT * 6.0 * 0.044715 * a
    return (1.0 - bent.square()) * (slope - a * bent * slope.square() + 0.5 * a * curve)


def gelu(approximate: str = "none") -> Derivatives:
    """GELU, exact or by the hyperbolic tangent."""
    if approximate == "tanh":
        return Derivatives(_gelu_by_tanh, _gelu_by_tanh_second)
    return Derivatives(_gelu, lambda a: (2.0 - a.square()) * _normal(a))


def pieces(below: float, above: float = 1.0) -> Derivatives:
    """Slopes below and above zero."""

    def first(a: Tensor) -> tuple[Tensor, Tensor]:
        slope = torch.where(a > 0.0, torch.full_like(a, above), below)
        return a * slope, slope

    return Derivatives(first, torch.zeros_like)


def relu() -> Derivatives:
    """The rectifier."""
    return Derivatives(lambda a: (a.relu(), (a > 0.0).to(a.dtype)), torch.zeros_like)


def leaky_relu(negative_slope: float = 0.01) -> Derivatives:
    """The leaky rectifier."""
    return pieces(negative_slope)


def between(low: float | None, high: float | None, strictly: bool) -> Derivatives:
    """The identity between two bounds, constant outside."""

    def first(a: Tensor) -> tuple[Tensor, Tensor]:
        inside = torch.ones_like(a, dtype=torch.bool)
        if low is not None:
            inside = inside & ((a > low) if strictly else (a >= low))
        if high is not None:
            inside = inside & ((a < high) if strictly else (a <= high))
        return a.clamp(low, high), inside.to(a.dtype)

    return Derivatives(first, torch.zeros_like)


def hardtanh(min_val: float = -1.0, max_val: float = 1.0) -> Derivatives:
    """The identity between two bounds."""
    return between(min_val, max_val, strictly=True)


def relu6() -> Derivatives:
    """The rectifier up to six."""
    return between(0.0, 6.0, strictly=True)


def clamp(min: float | None = None, max: float | None = None) -> Derivatives:  # noqa: A002 - torch's own names
    """The identity between two bounds, of which one may be missing."""
    return between(min, max, strictly=False)


def elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Derivatives:
    """The exponential linear unit; with other scales, those that torch makes of it."""

    def first(a: Tensor) -> tuple[Tensor, Tensor]:
        bent = alpha * scale * torch.expm1(input_scale * a.clamp(max=0.0))
        slope = torch.where(a > 0.0, scale, input_scale * (bent + alpha * scale))
        return torch.where(a > 0.0, scale * a, bent), slope

    def second(a: Tensor) -> Tensor:
        bent = alpha * scale * input_scale**2 * torch.exp(input_scale * a.clamp(max=0.0))
        return torch.where(a > 0.0, 0.0, bent)

    return Derivatives(first, second)


def selu() -> Derivatives:
    """The exponential linear unit of self-normalising networks."""
    return elu(SELU_ALPHA, SELU_SCALE)


def celu(alpha: float = 1.0) -> Derivatives:
    """The exponential linear unit with a continuous slope."""
    return elu(alpha, 1.0, 1.0 / alpha)


def mish() -> Derivatives:
    """``a tanh(softplus(a))``."""

    def first(a: Tensor) -> tuple[Tensor, Tensor]:
        bent, gate = F.softplus(a).tanh(), a.sigmoid()
        return a * bent, bent + a * gate * (1.0 - bent.square())

    def second(a: Tensor) -> Tensor:
        bent, gate = F.softplus(a).tanh(), a.sigmoid()
        slope = gate * (1.0 - bent.square())
        return 2.0 * slope + a * slope * (1.0 - gate - 2.0 * gate * bent)

    return Derivatives(first, second)


def softsign() -> Derivatives:
    """``a / (1 + |a|)``."""

    def first(a: Tensor) -> tuple[Tensor, Tensor]:
        size = 1.0 + a.abs()
        return a / size, size.square().reciprocal()

    return Derivatives(first, lambda a: -2.0 * a.sign() / (1.0 + a.abs()) ** 3)


def power(exponent: float) -> Derivatives:
    """A constant power; the whole ones up to three without the function that takes any."""
    p = float(exponent)
    if p == 2.0:
        return Derivatives(lambda a: (a.square(), 2.0 * a), lambda a: torch.full_like(a, 2.0))
    return Derivatives(lambda a: (a.pow(p), p * a.pow(p - 1.0)), lambda a: p * (p - 1.0) * a.pow(p - 2.0))


def _rsqrt(a: Tensor) -> tuple[Tensor, Tensor]:
    value = a.rsqrt()
    return value, -0.5 * value**3


def _sqrt(a: Tensor) -> tuple[Tensor, Tensor]:
    value = a.sqrt()
    return value, 0.5 / value


TANH = Derivatives(_tanh, lambda a: -2.0 * a.tanh() * (1.0 - a.tanh().square()))
SIGMOID = Derivatives(_sigmoid, _sigmoid_second)
SILU = Derivatives(_silu, _silu_second)
SINE = Derivatives(lambda a: (a.sin(), a.cos()), lambda a: -a.sin())
COSINE = Derivatives(lambda a: (a.cos(), -a.sin()), lambda a: -a.cos())
EXPONENTIAL = Derivatives(lambda a: (a.exp(), a.exp()), torch.exp)
LOGARITHM = Derivatives(lambda a: (a.log(), a.reciprocal()), lambda a: -a.square().reciprocal())
SQUARE = Derivatives(lambda a: (a.square(), 2.0 * a), lambda a: torch.full_like(a, 2.0))
ROOT = Derivatives(_sqrt, lambda a: -0.25 * a.pow(-1.5))
INVERSE_ROOT = Derivatives(_rsqrt, lambda a: 0.75 * a.rsqrt() ** 5)
RECIPROCAL = Derivatives(lambda a: (a.reciprocal(), -a.square().reciprocal()), lambda a: 2.0 * a.reciprocal() ** 3)
LOG_SIGMOID = Derivatives(lambda a: (F.logsigmoid(a), (-a).sigmoid()), lambda a: -_sigmoid_slope(a))
ABSOLUTE = Derivatives(lambda a: (a.abs(), a.sign()), torch.zeros_like)

DERIVATIVES: dict[Any, Callable[..., Derivatives]] = {
    **dict.fromkeys((torch.tanh, Tensor.tanh, F.tanh), lambda: TANH),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, F.sigmoid), lambda: SIGMOID),
    **dict.fromkeys((F.silu,), lambda: SILU),
    **dict.fromkeys((F.softplus,), softplus),
    **dict.fromkeys((F.gelu,), gelu),
    **dict.fromkeys((torch.sin, Tensor.sin), lambda: SINE),
    **dict.fromkeys((torch.cos, Tensor.cos), lambda: COSINE),
    **dict.fromkeys((torch.exp, Tensor.exp), lambda: EXPONENTIAL),
    **dict.fromkeys((torch.log, Tensor.log), lambda: LOGARITHM),
    **dict.fromkeys((torch.square, Tensor.square), lambda: SQUARE),
    **dict.fromkeys((torch.sqrt, Tensor.sqrt), lambda: ROOT),
    **dict.fromkeys((torch.rsqrt, Tensor.rsqrt), lambda: INVERSE_ROOT),
    **dict.fromkeys((torch.reciprocal, Tensor.reciprocal), lambda: RECIPROCAL),
    **dict.fromkeys((torch.pow, Tensor.pow, Tensor.__pow__), power),
    **dict.fromkeys((torch.abs, Tensor.abs, Tensor.__abs__), lambda: ABSOLUTE),
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), relu),
    **dict.fromkeys((F.leaky_relu,), leaky_relu),
    **dict.fromkeys((F.relu6,), relu6),
    **dict.fromkeys((F.hardtanh,), hardtanh),
    **dict.fromkeys((torch.clamp, Tensor.clamp), clamp),
    **dict.fromkeys((torch.clamp_min, Tensor.clamp_min), lambda min: clamp(min=min)),  # noqa: A006
    **dict.fromkeys((torch.clamp_max, Tensor.clamp_max), lambda max: clamp(max=max)),  # noqa: A006
    **dict.fromkeys((F.elu,), lambda alpha=1.0: elu(alpha)),
    **dict.fromkeys((F.selu, torch.selu), selu),
    **dict.fromkeys((F.celu, torch.celu), celu),
    **dict.fromkeys((F.mish,), mish),
    **dict.fromkeys((F.softsign,), softsign),
    **dict.fromkeys((F.logsigmoid,), lambda: LOG_SIGMOID),
}
"""By the functions and methods of torch that call them; each takes the function's settings."""
