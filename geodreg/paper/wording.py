"""How numbers are written where a reader meets them: percentages, and differences without a double negative."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["by_how_much", "decimal", "percent", "power_of_ten", "with_interval"]

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(fraction: float, digits: int = 0) -> str:
    """A fraction in per cent, with the space that the unit has.

    Args:
        fraction: of one.
        digits: decimals that are shown.

    Example:
        >>> percent(0.98), percent(0.0123, 1)
        ('98 %', '1.2 %')
    """
    return f"{fraction:.{digits}%}".replace("%", " %")


def decimal(value: float, digits: int = 1) -> str:
    """A number to some decimals, without a sign before what is rounded to zero.

    Args:
        value: the number.
        digits: decimals that are shown.

    Example:
        >>> decimal(-0.04), decimal(-0.06), decimal(2.0, 2)
        ('0.0', '-0.1', '2.00')
    """
    return f"{round(value, digits) + 0.0:.{digits}f}"


def power_of_ten(value: float, digits: int = 1) -> str:
    """A very small or a very large number as a multiple of a power of ten; zero is zero.

    Args:
        value: the number.
        digits: decimals of the multiple.

    Example:
        >>> power_of_ten(5.71e-6), power_of_ten(6e-7, 0), power_of_ten(0.0), power_of_ten(2.5)
        ('5.7 × 10⁻⁶', '6 × 10⁻⁷', '0', '2.5')
        >>> power_of_ten(float("inf"))
        'inf'
    """
    multiple, _, exponent = f"{value:.{digits}e}".partition("e")
    if value == 0.0 or not exponent or int(exponent) == 0:  # there is none where it is not finite
        return "0" if value == 0.0 else multiple
    return f"{multiple} × 10{str(int(exponent)).translate(RAISED)}"


def by_how_much(value: float, more: str, less: str, unit: str = "", digits: int = 2) -> str:
    """A difference in words, which say its direction in place of a sign.

    Args:
        value: the difference.
        more: what something is if the difference is positive, such as ``"larger"``.
        less: what it is if the difference is negative.
        unit: of the difference.
        digits: decimals that are shown.

    Example:
        >>> by_how_much(-0.5, "higher", "lower", "nats"), by_how_much(0.001, "larger", "smaller")
        ('0.50 nats lower', 'neither larger nor smaller')
    """
    size = _size(value, unit, digits)
    return f"neither {more} nor {less}" if _sign(value, digits) == 0 else f"{size} {more if value > 0 else less}"


def with_interval(difference: Mapping[str, float], more: str, less: str, unit: str = "", digits: int = 2) -> str:
    """A median difference and its 95 % interval in words.

    Args:
        difference: ``median``, ``low`` and ``high``, from :func:`~geodreg.paper.comparison.paired_differences`.
        more: as for :func:`by_how_much`.
        less: as for :func:`by_how_much`.
        unit: of the difference.
        digits: decimals that are shown.

    Example:
        >>> with_interval({"median": -0.8, "low": -1.2, "high": -0.5}, "larger", "smaller", digits=1)
        '0.8 smaller (median; 95 % interval 0.5 to 1.2)'
        >>> with_interval({"median": 0.0, "low": 0.0, "high": 0.3}, "more", "fewer", digits=1)
        'neither more nor fewer (median; 95 % interval 0.0 to 0.3 more)'
        >>> with_interval({"median": 0.1, "low": -0.2, "high": 0.3}, "higher", "lower", "nats", digits=1)
        '0.1 nats higher (median; 95 % interval 0.2 nats lower to 0.3 nats higher)'
        >>> with_interval({"median": 0.1, "low": math.nan, "high": math.nan}, "higher", "lower", "nats", digits=1)
        '0.1 nats higher (median; too few pairs for an interval)'
    """
    median, low, high = (difference[key] for key in ("median", "low", "high"))
    said = by_how_much(median, more, less, unit, digits)
    if math.isnan(low) or math.isnan(high):
        return f"{said} (median; too few pairs for an interval)"
    signs = {_sign(value, digits) for value in (median, low, high)} - {0}
    if not signs:
        return f"{said} (median)"
    if len(signs) == 1 and _sign(median, digits) != 0:
        bounds = [f"{size:.{digits}f}" for size in sorted((abs(low), abs(high)))]
    else:
        bounds = [
            by_how_much(bound, more, less, unit, digits) if _sign(bound, digits) else f"{0.0:.{digits}f}"
            for bound in (low, high)
        ]
    return f"{said} (median; 95 % interval {' to '.join(bounds)})"


def _sign(value: float, digits: int) -> int:
    """Of a number as it is shown; a difference that is rounded to nothing has none."""
    shown = float(f"{value:.{digits}f}")
    return (shown > 0) - (shown < 0)


def _size(value: float, unit: str, digits: int) -> str:
    return f"{abs(value):.{digits}f} {unit}".strip()
