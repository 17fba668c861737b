"""The box at the head of a page: what was found on it, in sentences made of what its cells computed."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FOUND", "found_markdown"]

FOUND = "found-here"
"""Name under which a page keeps the text of its box."""

TOLD = 3  # statements of a page, or one more; the table of all of them stands below
MARKS = {True: "✔", False: "✘"}


def found_markdown(rows: Sequence[tuple[str, str, bool]]) -> str:
    """The first statements of a page's table, each with its mark and what was measured, and how many hold.

    Where all of the first ones hold and one below does not, the first such is told behind them, so that a box is never
    about successes alone.

    Args:
        rows: statement, measured value in words, and the outcome of the comparison; the most important ones first. A
            later one is to be understood without those above it.

    Example:
        >>> print(found_markdown([("The path is short", "3 against 4", True), ("It is dense", "in no pair", False)]))
        ✔ The path is short: 3 against 4. <br>
        ✘ It is dense: in no pair. <br>
        *1 of the 2 statements in the table of statements below holds.*
    """
    chosen = list(rows[:TOLD])
    if all(holds for *_, holds in chosen):
        chosen += [row for row in rows[TOLD:] if not row[2]][:1]
    told = [f"{MARKS[bool(holds)]} {statement}: {measured}." for statement, measured, holds in chosen]
    number = sum(bool(holds) for *_, holds in rows)
    joint, verb = "statement" if len(rows) == 1 else "statements", "holds" if number == 1 else "hold"
    return " <br>\n".join([*told, f"*{number} of the {len(rows)} {joint} in the table of statements below {verb}.*"])
