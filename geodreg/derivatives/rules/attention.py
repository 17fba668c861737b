"""Rules for attention: the softmax, and products of queries, keys and values."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from geodreg.derivatives.dual_rows import DualRows, NoRuleError, decomposition, rule

__all__: list[str] = []


@rule(F.softmax, torch.softmax, Tensor.softmax, F.log_softmax, torch.log_softmax, Tensor.log_softmax)
def _softmax(
    function: Any,
    n_values: int,
    rows: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: torch.dtype | None = None,
) -> Tensor:
    if dim is None or dim % rows.ndim == 0:
        raise NoRuleError("rows are summed")
    dim = dim % rows.ndim
    if dtype is not None:
        rows = rows.to(dtype)
    values = rows[:n_values].softmax(dim)
    tangents = rows[n_values:].unflatten(0, (-1, n_values))
    off = tangents - (values * tangents).sum(dim + 1, keepdim=True)
    if "log" in function.__name__:
        return torch.cat([rows[:n_values].log_softmax(dim).unsqueeze(0), off]).flatten(0, 1)
    return torch.cat([values.unsqueeze(0), values * off]).flatten(0, 1)


@decomposition(F.scaled_dot_product_attention)
def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if dropout_p > 0.0 or enable_gqa:
        raise NoRuleError("attention is dropped at random, or shared between heads")
    return _weights(query, key, attn_mask, is_causal, scale) @ value


def _weights(query: Tensor, key: Tensor, mask: Tensor | None, is_causal: bool, scale: float | None) -> Tensor:
    """Weights of the values ``(..., l, s)`` for queries ``(..., l, e)`` and keys ``(..., s, e)``."""
    scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
    if is_causal:
        device = scores.device
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1)


@decomposition(F.multi_head_attention_forward)
def _multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Queries ``(l, n, e)``, keys and values ``(s, n, e)``, the rows in the second dimension of each."""
    unusual = (bias_k, bias_v, static_k, static_v, key_padding_mask)
    if any(part is not None for part in unusual) or add_zero_attn or (training and dropout_p > 0.0):
        raise NoRuleError("attention with this setting has no rule")
    if attn_mask is not None and attn_mask.ndim != 2:
        raise NoRuleError("a mask has rows")
    inputs = (query, key, value)
    if not all(isinstance(part, DualRows) and part.ndim == 3 and part.place == 1 for part in inputs):
        raise NoRuleError("attention to something else than rows")
    if use_separate_proj_weight:
        matrices = [q_proj_weight, k_proj_weight, v_proj_weight]
    else:
        matrices = list(in_proj_weight.chunk(3)) if in_proj_weight is not None else [None]
    biases = [None] * 3 if in_proj_bias is None else list(in_proj_bias.chunk(3))
    heads = []
    for part, matrix, bias in zip(inputs, matrices, biases, strict=True):
        if matrix is None:
            raise NoRuleError("attention with this setting has no rule")
        projected = F.linear(part.transpose(0, 1), matrix, bias)  # n x l x e
        heads.append(projected.unflatten(-1, (num_heads, -1)).transpose(1, 2))
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = ~attn_mask  # here, unlike in the function above, it says what is left out
    weights = _weights(heads[0], heads[1], attn_mask, is_causal and attn_mask is None, None)
    mixed = (weights @ heads[2]).transpose(1, 2).flatten(2)
    result = F.linear(mixed, out_proj_weight, out_proj_bias).transpose(0, 1)
    if not need_weights:
        return result, None
    return result, weights.mean(1) if average_attn_weights else weights
