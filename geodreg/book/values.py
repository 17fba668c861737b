"""Values of parameters: what a command line, YAML or Python gives, read as the kind that a page declares."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import yaml

__all__ = ["ANYTHING", "Value", "ValueRefusedError", "is_kind", "kind_of", "read_value", "read_yaml"]

Value: TypeAlias = "bool | int | float | str | list[Value]"

LIST = re.compile(r"list\[(.+)\]")
LEADING_ZERO = re.compile(r"\s*[+-]?0[\d_]+\s*")  # 010 is eight to YAML 1.1, and ten to Python's int
YES, NO = ("true", "yes", "on"), ("false", "no", "off")  # what YAML 1.1 takes for a bool, and 1.2 in part
ANYTHING = "anything"  # kind of the elements of a list that shows none


class ValueRefusedError(ValueError):
    """A value that is not of the kind asked for; the message is that kind."""


def kind_of(value: object) -> str:
    """The kind of a default, as it would be declared; elements of a list are of the narrowest kind that all have.

    Example:
        >>> kind_of([1, 2.5]), kind_of([[1], [2]]), kind_of([])
        ('list[float]', 'list[list[int]]', 'list[anything]')
    """
    if not isinstance(value, list):
        return type(value).__name__
    kinds = {kind_of(element) for element in value}
    if kinds == {"int", "float"}:
        kinds = {"float"}
    return f"list[{kinds.pop() if len(kinds) == 1 else ANYTHING}]"


def is_kind(kind: str) -> bool:
    """Whether values of a kind can be read: ``float``, ``int``, ``bool``, ``str``, and lists of these."""
    inner = LIST.fullmatch(kind)
    return is_kind(inner[1]) if inner else kind in _READERS


def read_value(kind: str, value: object) -> Value:
    """A value as a kind, the same whether it comes as text or not.

    A float is any finite number, ``1e-3`` too, which YAML 1.1 takes for text. An int is a whole number in any notation.
    Digits that begin with 0 are neither, since what they mean depends on the reader. A bool is true, false, yes, no, on
    or off. A list is a list, or YAML's notation of one.

    Args:
        kind: such as ``float`` or ``list[int]``.
        value: of a command line, a YAML file or a cell.

    Raises:
        ValueRefusedError: if it is no such value; the message says what it must be.

    Example:
        >>> read_value("list[float]", "[1e-3, 2]"), read_value("int", "1e3"), read_value("bool", "TRUE")
        ([0.001, 2.0], 1000, True)
    """
    inner = LIST.fullmatch(kind)
    try:
        if inner is None:
            return _READERS[kind](value)
        elements = read_yaml(value) if isinstance(value, str) else value
        if isinstance(elements, list):
            return [read_value(inner[1], element) for element in elements]
    except ValueRefusedError as error:
        if inner is None:
            raise
        raise ValueRefusedError(f"of type {kind}" + (" and finite" if "finite" in str(error) else "")) from None
    except (ValueError, TypeError, OverflowError, RecursionError, yaml.YAMLError):
        pass
    raise ValueRefusedError(f"of type {kind}")


def read_yaml(text: str) -> Any:  # noqa: ANN401 - whatever YAML can say
    """YAML, with numbers, dates and words left as text, for whoever knows which of them are meant.

    YAML 1.1 makes 010 eight, 1:30 ninety, ``no`` false and 1e-3 text, without a word.

    Raises:
        yaml.YAMLError: if it is none, or names something twice, of which YAML would drop the first.

    Example:
        >>> read_yaml("{who: [007, no], when: 12:30, nothing: null}")
        {'who': ['007', 'no'], 'when': '12:30', 'nothing': None}
    """
    return yaml.load(text, Loader=_TextLoader)  # noqa: S506 - the loader is a safe one


class _TextLoader(yaml.SafeLoader):
    """PyYAML's safe loader without the types that it finds in plain text, except null."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, each key once."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for key in keys if keys.count(key) > 1 and key != "<<"]:
            raise yaml.constructor.ConstructorError(None, None, f"it has {twice[0]!r} twice", node.start_mark)
        return super().construct_mapping(node, deep)


KEPT = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag in KEPT]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, str) and LEADING_ZERO.fullmatch(value):
        raise ValueError
    number = float(value)
    if not math.isfinite(number):
        raise ValueRefusedError("of type float and finite")
    return number


def _int(value: object) -> int:
    if isinstance(value, str):
        text = value.strip()
        if LEADING_ZERO.fullmatch(text):
            raise ValueError
        try:
            return int(text, 0)
        except ValueError:
            return _int(float(text))
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError
    return int(value)


def _bool(value: object) -> bool:
    if isinstance(value, str) and value.strip().lower() in (*YES, *NO):
        return value.strip().lower() in YES
    if not isinstance(value, bool):
        raise TypeError
    return value


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # a command line may hold bytes that are no text, which no file of text can
    return value


def _anything(value: object) -> Value:
    if isinstance(value, list):
        return [_anything(element) for element in value]
    for kind in ("int", "float", "bool", "str"):
        try:
            return _READERS[kind](value)
        except (ValueError, TypeError, OverflowError):
            continue
    raise TypeError


_READERS: Mapping[str, Callable[[object], Value]] = {
    "float": _float,
    "int": _int,
    "bool": _bool,
    "str": _str,
    ANYTHING: _anything,
}
