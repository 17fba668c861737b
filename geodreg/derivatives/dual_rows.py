"""Rows of values before the rows of their tangents, which a generator takes for one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeGuard

import torch
from torch import Tensor

__all__ = ["DualRows", "NoRuleError", "constant_row", "current", "decomposition", "in_place", "kept", "rule"]

Rule = Callable[..., Any]


class NoRuleError(Exception):
    """A generator calls a function that has no rule here."""


class _Memory:
    """What several views share: how often it was changed in place."""

    def __init__(self) -> None:
        self.n_changes = 0


class DualRows(Tensor):
    """Rows of values, and after them the rows of their tangents, direction by direction; a batch to the generator.

    Attributes:
        n_values: how many of the rows are values; the others are as many for each direction.
        place: the dimension in which the rows are; not the first one between two transpositions.
        latest: what the rows have been changed to in place, if they have.
        memory: what they share with views of theirs, and with what they are a view of.
        n_changes: how often that had been changed in place when this view of it was taken.
    """

    n_values: int
    place: int
    latest: DualRows | None
    memory: _Memory
    n_changes: int
    rules: ClassVar[dict[Any, Rule]] = {}
    moved: ClassVar[set[Any]] = set()  # functions whose rules know rows in another dimension than the first
    decompositions: ClassVar[dict[Any, Rule]] = {}  # in functions that have rules
    in_place: ClassVar[dict[Any, Any]] = {}  # functions that change their argument, and those that do not

    @staticmethod
    def wrap(rows: Tensor, n_values: int, place: int = 0) -> DualRows:
        """The same tensor, seen as dual rows of which the first ``n_values`` are values."""
        dual = rows.as_subclass(DualRows)
        dual.n_values, dual.place, dual.latest = n_values, place, None
        dual.memory, dual.n_changes = _Memory(), 0
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
        args = tuple(current(item) for item in args)
        result = cls._by_rule(func, args, {name: current(value) for name, value in kwargs.items()})
        if changed is not None:
            if not (isinstance(changed, DualRows) and isinstance(result, DualRows) and changed.shape == result.shape):
                raise NoRuleError("something else than rows is changed in place")
            before = _last(changed)
            if result.memory is not before.memory:  # else nothing was changed, as by a dropout out of training
                before.memory.n_changes += 1
                before.latest = result
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
            return _linked(result if _is_wrapped(result) else cls.wrap(result, n_values), parts)
        return type(result)(_linked(part if _is_wrapped(part) else cls.wrap(part, n_values), parts) for part in result)


def _is_wrapped(result: Tensor) -> TypeGuard[DualRows]:
    return isinstance(result, DualRows) and hasattr(result, "latest")


def _linked(result: DualRows, parts: Sequence[DualRows]) -> DualRows:
    """A result that is known to be a view of the first of some rows whose memory it shares."""
    with torch._C.DisableTorchFunctionSubclass():
        place = result.untyped_storage().data_ptr()
        shared = next((part for part in parts if part.untyped_storage().data_ptr() == place), None)
    if shared is not None and shared is not result:
        result.memory, result.n_changes = shared.memory, shared.n_changes
    return result


def _last(rows: DualRows) -> DualRows:
    while rows.latest is not None:
        rows = rows.latest
    return rows


def current(argument: Any) -> Any:
    """An argument, and what it has been changed to in place.

    Raises:
        NoRuleError: if it was changed through another view of its memory, which is not followed.
    """
    if isinstance(argument, DualRows):
        last = _last(argument)
        if last.n_changes != last.memory.n_changes:
            raise NoRuleError("rows are changed in place through a view")
        return last
    if type(argument) in (tuple, list):
        return type(argument)(current(part) for part in argument)
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
