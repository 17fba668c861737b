"""Rules for layers that are linear but for a bias, which is for the values alone."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from geodreg.derivatives.dual_rows import DualRows, NoRuleError, kept, rule

__all__ = ["shifted"]


@rule(F.linear)
def _affine(function: Any, n_values: int, rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if isinstance(weight, DualRows) or isinstance(bias, DualRows):
        raise NoRuleError("weights depend on the latents")
    return shifted(F.linear(rows, weight), bias, n_values, -1)


@rule(F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
def _convolve(
    function: Any, n_values: int, rows: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **kwargs: Any
) -> Tensor:
    if isinstance(weight, DualRows) or isinstance(bias, DualRows):
        raise NoRuleError("weights depend on the latents")
    if rows.ndim != weight.ndim:
        raise NoRuleError("rows are taken for channels")
    if rows.ndim == 4 and rows.device.type == "cpu":  # oneDNN is up to half as fast again with the channels last
        rows = rows.contiguous(memory_format=torch.channels_last)
        weight = weight.contiguous(memory_format=torch.channels_last)
    return shifted(function(rows, weight, None, *args, **kwargs), bias, n_values, 1)


@rule(
    *(F.interpolate, F.avg_pool1d, F.avg_pool2d, F.avg_pool3d),
    *(F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
)
def _resample(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return kept(function(rows, *args, **kwargs), rows)


@rule(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
def _drop(function: Any, n_values: int, rows: Tensor, p: float = 0.5, training: bool = True, **_: Any) -> Tensor:
    if training and p > 0.0:
        raise NoRuleError("rows are dropped at random")
    return rows.as_subclass(Tensor)


@rule(F.batch_norm)
def _normalise(
    function: Any,
    n_values: int,
    rows: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if training or mean is None or variance is None:
        raise NoRuleError("statistics of the batch are taken")
    scale = (variance + eps).rsqrt() * (1.0 if weight is None else weight)
    shift = -mean * scale + (0.0 if bias is None else bias)
    shape = (-1, *[1] * (rows.ndim - 2))
    return shifted(rows * scale.view(shape), shift, n_values, 1)


def shifted(rows: Tensor, bias: Tensor | None, n_values: int, dim: int) -> Tensor:
    """The same rows, which are overwritten, a bias along one dimension added to the values."""
    if bias is None:
        return rows
    shape = [1] * rows.ndim
    shape[dim] = -1
    return _Shift.apply(rows, bias.view(shape), n_values)


class _Shift(torch.autograd.Function):
    """Add a constant to the values, in place."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, bias: Tensor, n_values: int) -> Tensor:
        ctx.mark_dirty(rows)
        rows[:n_values] += bias
        ctx.n_values, ctx.shape = n_values, bias.shape
        return rows

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (cotangent,) = cotangents
        return cotangent, cotangent[: ctx.n_values].sum_to_size(ctx.shape) if ctx.needs_input_grad[1] else None, None
