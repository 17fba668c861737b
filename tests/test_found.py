"""The box at the head of a page says what its rows say."""

from __future__ import annotations

from pathlib import Path

import pytest

from geodreg.book.found import FOUND, found_markdown

PAGES = Path(__file__).parent.parent / "notebooks"


@pytest.mark.parametrize("holds", [True, False])
def test_the_box_turns_with_the_outcome(holds: bool) -> None:
    text = found_markdown([("The geodesic is the shortest", "in 5 of 8 pairs", holds), ("It is dense", "no", False)])
    assert f"{'✔' if holds else '✘'} The geodesic is the shortest: in 5 of 8 pairs." in text
    assert (
        f"*{int(holds)} of the 2 statements in the table of statements below {'holds' if holds else 'hold'}.*" in text
    )


def test_of_many_statements_the_first_are_told_and_all_are_counted() -> None:
    text = found_markdown([(f"Statement {place}", f"{place} nats", place % 2 == 0) for place in range(7)])
    assert [f"Statement {place}" in text for place in range(7)] == [True] * 3 + [False] * 4
    assert "*4 of the 7 statements in the table of statements below hold.*" in text


def test_a_box_is_never_about_successes_alone() -> None:
    text = found_markdown([(f"Statement {place}", f"{place} nats", place not in (4, 6)) for place in range(7)])
    assert [f"Statement {place}" in text for place in range(7)] == [True, True, True, False, True, False, False]
    assert "✘ Statement 4: 4 nats." in text
    assert [line[0] for line in text.splitlines()] == ["✔", "✔", "✔", "✘", "*"]


@pytest.mark.parametrize("page", sorted(path.stem for path in PAGES.glob("*.md")))
def test_a_page_has_a_box_where_its_cells_fill_one(page: str) -> None:
    source = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    assert (
        source.count("in_box=True") + source.count("notebook.found_here(") == source.count(f"{{glue:md}} {FOUND}") <= 1
    )
