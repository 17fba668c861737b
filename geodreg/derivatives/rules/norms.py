"""Rules for norms whose statistics are those of a single row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from geodreg.derivatives.dual_rows import DualRows, NoRuleError, rule
from geodreg.derivatives.rules.linear_layers import shifted

__all__: list[str] = []


@rule(F.group_norm)
def _group_norm(
    function: Any,
    n_values: int,
    rows: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    grouped = rows.unflatten(1, (num_groups, -1)).flatten(2)  # rows x groups x numbers
    normal = _standardised(grouped, n_values, [2], eps).reshape(rows.shape)
    return _scaled(normal, weight, bias, n_values, 1)


@rule(F.layer_norm)
def _layer_norm(
    function: Any,
    n_values: int,
    rows: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    dims = _last(rows, normalized_shape)
    normal = _standardised(rows, n_values, dims, eps)
    if weight is not None:
        normal = normal * weight
    return normal if bias is None else torch.cat([normal[:n_values] + bias, normal[n_values:]])


@rule(F.rms_norm)
def _rms_norm(
    function: Any,
    n_values: int,
    rows: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    dims = _last(rows, normalized_shape)
    normal = _standardised(rows, n_values, dims, torch.finfo(rows.dtype).eps if eps is None else eps, centred=False)
    return normal if weight is None else normal * weight


@rule(F.instance_norm)
def _instance_norm(
    function: Any,
    n_values: int,
    rows: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not use_input_stats:
        return DualRows.rules[F.batch_norm](
            function, n_values, rows, running_mean, running_var, weight, bias, False, momentum, eps
        )
    if running_mean is not None or running_var is not None:
        raise NoRuleError("statistics of the batch are taken")
    normal = _standardised(rows, n_values, list(range(2, rows.ndim)), eps)
    return _scaled(normal, weight, bias, n_values, 1)


def _last(rows: Tensor, normalized_shape: Sequence[int]) -> list[int]:
    if len(normalized_shape) >= rows.ndim:
        raise NoRuleError("rows are normalised together")
    return list(range(rows.ndim - len(normalized_shape), rows.ndim))


def _scaled(normal: Tensor, weight: Tensor | None, bias: Tensor | None, n_values: int, dim: int) -> Tensor:
    shape = [1] * normal.ndim
    shape[dim] = -1
    return shifted(normal if weight is None else normal * weight.view(shape), bias, n_values, dim)


def _standardised(rows: Tensor, n_values: int, dims: list[int], eps: float, centred: bool = True) -> Tensor:
    r"""Rows with mean zero and mean square one over some dimensions, and their tangents.

    With :math:`h = r\,(x - \bar x)` and :math:`r = (\operatorname{mean}(x - \bar x)^2 + \epsilon)^{-1/2}`,

    .. math:: \dot h = r\,\bigl(\dot x - \bar{\dot x} - h \operatorname{mean}(h\,\dot x)\bigr)
    """
    values, tangents = rows[:n_values], rows[n_values:].unflatten(0, (-1, n_values))
    along = [dim + 1 for dim in dims]
    if centred:
        values = values - values.mean(dims, keepdim=True)
        tangents = tangents - tangents.mean(along, keepdim=True)
    scale = (values.square().mean(dims, keepdim=True) + eps).rsqrt()
    normal = values * scale
    tangents = scale * (tangents - normal * (normal * tangents).mean(along, keepdim=True))
    return torch.cat([normal.unsqueeze(0), tangents]).flatten(0, 1)
