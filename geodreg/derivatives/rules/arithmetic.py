"""Rules for sums, products, quotients and means."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Any

import torch
from torch import Tensor

from geodreg.derivatives.dual_rows import DualRows, NoRuleError, constant_row, in_place, kept, rule

__all__ = ["bilinear"]


def bilinear(function: Callable[[Tensor, Tensor], Tensor], one: Tensor, other: Tensor, n_values: int) -> Tensor:
    """The product rule for a function that is linear in each of two variables, and broadcasts over directions."""
    if one.ndim != other.ndim or len(one) != len(other):
        raise NoRuleError("variables of different shapes are multiplied")
    a, b = one.unflatten(0, (-1, n_values)), other.unflatten(0, (-1, n_values))
    return torch.cat([function(a[:1], b[:1]), function(a[:1], b[1:]) + function(a[1:], b[:1])]).flatten(0, 1)


@rule(torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__, torch.multiply, Tensor.multiply)
def _multiply(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    if not (isinstance(one, DualRows) and isinstance(other, DualRows)):
        rows, factor = (one, other) if isinstance(one, DualRows) else (other, one)
        return rows * constant_row(rows, factor)
    return bilinear(torch.mul, one, other, n_values)


@rule(torch.div, Tensor.div, Tensor.__truediv__, Tensor.true_divide, torch.true_divide)
def _divide(function: Any, n_values: int, one: Any, other: Any, rounding_mode: str | None = None) -> Tensor:
    if rounding_mode is not None:
        raise NoRuleError("a quotient is rounded")
    if not isinstance(other, DualRows):
        return one / constant_row(one, other)
    b = other.unflatten(0, (-1, n_values))
    if not isinstance(one, DualRows):
        value = constant_row(other, one) / b[:1]
        return torch.cat([value, -value * b[1:] / b[:1]]).flatten(0, 1)
    if one.ndim != other.ndim:
        raise NoRuleError("variables of different shapes are divided")
    a = one.unflatten(0, (-1, n_values))
    value = a[:1] / b[:1]
    return torch.cat([value, (a[1:] - value * b[1:]) / b[:1]]).flatten(0, 1)


@rule(Tensor.__rtruediv__, Tensor.__rdiv__)
def _divide_by(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    return _divide(function, n_values, other, one)


@rule(torch.add, Tensor.add, Tensor.__add__, Tensor.__radd__)
def _add(function: Any, n_values: int, one: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    if alpha != 1:
        raise NoRuleError("a multiple is added")
    if isinstance(one, DualRows) and isinstance(other, DualRows):
        return _of_one_shape(one, other) + other
    return _plus_constant(one, other, n_values) if isinstance(one, DualRows) else _plus_constant(other, one, n_values)


@rule(torch.sub, Tensor.sub, Tensor.__sub__, torch.subtract)
def _subtract(function: Any, n_values: int, one: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    if alpha != 1:
        raise NoRuleError("a multiple is subtracted")
    if isinstance(one, DualRows) and isinstance(other, DualRows):
        return _of_one_shape(one, other) - other
    return _plus_constant(one, -other, n_values) if isinstance(one, DualRows) else _plus_constant(-other, one, n_values)


@rule(Tensor.__rsub__, torch.rsub)
def _subtract_from(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    return _subtract(function, n_values, other, one)


def _of_one_shape(one: Tensor, other: Tensor) -> Tensor:
    if one.ndim != other.ndim:
        raise NoRuleError("variables of different shapes are added")
    return one


def _plus_constant(rows: Tensor, constant: Any, n_values: int) -> Tensor:
    constant = constant_row(rows, constant)
    values = rows[:n_values] + constant
    if values.shape[1:] != rows.shape[1:]:  # the constant is the wider one
        return torch.cat([values, rows[n_values:].expand(-1, *values.shape[1:])])
    return torch.cat([values, rows[n_values:]])


@rule(torch.neg, Tensor.neg, Tensor.__neg__, Tensor.__pos__)
def _sign(function: Any, n_values: int, rows: Tensor) -> Tensor:
    return function(rows)


@rule(torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm, torch.bmm, Tensor.bmm, Tensor.__rmatmul__)
def _matrix_product(function: Any, n_values: int, one: Any, other: Any) -> Tensor:
    if function is Tensor.__rmatmul__:
        one, other = other, one
    if isinstance(one, DualRows) and isinstance(other, DualRows):
        if one.ndim < 3:
            raise NoRuleError("rows are multiplied with rows")
        return bilinear(torch.matmul, one, other, n_values)
    if isinstance(one, DualRows) and one.ndim > 1 and other.ndim >= 2 and (one.ndim > 2 or other.ndim == 2):
        return one @ (constant_row(one, other) if one.ndim > 2 else other)
    if isinstance(other, DualRows) and other.ndim > 2 and one.ndim >= 2:
        return constant_row(other, one) @ other
    raise NoRuleError("this product of matrices has no rule")


@rule(torch.addmm, Tensor.addmm)
def _add_matrix_product(
    function: Any, n_values: int, bias: Tensor, rows: Tensor, matrix: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    if isinstance(bias, DualRows) or isinstance(matrix, DualRows) or beta != 1 or alpha != 1:
        raise NoRuleError("only a constant matrix and bias have a rule")
    return _plus_constant(rows @ matrix, bias, n_values)


@rule(torch.baddbmm, Tensor.baddbmm)
def _add_batched_product(
    function: Any, n_values: int, bias: Tensor, one: Tensor, other: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    if beta != 0:
        raise NoRuleError("something is added to the product")
    return alpha * _matrix_product(torch.bmm, n_values, one, other)


@rule(torch.einsum)
def _einsum(function: Any, n_values: int, equation: str, *operands: Any) -> Tensor:
    operands = tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], tuple | list) else operands
    equation = equation.replace(" ", "")
    if "->" not in equation or "." in equation:
        raise NoRuleError("only sums with all their letters have a rule")
    inputs, output = equation.split("->")
    letters = inputs.split(",")
    row = next(part[0] for part, operand in zip(letters, operands, strict=True) if isinstance(operand, DualRows))
    for part, operand in zip(letters, operands, strict=True):
        if (part[0] == row and part.count(row) == 1) != isinstance(operand, DualRows) or (
            row in part and not isinstance(operand, DualRows)
        ):
            raise NoRuleError("rows are summed")
    if not output.startswith(row) or output.count(row) != 1:
        raise NoRuleError("rows are summed or moved")
    variable = [place for place, operand in enumerate(operands) if isinstance(operand, DualRows)]
    if len(variable) == 1:
        return torch.einsum(equation, *operands)
    if len(variable) > 2:
        raise NoRuleError("more than two variables are multiplied")
    direction = next(letter for letter in ascii_letters if letter not in equation)
    first, second = (operands[place].unflatten(0, (-1, n_values)) for place in variable)

    def product(one: Tensor, other: Tensor, moving: int) -> Tensor:
        """The sum for values and, along all directions at once, the tangents of the variable that is moving."""
        both, names = list(operands), list(letters)
        both[variable[0]], both[variable[1]] = one, other
        names[variable[moving]] = direction + names[variable[moving]]
        return torch.einsum(f"{','.join(names)}->{direction}{output}", *both)

    value = product(first[:1], second[0], 0)
    return torch.cat([value, product(first[0], second[1:], 1) + product(first[1:], second[0], 0)]).flatten(0, 1)


@rule(torch.mean, Tensor.mean, torch.sum, Tensor.sum, torch.cumsum, Tensor.cumsum)
def _over(function: Any, n_values: int, rows: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    dims = kwargs.get("dim", args[0] if args else None)
    dims = [dims] if isinstance(dims, int) else dims
    if not dims or any(dim % rows.ndim == 0 for dim in dims):
        raise NoRuleError("rows are summed")
    return kept(function(rows, *args, **kwargs), rows)


in_place("add", "sub", "mul", "div", "neg", "masked_fill")
DualRows.in_place[Tensor.__itruediv__] = Tensor.div
