"""An extension of Sphinx for the book's site: what a page says of itself to the outside, and how it is taken along.

Nothing here computes or draws: :mod:`~geodreg.book.site.description` tells search engines and messengers what a page
is, :mod:`~geodreg.book.site.citations` how a work is named, :mod:`~geodreg.book.site.repository` what needs a
repository, :mod:`~geodreg.book.site.downloads` writes the notebooks that readers take along,
:mod:`~geodreg.book.site.excerpts` what the search shows of a page that was opened as a file,
:mod:`~geodreg.book.site.formulas` puts formulas of docstrings one below the other,
:mod:`~geodreg.book.site.results_first` what a page found before how it was found, and
:mod:`~geodreg.book.site.unbroken` keeps numbers and their units in one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from geodreg.book.site.citations import register_style
from geodreg.book.site.description import describe_page
from geodreg.book.site.downloads import write_notebooks
from geodreg.book.site.excerpts import write_excerpts
from geodreg.book.site.formulas import stack_formulas
from geodreg.book.site.repository import offer_repository
from geodreg.book.site.results_first import put_results_first
from geodreg.book.site.unbroken import keep_units

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what the site adds to Sphinx; Sphinx calls it for the name of this package among its extensions."""
    register_style()
    app.add_config_value("geodreg_description", "", "html", [str])  # of pages without text of their own
    app.add_config_value("geodreg_picture", "", "html", [str])  # of pages without a picture that messengers show
    app.connect("config-inited", offer_repository, priority=100)  # before the theme reads its options
    app.connect("doctree-read", stack_formulas)
    app.connect("doctree-read", keep_units)
    app.connect("doctree-read", put_results_first, priority=100)  # before Sphinx numbers figures and lists headings
    app.connect("html-page-context", describe_page)
    app.connect("build-finished", write_notebooks)
    app.connect("build-finished", write_excerpts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
