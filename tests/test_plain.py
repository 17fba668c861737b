"""Notebooks to take along: MyST becomes what Jupyter shows without extensions, and code stays as it is."""

import base64
import re
from pathlib import Path
from typing import Any

import jupytext
import pytest

from geodreg.book.plain import Reader, plain_notebook, plain_text
from geodreg.book.site.downloads import without_outputs

ROOT = Path(__file__).parent.parent
READER = Reader(
    refer=lambda target, words: f"<{words or target}>",
    number={"eq-law": "7", "fig-x": "1.2"}.get,
    cite=lambda keys: f"({'; '.join(keys)})",
    read=lambda file: f"(from-{file})=\nText of {{ref}}`{file}`.",
)
MYST = re.compile(r"\{[A-Za-z][\w:+.-]*\}`|^ *(?:`{3,}|:{3,})\{|^\([^()\s]+\)=\s*$|^:::|\)\{[.#\w]", re.MULTILINE)

CASES = [
    ("(label)=\n# Title", "# Title"),
    ("See {ref}`a` and {ref}`the words <b>`.", "See <a> and <the words>."),
    ("{doc}`/method`", "</method>"),
    ("by {cite:p}`kim2019,chen2018` and {cite:t}`shao2017`", "by (kim2019; chen2018) and (shao2017)"),
    ("{eq}`eq-law` and {numref}`fig-x`, {numref}`Fig. %s <fig-x>`", "(7) and Figure 1.2, Fig. 1.2"),
    ("{class}`~geodreg.Newton`, {py:func}`geodreg.chain`", "`Newton`, `geodreg.chain`"),
    ("{download}`table.csv <table.csv>`", "`table.csv`"),
    ("{math}`x^2`, H{sub}`2`O, {abbr}`NLL (negative log-likelihood)`", "$x^2$, H<sub>2</sub>O, NLL"),
    ("{somebodys-own}`words`", "`words`"),
    ("a line\n{ref}`broken\nover lines <c>`", "a line\n<broken\nover lines>"),
    ("`{ref}` and ``{ref}`a` `` stay", "`{ref}` and ``{ref}`a` `` stay"),
    ("```python\n# {ref}`a`\n(label)=\n```", "```python\n# {ref}`a`\n(label)=\n```"),
    ("````md\n```{note}\nx\n```\n````", "````md\n```{note}\nx\n```\n````"),
    ("$$\na = b\n$$ (eq-law)", "$$\na = b\n\\tag{7}$$"),
    ("```{math}\n:label: eq-law\na = b\n```", "$$\na = b \\tag{7}\n$$"),
    (
        "```{figure} a.png\n:alt: What it shows.\n:name: fig-x\n\nAfter {cite:p}`k`.\n```",
        "![What it shows.](a.png)\n\nAfter (k).",
    ),
    (":::{warning}\nMind {ref}`a`.\n\nTwice.\n:::", "> **Warning.** Mind <a>.\n>\n> Twice."),
    ("```{admonition} The three\n:class: tip\nOne.\n```", "> **The three.** One."),
    ("::::{tab-set}\n:::{tab-item} One\n`x`\n:::\n::::", "**One**\n\n`x`"),
    ("```{include} file.md\n```", "Text of <file.md>."),
    ("```{code-block} bash\n:caption: c\nmake {ref}`a`\n```", "```bash\nmake {ref}`a`\n```"),
    ("- item\n\n  ```{note}\n  Within.\n  ```", "- item\n\n  > **Note.** Within."),
    ("![x](a.svg){width=80%}", "![x](a.svg)"),
    ("{.works #t}\n| a |\n| - |", "| a |\n| - |"),
    ("% not shown\nshown", "shown"),
    ("100 % of it\n\n50 {words} in braces", "100 % of it\n\n50 {words} in braces"),
    ("$\\{v : v^\\top g v\\}$ {ref}`a`", "$\\{v : v^\\top g v\\}$ <a>"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_myst_becomes_markdown(text: str, expected: str) -> None:
    assert plain_text(text, READER) == expected


@pytest.mark.parametrize("source", sorted((ROOT / "notebooks").glob("*.md")), ids=lambda path: path.stem)
def test_no_page_keeps_myst_and_all_keep_their_code(source: Path) -> None:
    notebook = jupytext.read(source)
    plain = plain_notebook(notebook, READER, source.parent)
    for before, after in zip(notebook["cells"], plain["cells"], strict=True):
        if before["cell_type"] == "code":
            assert after == before
        else:
            prose = re.sub(r"^```.*?^```|(`+).+?\1", "", after["source"], flags=re.DOTALL | re.MULTILINE)
            assert MYST.findall(prose) == []


def notebook_of(cell: dict[str, Any]) -> dict[str, Any]:
    return {
        "cells": [cell],
        "metadata": {"kernelspec": {"name": "python3"}, "papermill": {"duration": 1}},
        "nbformat": 4,
    }


def test_what_cells_show_is_plain_too_and_the_given_notebook_stays_as_it_is() -> None:
    output = {"output_type": "display_data", "data": {"text/markdown": ["See {ref}`a`."], "text/plain": "{ref}`a`"}}
    given = notebook_of({"cell_type": "code", "source": "1", "metadata": {}, "outputs": [output]})
    (cell,) = plain_notebook(given, READER, ROOT)["cells"]
    assert cell["outputs"][0]["data"] == {"text/markdown": "See <a>.", "text/plain": "{ref}`a`"}
    assert output["data"] == {"text/markdown": ["See {ref}`a`."], "text/plain": "{ref}`a`"}


def test_pictures_that_stand_beside_a_notebook_are_put_into_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"picture")
    text = "```{figure} a.png\n:alt: x\n```\n![y](https://example.org/b.png)"
    given = notebook_of({"cell_type": "markdown", "source": text, "metadata": {}})
    (cell,) = plain_notebook(given, READER, tmp_path)["cells"]
    assert cell["source"] == "![x](attachment:a.png)\n![y](https://example.org/b.png)"
    assert base64.b64decode(cell["attachments"]["a.png"]["image/png"]) == b"picture"


def test_an_exported_notebook_has_its_cells_and_nothing_of_its_run() -> None:
    metadata = {"tags": ["parameters"], "papermill": {"status": "completed"}}
    cell = {"cell_type": "code", "source": "mu = 1", "metadata": metadata, "outputs": [1], "execution_count": 3}
    bare = without_outputs(notebook_of(cell))
    assert bare["cells"] == [
        {
            "cell_type": "code",
            "source": "mu = 1",
            "metadata": {"tags": ["parameters"]},
            "outputs": [],
            "execution_count": None,
        }
    ]
    assert bare["metadata"] == {"kernelspec": {"name": "python3"}}


def test_what_cells_computed_for_the_head_of_a_page_stands_there() -> None:
    kept = {"application/papermill.record/text/markdown": "It {ref}`holds <there>`."}
    output = {"output_type": "display_data", "data": kept, "metadata": {"scrapbook": {"name": "found-here"}}}
    box = ":::{admonition} Found here\n:class: found\n\n```{glue:md} found-here\n:format: myst\n```\n:::"
    cells = [
        {"cell_type": "markdown", "source": box},
        {"cell_type": "code", "source": "", "outputs": [output]},
    ]
    shown = plain_notebook({"cells": cells}, READER, Path())["cells"][0]["source"]
    assert "{glue" not in shown
    assert shown.startswith("> **Found here.**")
    assert "It " in shown
    assert "holds" in shown
