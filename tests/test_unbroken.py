"""Numbers and their units stay in one line on the site; code and formulas stay as they are written."""

from docutils import nodes
from docutils.core import publish_doctree

from geodreg.book.site.unbroken import SPACE, keep_units, unbroken

PAGE = """
98 % of *12 %* at mu = 0.1
==========================

Within 5 s, p < 0.05, ``7 %``, :math:`x = 5`, 3 seeds.

::

   share = 9 % 2

>>> 5 % 3
"""


def test_words_are_kept_together_and_code_is_left_alone() -> None:
    page = publish_doctree(PAGE)
    before = page.astext()
    keep_units(None, page)  # type: ignore[arg-type]
    assert page.astext().replace(SPACE, " ") == before
    title, paragraph = page.next_node(nodes.title), page.next_node(nodes.paragraph)
    assert title is not None
    assert title.astext() == f"98{SPACE}% of 12{SPACE}% at mu{SPACE}={SPACE}0.1"
    assert paragraph is not None
    assert f"5{SPACE}s, p{SPACE}<{SPACE}0.05, 7 %, x = 5, 3 seeds" in paragraph.astext()
    for block in page.findall(nodes.FixedTextElement):
        assert SPACE not in block.astext()


def test_only_units_and_values_are_kept_together() -> None:
    for text in ("5 seeds", "a = b", "% of 5", "in 3 steps", "alpha = 2"):
        assert unbroken(text) == text
    assert unbroken("-3 % and 2 GiB").count(SPACE) == 2
