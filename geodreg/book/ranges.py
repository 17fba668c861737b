"""Which values a parameter may have, as the comment behind it says: an interval of numbers, or a set of names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["Interval", "Names", "range_in"]

NUMBER = r"[+-]?(?:inf|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?)"
INTERVAL = re.compile(rf"[\[(]\s*({NUMBER})\s*,\s*({NUMBER})\s*[\])]\s*$")
NAMES = re.compile(r"\{([^{}]+)\}\s*$")


@dataclass(frozen=True)
class Interval:
    """An interval of numbers.

    Attributes:
        text: as declared, such as ``[0, inf)``; a bracket says that the endpoint belongs to it, a parenthesis not.
        low: lower endpoint.
        high: upper endpoint.
    """

    text: str
    low: float
    high: float

    def allows(self, value: object) -> bool:
        """Whether a value, or each element of a list that is not empty, lies in it."""
        if isinstance(value, list):
            return bool(value) and all(self.allows(element) for element in value)
        if not isinstance(value, int | float):
            return False
        above = value >= self.low if self.text.startswith("[") else value > self.low
        return above and (value <= self.high if self.text.endswith("]") else value < self.high)

    def __str__(self) -> str:
        return f"in {self.text}"


@dataclass(frozen=True)
class Names:
    """Names, in which ``*`` and ``[0-9]`` stand for what they stand for in a shell.

    Attributes:
        patterns: the names.
    """

    patterns: tuple[str, ...]

    def allows(self, value: object) -> bool:
        """Whether a value, or each element of a list that is not empty, is one of them."""
        if isinstance(value, list):
            return bool(value) and all(self.allows(element) for element in value)
        return any(fnmatchcase(str(value), pattern) for pattern in self.patterns)

    def __str__(self) -> str:
        return f"one of {', '.join(self.patterns)}" if len(self.patterns) > 1 else f"like {self.patterns[0]}"


def range_in(comment: str) -> Interval | Names | None:
    """The range at the end of a comment.

    Example:
        >>> str(range_in("weight of the density [0, inf)")), str(range_in("where to compute {cpu, cuda}"))
        ('in [0, inf)', 'one of cpu, cuda')
        >>> range_in("points of a path") is None
        True
    """
    if found := INTERVAL.search(comment):
        return Interval(re.sub(r"\s*,\s*", ", ", found[0].strip()), float(found[1]), float(found[2]))
    if found := NAMES.search(comment):
        return Names(tuple(name.strip() for name in found[1].split(",")))
    return None
