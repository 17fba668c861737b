"""The words that were given up, by the table of CONTRIBUTING.md, wherever a reader could meet them."""

import ast
import html
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.md"), *ROOT.glob("*.md"), *ROOT.glob("data/*.md")])
MODULES = sorted(ROOT.glob("geodreg/**/*.py"))
SITE = sorted(path for path in ROOT.glob("_build/html/**/*.html") if "_static" not in path.parts)
LATER: tuple[str, ...] = ()
"""Not yet read: their sentences are being rewritten elsewhere. This list is to become empty."""

WORDING = "geodreg/paper/wording.py"  # the one place that writes percentages
DIRECTIVES = r"(figure|image|admonition|warning|note|tip|important|seealso|list-table|prf:algorithm|tab-item|tab-set)"
CODE_IN_LINE = r"``.*?``|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|https?://\S+"
SHOWN = ("label", "xlabel", "ylabel", "title", "set_xlabel", "set_ylabel", "set_title", "suptitle")
"""Keywords and methods whose text is drawn into a figure, where a single word is prose as well."""


def given_up() -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Vocabulary\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    return [phrase for _, wrong in rows for phrase in re.findall(r"`([^`]+)`", wrong)]


def pattern(phrases: list[str]) -> re.Pattern[str]:
    each = [re.sub(r"\d+", r"\\d+", re.escape(phrase)).replace(r"\ ", " ") for phrase in phrases]
    return re.compile("|".join(rf"(?<![\w-]){one}(?!\w)" for one in each), re.IGNORECASE)


FORBIDDEN = pattern(given_up())


def found_in(text: str) -> list[str]:
    """Phrases of a piece of prose that were given up."""
    text = re.sub(r"^\s*:(?!alt|class:)[\w-]+:.*$", " ", text, flags=re.MULTILINE)  # options of directives
    text = re.sub(CODE_IN_LINE, " code ", text, flags=re.DOTALL)
    return FORBIDDEN.findall(" ".join(text.split()))


def prose_of_page(text: str) -> Iterator[str]:
    """Text outside of code, captions and alternative texts, and what the code of a page says."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    place = 0
    for block in re.finditer(r"^ *(`{3,}|:{3,})([^\n]*)\n(.*?)^ *\1 *$", text, flags=re.DOTALL | re.MULTILINE):
        yield text[place : block.start()]
        place = block.end()
        info, content = block[2].strip(), block[3]
        if info.startswith("{code-cell}"):
            yield from prose_of_cell(content)
        elif re.match(rf"\{{{DIRECTIVES}\}}", info):
            yield info.partition("}")[2]
            yield from prose_of_page(content)
    yield text[place:]


def prose_of_cell(content: str) -> Iterator[str]:
    header = re.match(r"---\n(.*?)\n---\n", content, flags=re.DOTALL)
    if header:
        yield header[1].replace(":tags:", " ")
    code = content[header.end() :] if header else re.sub(r"\A(:[\w-]+:.*\n)+", "", content)
    yield from prose_of_code(code)
    yield from (
        token.string for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.type == tokenize.COMMENT
    )


def prose_of_code(source: str) -> Iterator[str]:
    """Docstrings, and literals that are more than one word, or are drawn into a figure."""
    nodes = list(ast.walk(ast.parse(source)))
    drawn = {id(value) for node in nodes if isinstance(node, ast.Call) for value in _drawn(node)}
    pieces = {id(piece) for node in nodes if isinstance(node, ast.JoinedStr) for piece in ast.walk(node)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(_written, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            text = re.sub(r"^\s*>>>.*\n[^\n]+$", " ", node.value, flags=re.MULTILINE)
            text = re.sub(r"^ +\w+: ", " ", text, flags=re.MULTILINE)  # names of arguments
            if " " in text or id(node) in drawn:
                yield text


def _drawn(call: ast.Call) -> list[ast.expr]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return [*(call.args if name in SHOWN else []), *(word.value for word in call.keywords if word.arg in SHOWN)]


def _written(piece: ast.expr) -> str:
    """A part of an f-string, every number as a one."""
    if isinstance(piece, ast.Constant):
        return str(piece.value)
    spec = piece.format_spec if isinstance(piece, ast.FormattedValue) else None
    ends = spec.values[-1] if isinstance(spec, ast.JoinedStr) and spec.values else None
    return "1%" if isinstance(ends, ast.Constant) and str(ends.value).endswith("%") else "1"


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_page_has_no_word_that_was_given_up(path: Path) -> None:
    if _name(path).startswith(LATER):
        pytest.skip("its sentences are rewritten elsewhere")
    assert [word for text in prose_of_page(path.read_text(encoding="utf-8")) for word in found_in(text)] == []


def test_no_message_label_or_docstring_has_a_word_that_was_given_up() -> None:
    from geodreg.paper.labels import MEASURES

    read = [path for path in MODULES if not _name(path).startswith((*LATER, WORDING))]
    assert len(read) > 100
    found = [
        (_name(path), word, text)
        for path in read
        for text in prose_of_code(path.read_text(encoding="utf-8"))
        if text not in MEASURES  # a key of the model cards, which a page never shows
        for word in found_in(text)
    ]
    assert found == []


def test_percentages_are_written_in_one_place() -> None:
    read = [path for path in MODULES if not _name(path).startswith((*LATER, WORDING))]
    formats = re.compile(r"\{[^{}]*%\}")
    assert [_name(path) for path in read if formats.search(path.read_text(encoding="utf-8"))] == []
    pages = [path for path in PAGES if not _name(path).startswith(LATER)]
    assert [_name(path) for path in pages if formats.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "page",
    [
        "The page says {}, and more.\n",
        "The page says\n{}, and more.\n",
        "```{{figure}} picture.svg\n:alt: A picture of {} of something.\n\nA caption.\n```\n",
        "```{{figure}} picture.svg\n:width: 98%\n\nA caption with {} in it.\n```\n",
        "```{{code-cell}} ipython3\n---\nmystnb:\n  figure:\n    caption: |\n      With {} in it.\n---\n1\n```\n",
        "```{{code-cell}} ipython3\n:tags: [parameters]\n\nn: int = 1  # with {} in it\n```\n",
        "```{{code-cell}} ipython3\nprint('here are {} of it')\n```\n",
        "```{{code-cell}} ipython3\nprint(f'here are {} of {{n}}')\n```\n",
        "::::{{tab-set}}\n:::{{tab-item}} One\nIt has {} inside.\n:::\n::::\n",
    ],
)  # fmt: skip
def test_a_word_that_was_given_up_is_found_in_every_kind_of_prose(page: str) -> None:
    missed = [phrase for phrase in given_up() if not any(map(found_in, prose_of_page(page.format(phrase))))]
    assert missed == []


@pytest.mark.parametrize(
    "page",
    [
        "The solver ends where the loop ends; every path ends in a valley, and blocks are coupled.\n",
        "Two sweeps share a folder, `the ends` of code are code, and {ref}`the share <x>` is a link.\n",
        "```python\nthe_ends = 'the ends'  # anew\n```\n",
        "```bash\nls  # the share of it\n```\n",
        "The quantile of 95 % is larger by 0.5.\n",
        "```{figure} picture.svg\n:width: 98%\n\nA caption.\n```\n",
        "```{code-cell} ipython3\ntable['nll_mean'] = table['share']\n```\n",
    ],
)
def test_other_uses_of_the_same_words_and_code_are_left_alone(page: str) -> None:
    assert [word for text in prose_of_page(page) for word in found_in(text)] == []


@pytest.mark.parametrize(
    "source", ["axes.set(ylabel='AUC')", "axes.set_title('anew')", "def f():\n    '''By itself.'''", "f'{x:.0%}'"]
)
def test_what_code_shows_is_prose(source: str) -> None:
    assert any(found_in(text) for text in prose_of_code(source))


@pytest.mark.skipif(not SITE, reason="needs the built site: make book")
def test_no_table_of_the_site_has_a_raw_column_name() -> None:
    found = []
    for path in SITE:
        for cell in re.findall(r"<th[ >].*?</th>", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            shown = html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<code.*?</code>", " ", cell, flags=re.DOTALL)))
            found += [(path.name, shown.strip().lstrip(">"))] if re.search(r"[a-z]_[a-z]", shown) else []
    assert found == []
