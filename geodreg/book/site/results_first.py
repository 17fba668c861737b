"""What a page found stands before how it was found; its notebook keeps the order in which its cells run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["RESULTS", "put_results_first"]

RESULTS = ("The figure", "What holds", "In numbers")
"""Titles of the sections that a page of the site begins with, where it has one of the first two."""


def put_results_first(app: Sphinx, doctree: nodes.document) -> None:
    """Move the sections with results before the others of their page, and behind what it begins with."""
    for page in doctree.findall(nodes.section):
        sections = [child for child in page.children if isinstance(child, nodes.section)]
        titled = {section[0].astext(): section for section in sections}
        if not any(title in titled for title in RESULTS[:2]):
            continue
        place = page.index(sections[0])
        results = [titled[title] for title in RESULTS if title in titled]
        for section in results:
            page.remove(section)
        page.insert(place, results)
