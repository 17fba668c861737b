"""Names of a package that are imported when they are first asked for, so that what needs no torch starts without it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

__all__ = ["lazily"]


def lazily(package: str, names: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562) whose names are imported from their modules on first use.

    Modules of the package, and the packages between, are attributes too, as if all had been imported.

    Args:
        package: its ``__name__``.
        names: which names each module gives, by the module's full name.

    Example:
        >>> find, names = lazily("json", {"json.decoder": ["JSONDecoder"]})
        >>> find("JSONDecoder")
        <class 'json.decoder.JSONDecoder'>
        >>> find("decoder").__name__, "JSONDecoder" in names()
        ('json.decoder', True)
    """
    homes = {name: module for module, found in names.items() for name in found}
    parts = {module.removeprefix(f"{package}.").partition(".")[0] for module in names}

    def find(name: str) -> object:
        if name in homes:
            value = getattr(import_module(homes[name]), name)
        elif name in parts:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        vars(sys.modules[package])[name] = value  # the next use finds it without coming here
        return value

    return find, lambda: sorted({*vars(sys.modules[package]), *homes, *parts})
