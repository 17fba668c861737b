"""The numbers of the book's figures, through a small build of Sphinx."""

import re
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError
from sphinx.testing.util import SphinxTestApp


def built(folder: Path, paper: dict[str, int]) -> dict[str, str]:
    source = folder / "source"
    source.mkdir()
    (source / "conf.py").write_text(
        'extensions = ["geodreg.book.figure_numbers"]\nnumfig = True\nnumfig_format = {"figure": "Figure %s"}\n'
        f"paper_figures = {paper}\n"
    )
    figure = "\n.. figure:: {0}.svg\n   :name: {0}\n\n   A caption.\n"
    (source / "index.rst").write_text("Book\n====\n\n.. toctree::\n   :numbered:\n\n   b\n   a\n")
    (source / "a.rst").write_text(
        "A\n=\n\nSee :numref:`fig-ring`.\n" + figure.format("fig-ring") + figure.format("fig-last")
    )
    (source / "b.rst").write_text("B\n=\n" + figure.format("fig-first") + figure.format("fig-nine"))
    for name in ("fig-ring", "fig-last", "fig-first", "fig-nine"):
        (source / f"{name}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    app = SphinxTestApp("html", srcdir=source, builddir=folder / "build")
    app.build()
    pages = {page: (app.outdir / f"{page}.html").read_text() for page in ("a", "b")}
    app.cleanup()
    return pages


def test_the_papers_figures_have_its_numbers_and_ours_an_s_in_the_order_of_the_pages(tmp_path: Path) -> None:
    pages = built(tmp_path, {"fig-ring": 2, "fig-nine": 3})
    numbers = {page: re.findall(r'class="caption-number">(.*?) ?</span>', text) for page, text in pages.items()}
    assert numbers == {"b": ["Figure S1", "Figure 3"], "a": ["Figure 2", "Figure S2"]}
    assert re.search(r'class="std std-numref">Figure 2<', pages["a"])


def test_what_a_page_found_stands_before_how_and_its_figures_are_numbered_in_that_order(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text(
        'extensions = ["geodreg.book.figure_numbers"]\nnumfig = True\nnumfig_format = {"figure": "Figure %s"}\n\n'
        "def setup(app):\n    from geodreg.book.site.results_first import put_results_first\n"
        '    app.connect("doctree-read", put_results_first, priority=100)\n'
    )
    figure = "\n.. figure:: dot.svg\n   :name: {0}\n\n   A caption of {0}.\n"
    sections = "".join(
        f"\n{title}\n{'-' * len(title)}\n\nText.\n" + figure.format(name)
        for title, name in (
            ("The model", "model"),
            ("In numbers", "numbers"),
            ("The figure", "drawn"),
            ("More", "more"),
        )
    )
    (source / "index.rst").write_text(f"Page\n====\n\nFirst words.\n{sections}")
    (source / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    app = SphinxTestApp("html", srcdir=source, builddir=tmp_path / "build")
    app.build()
    page = (app.outdir / "index.html").read_text().partition('role="main"')[2]
    app.cleanup()
    order = [page.index(words) for words in ("First words", "The figure<", "In numbers<", "The model<", "More<")]
    assert order == sorted(order)
    numbered = re.findall(r'caption-number">Figure (\S+) ?</span><span class="caption-text">A caption of (\w+)', page)
    assert numbered == [("S1", "drawn"), ("S2", "numbers"), ("S3", "model"), ("S4", "more")]


def test_a_number_for_a_figure_that_is_on_no_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises((ValueError, ExtensionError), match="paper_figures names fig-lost, but no page has"):
        built(tmp_path, {"fig-lost": 1, "fig-ring": 2})


def test_a_book_without_the_papers_figures_numbers_its_own(tmp_path: Path) -> None:
    pages = built(tmp_path, {"fig-lost": 1})
    assert "Figure S1" in pages["b"]
