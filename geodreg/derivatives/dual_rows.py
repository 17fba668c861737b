"""Rows of values before the rows of their tangents, which a generator takes for one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

__all__ = ["DualRows", "NoRuleError", "constant_row", "decomposition", "in_place", "kept", "rule"]

Rule = Callable[..., Any]


class NoRuleError(Exception):
    """A generator calls a function that has no rule here."""


class DualRows(Tensor):
    """Rows of values, and after them the rows of their tangents, direction by direction; a batch to the generator.

    Attributes:
        n_values: how many of the rows are values; the others are as many for each direction.
        place: the dimension in which the rows are; not the first one between two transpositions.
        latest: what the rows have been changed to in place, if they have.
    """

    n_values: int
    place: int
    latest: DualRows | None
    rules: ClassVar[dict[Any, Rule]] = {}
    moved: ClassVar[set[Any]] = set()  # functions whose rules know rows in another dimension than the first
    decompositions: ClassVar[dict[Any, Rule]] = {}  # in functions that have rules
    in_place: ClassVar[dict[Any, Any]] = {}  # functions that change their argument, and those that do not

    @staticmethod
    def wrap(rows: Tensor, n_values: int, place: int = 0) -> DualRows:
        """The same tensor, seen as dual rows of which the first ``n_values`` are values."""
        dual = rows.as_subclass(DualRows)
        dual.n_values, dual.place, dual.latest = n_values, place, None
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
        kwargs = dict(kwargs or {})
        if func in READ:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        if func in CONSTANT:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs).as_subclass(Tensor)
        changed = args[0] if kwargs.pop("inplace", False) or func in cls.in_place else None
        func = cls.in_place.get(func, func)
        args = tuple(_current(item) for item in args)
        result = cls._by_rule(func, args, {name: _current(value) for name, value in kwargs.items()})
        if changed is not None:
            if not (isinstance(changed, DualRows) and isinstance(result, DualRows) and changed.shape == result.shape):
                raise NoRuleError("something else than rows is changed in place")
            _last(changed).latest = result
        return result

    @classmethod
    def _by_rule(cls, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func in cls.decompositions:
            return cls.decompositions[func](*args, **kwargs)
        found = cls.rules.get(func)
        if found is None:
            raise NoRuleError(f"{getattr(func, '__name__', func)} has no rule")
        parts = [part for part in _flat((*args, *kwargs.values())) if isinstance(part, DualRows)]
        n_values = parts[0].n_values
        if any(part.n_values != n_values or (part.place != 0 and func not in cls.moved) for part in parts):
            raise NoRuleError("rows stand in different places")
        with torch._C.DisableTorchFunctionSubclass():
            result = found(func, n_values, *args, **kwargs)
        if isinstance(result, Tensor):
            return result if _is_wrapped(result) else cls.wrap(result, n_values)
        return type(result)(part if _is_wrapped(part) else cls.wrap(part, n_values) for part in result)


def _is_wrapped(result: Tensor) -> bool:
    return isinstance(result, DualRows) and hasattr(result, "latest")


def _last(rows: DualRows) -> DualRows:
    while rows.latest is not None:
        rows = rows.latest
    return rows


def _current(argument: Any) -> Any:
    """An argument, and what it has been changed to in place."""
    if isinstance(argument, DualRows):
        return _last(argument)
    if type(argument) in (tuple, list):
        return type(argument)(_current(part) for part in argument)
    return argument


def _flat(arguments: Sequence[Any]) -> list[Any]:
    return [part for item in arguments for part in (item if isinstance(item, tuple | list) else [item])]


READ = {
    getattr(Tensor, name).__get__
    for name in ("shape", "ndim", "dtype", "device", "is_cuda", "requires_grad", "is_nested", "layout")
}
READ |= {Tensor.__len__, Tensor.size, Tensor.dim, Tensor.numel, Tensor.is_floating_point, Tensor.__repr__}
READ |= {torch.is_floating_point, torch.numel, Tensor.is_contiguous, Tensor.element_size, Tensor.is_complex}
CONSTANT = {Tensor.new_zeros, Tensor.new_ones, Tensor.new_full, Tensor.new_tensor, Tensor.new_empty}
CONSTANT |= {torch.zeros_like, torch.ones_like, torch.full_like}


def rule(*functions: Any, moved: bool = False) -> Callable[[Rule], Rule]:
    """Register a rule: it gets the function, the number of values, and the function's arguments, rows as plain ones."""

    def register(found: Rule) -> Rule:
        DualRows.rules.update(dict.fromkeys(functions, found))
        if moved:
            DualRows.moved.update(functions)
        return found

    return register


def decomposition(*functions: Any) -> Callable[[Rule], Rule]:
    """Register another way to compute a function, by functions that have rules."""

    def register(found: Rule) -> Rule:
        DualRows.decompositions.update(dict.fromkeys(functions, found))
        return found

    return register


def in_place(*names: str) -> None:
    """Let the methods and functions ``name_``, and ``__iname__``, do what the method ``name`` does, and keep that."""
    for name in names:
        for holder, changing in ((Tensor, f"{name}_"), (Tensor, f"__i{name}__"), (torch, f"{name}_")):
            if hasattr(holder, changing):
                DualRows.in_place[getattr(holder, changing)] = getattr(Tensor, name)


def kept(result: Any, rows: Any) -> Any:
    """A result whose first dimension is still that of the rows."""
    parts = [result] if isinstance(result, Tensor) else result
    if any(part.ndim == 0 or len(part) != len(rows) for part in parts):
        raise NoRuleError("the first dimension changes")
    return result


def constant_row(rows: Tensor, constant: Any) -> Any:
    """A constant that is the same for all rows, one row of it if it has any; refused where rows differ."""
    if not isinstance(constant, Tensor) or constant.ndim < rows.ndim:
        return constant
    if constant.ndim > rows.ndim or constant.shape[0] not in (1, len(rows)):
        raise NoRuleError("a constant has rows")
    if constant.shape[0] > 1 and constant.stride(0) != 0 and not (constant == constant[:1]).all():
        raise NoRuleError("a constant has rows")
    return constant[:1]
