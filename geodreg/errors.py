"""Errors whose sentence is for the reader, who can mend what it names."""

from __future__ import annotations

__all__ = ["PlainError"]


class PlainError(Exception):
    """An error that a notebook shows as its sentence alone, instead of a traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for this
        return [str(self)]
