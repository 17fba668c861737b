"""Rules for functions that move numbers, and change none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from geodreg.derivatives.dual_rows import DualRows, NoRuleError, constant_row, kept, rule

__all__: list[str] = []


@rule(
    *(Tensor.unsqueeze, Tensor.squeeze, torch.unsqueeze, torch.squeeze),
    *(Tensor.contiguous, Tensor.clone, Tensor.to, Tensor.float, Tensor.double, Tensor.type_as, torch.clone),
    *(Tensor.expand, Tensor.repeat, F.pixel_shuffle, torch.pixel_shuffle, F.pixel_unshuffle, torch.pixel_unshuffle),
    *(F.channel_shuffle, torch.channel_shuffle, F.unfold, F.fold),
)
def _same_rows(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return kept(function(rows, *args, **kwargs), rows)


@rule(
    *(Tensor.view, Tensor.reshape, Tensor.flatten, Tensor.unflatten, Tensor.view_as, Tensor.reshape_as),
    *(torch.reshape, torch.flatten, torch.unflatten),
)
def _reshape(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The values stay first, whatever is folded into the rows or out of them."""
    if function is Tensor.view and not any(isinstance(arg, torch.dtype) for arg in args):
        function = Tensor.reshape  # after a convolution the channels may come last in memory
    result = function(rows, *args, **kwargs)
    if result.ndim == 0 or n_values * len(result) % len(rows) != 0:
        raise NoRuleError("the first dimension changes")
    return DualRows.wrap(result.as_subclass(Tensor), n_values * len(result) // len(rows))


@rule(
    *(Tensor.permute, torch.permute, Tensor.transpose, torch.transpose, Tensor.movedim, torch.movedim),
    *(Tensor.swapaxes, torch.swapaxes, Tensor.swapdims, torch.swapdims, Tensor.mT.__get__),  # type: ignore[attr-defined]
    moved=True,
)
def _permute(function: Any, n_values: int, rows: DualRows, *dims: Any, **kwargs: Any) -> Tensor:
    shape = [1] * rows.ndim
    shape[rows.place] = 2
    moved = function(torch.empty(shape), *dims, **kwargs)  # where do the rows go?
    return DualRows.wrap(function(rows, *dims, **kwargs).as_subclass(Tensor), n_values, list(moved.shape).index(2))


@rule(Tensor.__getitem__, moved=True)
def _index(function: Any, n_values: int, rows: DualRows, index: Any) -> Tensor:
    parts = list(index) if isinstance(index, tuple) else [index]
    if (
        rows.place == 0
        and isinstance(parts[0], slice)
        and parts[0] == slice(None)
        and sum(isinstance(part, Tensor | list) for part in parts[1:]) == 1
    ):
        return kept(function(rows, index), rows)
    if not all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in parts):
        raise NoRuleError("rows are picked")
    before, dim = 0, 0  # dimensions of the rows that are done, and of the result
    for part in parts:
        if part is Ellipsis:
            skipped = rows.ndim - sum(isinstance(other, int | slice) for other in parts)
            dim += min(skipped, max(0, rows.place - before))
            before += skipped
        elif part is None:
            dim += before <= rows.place
        else:
            if before == rows.place and part != slice(None):
                raise NoRuleError("rows are picked")
            dim += before < rows.place and not isinstance(part, int)
            before += 1
    dim += max(0, rows.place - before)
    return DualRows.wrap(function(rows, index).as_subclass(Tensor), n_values, dim)


@rule(
    *(Tensor.unbind, torch.unbind, Tensor.chunk, torch.chunk, Tensor.split, torch.split, Tensor.tensor_split),
    *(torch.tensor_split,),
    moved=True,
)
def _parts(function: Any, n_values: int, rows: DualRows, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    unbinds = "unbind" in function.__name__
    given = args if unbinds else args[1:]
    dim = kwargs.get("dim", given[0] if given else 0) % rows.ndim
    if dim == rows.place:
        raise NoRuleError("rows are picked")
    at = rows.place - (unbinds and dim < rows.place)
    return tuple(DualRows.wrap(part.as_subclass(Tensor), n_values, at) for part in function(rows, *args, **kwargs))


@rule(torch.stack, torch.cat, torch.concat)
def _join(function: Any, n_values: int, parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    first = next(part for part in parts if isinstance(part, DualRows))
    if dim % (first.ndim + (function is torch.stack)) == 0:
        raise NoRuleError("rows are joined to rows")
    rows = [part if isinstance(part, DualRows) else _dual_constant(part, first, n_values) for part in parts]
    return kept(function(rows, dim), first)


def _dual_constant(constant: Tensor, rows: Tensor, n_values: int) -> Tensor:
    """A constant as rows: the same for all values, and zero for the tangents."""
    if constant.ndim != rows.ndim:
        raise NoRuleError("rows are joined with something else")
    row = constant_row(rows, constant)
    values = row.expand(n_values, *row.shape[1:])
    return torch.cat([values, values.new_zeros(len(rows) - n_values, *row.shape[1:])])


@rule(torch.flip, Tensor.flip, torch.roll, Tensor.roll)
def _turn(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    dims = kwargs.get("dims", args[-1] if args else ())
    dims = [dims] if isinstance(dims, int) else list(dims)
    if function in (torch.roll, Tensor.roll) and len(args) < 2 and "dims" not in kwargs:
        raise NoRuleError("rows are moved")
    if any(dim % rows.ndim == 0 for dim in dims):
        raise NoRuleError("rows are moved")
    return function(rows, *args, **kwargs)


@rule(F.pad)
def _pad(
    function: Any, n_values: int, rows: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    if mode == "constant" and value not in (None, 0, 0.0):
        raise NoRuleError("a border of other numbers than zero is added")
    return kept(F.pad(rows, pad, mode, value), rows)


@rule(Tensor.masked_fill, torch.masked_fill)
def _fill(function: Any, n_values: int, rows: Tensor, mask: Tensor, value: Any) -> Tensor:
    mask = constant_row(rows, mask)
    return torch.cat([rows[:n_values].masked_fill(mask, value), rows[n_values:].masked_fill(mask, 0.0)])
