"""What is known of a batch of pairs, so that some of them are selected in all of it at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol, Self

from torch import Tensor

__all__ = ["PerPair", "Selectable", "indices"]


class Selectable(Protocol):
    """Anything that belongs to a batch of pairs."""

    def select(self, rows: Tensor) -> Self:
        """The same of some of the pairs, given by their indices in it, ``(R,)``."""


@dataclass(frozen=True)
class PerPair:
    """Base of dataclasses whose fields all belong to the same pairs, in the same order.

    Each field is a tensor with one row for each pair, or is selectable itself. Selecting goes through the fields that
    the subclass declares, so none can be forgotten when pairs leave.
    """

    def select(self, rows: Tensor) -> Self:
        """The same of some of the pairs, given by their indices in it, ``(R,)``."""
        parts: dict[str, Tensor | Selectable] = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen = {name: part[rows] if isinstance(part, Tensor) else part.select(rows) for name, part in parts.items()}
        return replace(self, **chosen)


def indices(mask: Tensor) -> Tensor:
    """Indices of the pairs for which a mask ``(P,)`` is true, in increasing order, ``(R,)``."""
    return mask.nonzero().squeeze(-1)
