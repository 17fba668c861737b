"""Names of a package that are imported when they are first asked for, so that what needs no torch starts without it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

__all__ = ["lazily"]


def lazily(package: str, file: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562) whose names are imported from their modules on first use.

    Which names those are stands once, where type checkers read it: in the imports below ``if TYPE_CHECKING:``. Modules
    of the package, and the packages between, are attributes too, as if all had been imported.

    Args:
        package: its ``__name__``.
        file: its ``__file__``.

    Example:
        >>> find, names = lazily("geodreg", __file__.replace("workspace/lazy", "__init__"))
        >>> find("Paths")
        <class 'geodreg.interpolation.paths.Paths'>
        >>> find("riemannian").__name__, "Paths" in names()
        ('geodreg.riemannian', True)
    """
    homes = _homes(Path(file).read_text(encoding="utf-8"))
    parts = {module.removeprefix(f"{package}.").partition(".")[0] for module in homes.values()}

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


def _homes(source: str) -> dict[str, str]:
    """The module that each name is imported from for type checkers alone."""
    blocks = [
        node.body
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    imports = [node for block in blocks for node in block if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.name: str(node.module) for node in imports for alias in node.names}
