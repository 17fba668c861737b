"""Forward-mode differentiation along every latent direction at once, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from geodreg.derivatives.activations import DERIVATIVES, Derivatives

__all__ = ["NoRuleError", "values_and_tangents"]

Rule = Callable[..., Any]


USUAL_SETTINGS: dict[Any, dict[str, Any]] = {  # those that the rules know, in the order of the arguments
    F.silu: {"inplace": False},
    F.softplus: {"beta": 1.0, "threshold": 20.0},
    F.gelu: {"approximate": "none"},
}


class NoRuleError(Exception):
    """A generator calls a function that has no rule here."""


def values_and_tangents(function: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    r"""Value and tangents of a row-wise function of known layers: a row of values before ``d`` rows of tangents.

    Values and tangents go through the function as one batch of :math:`(1 + d) n` rows. A linear layer treats all rows
    alike, so it is one matrix product or one convolution, and only its bias is for the values alone; an activation
    multiplies the tangents by its derivative. This is what :func:`torch.func.jvp` under :func:`torch.func.vmap`
    computes, in fewer and larger pieces, and it can be differentiated again in reverse, by latents and by parameters.

    Args:
        function: takes ``(n, d)`` to ``(n, ...)``, each row by itself.
        z: points ``(n, d)``.

    Returns:
        values ``(n, D)`` and tangents ``(n, d, D)``, the columns of the Jacobian as rows.

    Raises:
        NoRuleError: if the function does something that has no rule.

    Example:
        >>> values_and_tangents(lambda z: torch.tanh(z) @ torch.tensor([[2.0], [3.0]]), torch.zeros(1, 2))
        (tensor([[0.]]), tensor([[[2.],
                 [3.]]]))
    """
    n, d = z.shape
    basis = torch.eye(d, dtype=z.dtype, device=z.device).unsqueeze(1).expand(d, n, d)
    rows = torch.cat([z.unsqueeze(0), basis]).flatten(0, 1)  # (1 + d) n x d, by direction
    result = function(DualRows.wrap(rows, n))
    if not isinstance(result, DualRows):
        raise NoRuleError("the result does not depend on the latents by known functions")
    x = result.rows.flatten(1).unflatten(0, (1 + d, n))
    return x[0], x[1:].transpose(0, 1)


class DualRows(Tensor):
    """Rows of values, and after them the rows of their tangents, direction by direction; a batch to the generator."""

    n_values: int
    rules: ClassVar[dict[Any, Rule]] = {}

    @staticmethod
    def wrap(rows: Tensor, n_values: int) -> DualRows:
        """The same tensor, seen as dual rows of which the first ``n_values`` are values."""
        dual = rows.as_subclass(DualRows)
        dual.n_values = n_values
        return dual

    @property
    def rows(self) -> Tensor:
        """The same tensor, seen as a plain one."""
        with torch._C.DisableTorchFunctionSubclass():
            return self.as_subclass(Tensor)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in READ:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        rule = cls.rules.get(func)
        if rule is None:
            raise NoRuleError(f"{getattr(func, '__name__', func)} has no rule")
        n_values = next(part.n_values for part in _flat(args) if isinstance(part, DualRows))
        with torch._C.DisableTorchFunctionSubclass():
            result = rule(func, n_values, *args, **(kwargs or {}))
        if isinstance(result, Tensor):
            return cls.wrap(result, n_values)
        return type(result)(cls.wrap(part, n_values) for part in result)


def _flat(arguments: Sequence[Any]) -> list[Any]:
    return [part for item in arguments for part in (item if isinstance(item, tuple | list) else [item])]


READ = {getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device", "is_cuda", "requires_grad")}
READ |= {Tensor.__len__, Tensor.size, Tensor.dim, Tensor.numel, Tensor.is_floating_point, Tensor.__repr__}


def _rule(*functions: Any) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        DualRows.rules.update(dict.fromkeys(functions, rule))
        return rule

    return register


def _kept(result: Any, rows: Any) -> Any:
    """A result whose first dimension is still that of the rows."""
    parts = [result] if isinstance(result, Tensor) else result
    if any(part.ndim == 0 or len(part) != len(rows) for part in parts):
        raise NoRuleError("the first dimension changes")
    return result


@_rule(
    *(Tensor.view, Tensor.reshape, Tensor.flatten, Tensor.unflatten, Tensor.unsqueeze, Tensor.squeeze),
    *(torch.reshape, torch.flatten, torch.unflatten, torch.unsqueeze, torch.squeeze),
    *(Tensor.contiguous, Tensor.clone, Tensor.to, Tensor.float, Tensor.double, Tensor.neg, Tensor.__neg__, torch.neg),
    *(F.interpolate, F.pixel_shuffle, torch.pixel_shuffle, F.avg_pool2d, torch.clone),
)
def _linear(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if function is Tensor.view and not any(isinstance(arg, torch.dtype) for arg in args):
        function = Tensor.reshape  # after a convolution the channels may come last in memory
    return _kept(function(rows, *args, **kwargs), rows)


@_rule(F.dropout, F.dropout1d, F.dropout2d)
def _drop(function: Any, n_values: int, rows: Tensor, p: float = 0.5, training: bool = True, **_: Any) -> Tensor:
    if training and p > 0.0:
        raise NoRuleError("rows are dropped at random")
    return rows.as_subclass(Tensor)


@_rule(Tensor.permute, torch.permute, Tensor.transpose, torch.transpose, Tensor.movedim, torch.movedim)
def _permute(function: Any, n_values: int, rows: Tensor, *dims: Any, **kwargs: Any) -> Tensor:
    moved = function(torch.empty([2] + [1] * (rows.ndim - 1)), *dims, **kwargs)  # where does the first dimension go?
    if len(moved) != 2:
        raise NoRuleError("the first dimension moves")
    return function(rows, *dims, **kwargs)


@_rule(Tensor.__getitem__)
def _index(function: Any, n_values: int, rows: Tensor, index: Any) -> Tensor:
    first = index[0] if isinstance(index, tuple) else index
    whole = first is Ellipsis or (isinstance(first, slice) and first == slice(None))
    if not whole:
        raise NoRuleError("rows are picked")
    return _kept(function(rows, index), rows)


@_rule(Tensor.unbind, torch.unbind, Tensor.chunk, torch.chunk, Tensor.split, torch.split)
def _parts(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    dim = kwargs.get("dim", args[-1] if args else 0)
    if "unbind" not in function.__name__ and len(args) < 2 and "dim" not in kwargs:
        dim = 0
    if dim % rows.ndim == 0:
        raise NoRuleError("rows are picked")
    return tuple(_kept(function(rows, *args, **kwargs), rows))


@_rule(torch.stack, torch.cat)
def _join(function: Any, n_values: int, parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    if not all(isinstance(part, DualRows) for part in parts):
        raise NoRuleError("rows are joined with something else")
    if dim % (parts[0].ndim + (function is torch.stack)) == 0:
        raise NoRuleError("rows are joined to rows")
    return _kept(function(parts, dim), parts[0])


@_rule(torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__)
def _multiply(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    if not (isinstance(one, DualRows) and isinstance(other, DualRows)):
        rows, factor = (one, other) if isinstance(one, DualRows) else (other, one)
        _check_constant(rows, factor)
        return rows * factor
    a, b = one.unflatten(0, (-1, n_values)), other.unflatten(0, (-1, n_values))
    return torch.cat([a[:1] * b[:1], a[:1] * b[1:] + a[1:] * b[:1]]).flatten(0, 1)


@_rule(torch.div, Tensor.div, Tensor.__truediv__)
def _divide(function: Any, n_values: int, rows: Tensor, divisor: Any) -> Tensor:
    if isinstance(divisor, DualRows):
        raise NoRuleError("one variable is divided by another")
    _check_constant(rows, divisor)
    return rows / divisor


@_rule(torch.add, Tensor.add, Tensor.__add__, Tensor.__radd__)
def _add(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    if isinstance(one, DualRows) and isinstance(other, DualRows):
        return one + other
    return _plus_constant(one, other, n_values) if isinstance(one, DualRows) else _plus_constant(other, one, n_values)


@_rule(torch.sub, Tensor.sub, Tensor.__sub__)
def _subtract(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    if isinstance(one, DualRows) and isinstance(other, DualRows):
        return one - other
    return _plus_constant(one, -other, n_values) if isinstance(one, DualRows) else _plus_constant(-other, one, n_values)


@_rule(Tensor.__rsub__, torch.rsub)
def _subtract_from(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    return _subtract(function, n_values, other, one)


def _plus_constant(rows: Tensor, constant: Any, n_values: int) -> Tensor:
    _check_constant(rows, constant)
    return torch.cat([rows[:n_values] + constant, rows[n_values:]])


def _check_constant(rows: Tensor, constant: Any) -> None:
    """Refuse a constant that changes the shape, or that differs from row to row."""
    if isinstance(constant, Tensor) and (
        constant.ndim > rows.ndim or (constant.ndim == rows.ndim and constant.shape[0] != 1)
    ):
        raise NoRuleError("a constant has rows")


@_rule(torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm)
def _matrix_product(function: Any, n_values: int, rows: Any, matrix: Any) -> Tensor:
    if isinstance(rows, DualRows) and not isinstance(matrix, DualRows) and rows.ndim > 1 and matrix.ndim == 2:
        return rows @ matrix
    if isinstance(matrix, DualRows) and not isinstance(rows, DualRows) and rows.ndim == 2 and matrix.ndim > 2:
        return rows @ matrix
    raise NoRuleError("only products with a constant matrix have a rule")


@_rule(F.linear)
def _affine(function: Any, n_values: int, rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if isinstance(weight, DualRows):
        raise NoRuleError("weights depend on the latents")
    return _shifted(F.linear(rows, weight), bias, n_values, -1)


@_rule(F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
def _convolve(
    function: Any, n_values: int, rows: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **kwargs: Any
) -> Tensor:
    if isinstance(weight, DualRows):
        raise NoRuleError("weights depend on the latents")
    weight = weight
    if rows.ndim == 4 and rows.device.type == "cpu":  # oneDNN is up to half as fast again with the channels last
        rows = rows.contiguous(memory_format=torch.channels_last)
        weight = weight.contiguous(memory_format=torch.channels_last)
    return _shifted(function(rows, weight, None, *args, **kwargs), bias, n_values, 1)


@_rule(F.batch_norm)
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
    return _shifted(rows * scale.view(shape), shift, n_values, 1)


def _shifted(rows: Tensor, bias: Tensor | None, n_values: int, dim: int) -> Tensor:
    """The same rows, a bias along one dimension added to the values."""
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


@_rule(*DERIVATIVES)
def _activate(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    usual = USUAL_SETTINGS.get(function, {})
    given = {**dict(zip(usual, args, strict=False)), **kwargs}
    if len(args) > len(usual) or any(name not in usual or value != usual[name] for name, value in given.items()):
        raise NoRuleError(f"{function.__name__} has settings that have no rule")
    return _Activate.apply(rows.as_subclass(Tensor), n_values, DERIVATIVES[function])
