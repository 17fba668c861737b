"""Rules for activations: a function of the values, and its slope times the tangents."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from geodreg.derivatives.dual_rows import DualRows, NoRuleError, decomposition, in_place, rule
from geodreg.derivatives.rules.activations import DERIVATIVES, Derivatives

__all__: list[str] = []

# The settings of these that change their results are all known; those of any other function would be refused.
NUMBERS = (int, float, str, type(None))


@rule(*DERIVATIVES)
def _activate(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if not all(isinstance(value, NUMBERS) for value in (*args, *kwargs.values())):
        raise NoRuleError(f"{function.__name__} has settings that are no numbers")
    try:
        derivatives = DERIVATIVES[function](*args, **kwargs)
    except TypeError as error:
        raise NoRuleError(f"{function.__name__} has settings that have no rule") from error
    return _Activate.apply(rows.as_subclass(Tensor), n_values, derivatives)


class _Activate(torch.autograd.Function):
    """An activation of the values, and its derivative times the tangents."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, n_values: int, derivatives: Derivatives) -> Tensor:
        value = rows[:n_values]
        activated, slope = derivatives.first(value)
        result = torch.empty_like(rows)
        result[:n_values] = activated
        by_direction = result[n_values:].unflatten(0, (-1, n_values))
        torch.mul(rows[n_values:].unflatten(0, (-1, n_values)), slope, out=by_direction)
        ctx.save_for_backward(rows, slope)
        ctx.n_values, ctx.derivatives = n_values, derivatives
        return result

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, None, None]:
        rows, slope = ctx.saved_tensors
        n_values = ctx.n_values
        if torch.is_grad_enabled():  # to be differentiated again: the slope is a function of the rows
            _, slope = ctx.derivatives.first(rows[:n_values])
        tangents = rows[n_values:].unflatten(0, (-1, n_values))
        (cotangent,) = cotangents
        bent = (tangents * cotangent[n_values:].unflatten(0, (-1, n_values))).sum(0)
        result = (cotangent.unflatten(0, (-1, n_values)) * slope).flatten(0, 1)
        bend = bent * ctx.derivatives.second(rows[:n_values])
        if torch.is_grad_enabled():
            return torch.cat([result[:n_values] + bend, result[n_values:]]), None, None
        result[:n_values] += bend
        return result, None, None


@rule(F.prelu, torch.prelu)
def _prelu(function: Any, n_values: int, rows: Tensor, weight: Tensor) -> Tensor:
    if isinstance(weight, DualRows):
        raise NoRuleError("weights depend on the latents")
    if rows.ndim < 2 and weight.numel() > 1:
        raise NoRuleError("rows are taken for channels")
    values, tangents = rows[:n_values], rows[n_values:].unflatten(0, (-1, n_values))
    below = weight.view(-1, *[1] * (rows.ndim - 2)) if rows.ndim > 2 else weight
    slope = torch.where(values > 0.0, 1.0, below)
    return torch.cat([(values * slope).unsqueeze(0), tangents * slope]).flatten(0, 1)


@decomposition(F.glu)
def _gated(rows: Tensor, dim: int = -1) -> Tensor:
    value, gate = rows.chunk(2, dim)
    return value * gate.sigmoid()


in_place("tanh", "sigmoid", "relu", "exp", "log", "sqrt", "rsqrt", "square", "pow", "abs", "clamp", "sin", "cos")
in_place("reciprocal", "clamp_min", "clamp_max")
