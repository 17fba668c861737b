"""What describes the project to the outside: one version, one name, and files that name what is there."""

import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pybtex.database
import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document
from pybtex.database import Entry, Person

import geodreg
from geodreg.book.pdf import PrintError, find_chromium, print_page
from geodreg.book.site.citations import AuthorYearLabels, name_and_year
from geodreg.book.site.description import first_words
from geodreg.book.site.excerpts import text_of
from geodreg.book.site.repository import offer_repository
from tests.needs import needs_browser

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CODEMETA = json.loads((ROOT / "codemeta.json").read_text())
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
_, HEADER, PAPER = (ROOT / "paper.md").read_text().split("---\n", 2)
META = yaml.safe_load(HEADER)
BOOK = pybtex.database.parse_file(str(ROOT / "book" / "references.bib")).entries
GIVEN = pybtex.database.parse_string(
    "\n".join(
        re.findall(r"```\{code-block\} bibtex\n(.*?)```", (ROOT / "book" / "references.md").read_text(), re.DOTALL)
    ),
    "bibtex",
).entries


def test_every_file_names_the_same_version_title_authors_date_and_license() -> None:
    ours = GIVEN["geodreg"].fields
    assert {PROJECT["version"], CITATION["version"], CODEMETA["version"], ours["version"]} == {geodreg.__version__}
    assert {META["title"], CODEMETA["headline"], ours["title"]} == {CITATION["title"]}
    assert PROJECT["name"] == CODEMETA["name"] == CITATION["title"].partition(":")[0]
    assert PROJECT["description"] == CODEMETA["description"]
    names = [author["name"] for author in CITATION["authors"]]
    assert [author["name"] for author in META["authors"]] == [author["name"] for author in CODEMETA["author"]] == names
    assert [str(person) for person in GIVEN["geodreg"].persons["author"]] == [f"{{{name}}}" for name in names]
    assert CONFIG["author"] == ", ".join(names)
    date = CITATION["date-released"]
    assert CODEMETA["dateModified"] == date.isoformat()
    assert META["date"] == f"{date.day} {date:%B %Y}"
    assert ours["year"] == str(date.year)
    assert {PROJECT["license"], ours["license"], CODEMETA["license"].rpartition("/")[2]} == {CITATION["license"]}
    assert CODEMETA["softwareRequirements"] == PROJECT["dependencies"]
    assert CODEMETA["programmingLanguage"]["version"] == PROJECT["requires-python"]
    assert CODEMETA["keywords"] == PROJECT["keywords"]


def test_the_released_version_stands_in_the_list_of_changes_or_is_to_come() -> None:
    listed = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert listed[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in listed[1:])


def test_every_file_names_the_same_paper() -> None:
    (work,) = CITATION["references"]
    assert GIVEN["kim2019"].fields["title"] == BOOK["kim2019"].fields["title"] == work["title"]
    assert CODEMETA["referencePublication"]["name"] == work["title"]
    number = f"arXiv:{GIVEN['kim2019'].fields['eprint']}"
    assert {number, CODEMETA["referencePublication"]["identifier"]} == {work["identifiers"][0]["value"]}
    assert GIVEN["kim2019"].persons["author"] == BOOK["kim2019"].persons["author"]
    assert number in CONFIG["html"]["extra_footer"]


def test_the_address_of_a_repository_is_one_setting_and_left_out_where_none_is_set() -> None:
    address = CONFIG["repository"]["url"]
    assert CITATION.get("repository-code", "") == address
    assert CODEMETA.get("codeRepository", "") == address


@pytest.mark.parametrize(("address", "offered"), [("", False), ("https://example.org/someone/geodreg", True)])
def test_what_needs_a_repository_is_offered_where_one_is_set_and_only_there(address: str, offered: bool) -> None:
    options: dict[str, Any] = {"repository_url": address, "use_repository_button": False}
    config: Any = SimpleNamespace(html_theme_options=options)
    app: Any = None
    offer_repository(app, config)
    assert options["use_repository_button"] is offered
    assert ("launch_buttons" in options) is offered


def test_the_archive_has_one_metadata_file() -> None:
    assert not (ROOT / ".zenodo.json").exists()  # it would take the place of CITATION.cff


def test_the_journal_paper_has_its_sections_its_length_and_its_references() -> None:
    cited = set(re.findall(r"@([a-z]+\d*[a-z]*)", PAPER))
    assert cited
    assert cited <= set(BOOK)
    assert (ROOT / META["bibliography"]).is_file()
    for section in ("Summary", "Statement of need", "State of the field", "References"):
        assert f"\n# {section}\n" in PAPER
    assert 750 <= len(PAPER.split()) <= 1750
    assert {author["affiliation"] for author in META["authors"]} <= {place["index"] for place in META["affiliations"]}


def test_the_files_for_binder_name_what_is_there() -> None:
    folder = ROOT / ".binder"
    text = (folder / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    (constraints,) = (line.split()[1] for line in lines if line.startswith("-c "))
    assert (folder / constraints).resolve() == ROOT / "requirements.txt"
    (extras,) = (match[1].split(",") for line in lines if (match := re.fullmatch(r"-e \.\[(.+)\]", line)))
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    assert any("whl/cpu" in line for line in lines)
    python = (folder / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert re.search(r"Memory: \d+ GB", text)
    stated = re.search(r"Memory: (\d+) GB", text)
    assert stated
    assert f"at Binder, {stated[1]} GB of memory" in (ROOT / "CONTRIBUTING.md").read_text()


def test_the_container_calls_goals_that_the_makefile_has() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    goals = re.findall(r"\bmake (\w+)", container["postCreateCommand"])
    assert goals
    for goal in goals:
        assert re.search(rf"^{goal}: ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    memory = container["hostRequirements"]["memory"].removesuffix("gb")
    assert f"an editor, {memory} GB" in (ROOT / "CONTRIBUTING.md").read_text()


LONG = "One sentence that is long enough to say much. "


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (["A hole is covered.", "Second."], "A hole is covered."),
        (["**What it is.** A hole is covered."], "A hole is covered."),
        (["**A title alone.**", "Words below it."], "Words below it."),
        ([f"{LONG * 3}{'and more ' * 20}"], LONG * 3),
        ([f"Short. {'and more ' * 30}"], None),
        (["With $\\mu$ and $\\frac{a}{b}$."], "With mu and ...."),
    ],
)  # fmt: skip
def test_a_page_is_described_by_its_first_words(paragraphs: list[str], expected: str | None) -> None:
    document = new_document("page")
    for text in paragraphs:
        paragraph = nodes.paragraph()
        for part in filter(None, re.split(r"(\*\*.+?\*\*|\$.+?\$)", text)):
            kind = {"*": nodes.strong, "$": nodes.math}.get(part[:1], nodes.Text)
            paragraph += nodes.Text(part) if kind is nodes.Text else kind("", part.strip("*$"))
        document += paragraph
    words = first_words(document)
    if expected is None:
        assert words.startswith("Short. and more")
        assert words.endswith("...")
        assert 100 < len(words) <= 200
    else:
        assert words == expected.strip()


def test_the_search_finds_the_text_of_a_section_under_its_name() -> None:
    section = nodes.section("", nodes.title("", "A & B"), nodes.paragraph("", "First."), ids=["a"])
    section += nodes.section("", nodes.title("", "Inner"), nodes.paragraph("", "Second."), ids=["b", "b2"])
    section += nodes.comment("", "never shown")
    section += nodes.container("", nodes.raw("", "<img src='data:image/png;base64,aaaa'/>", format="html"))
    document = new_document("page")
    document += section
    assert text_of(document) == (
        '<div role="main"><div id="a">A &amp; B First. <div id="b2"><div id="b">Inner Second. </div></div></div></div>'
    )


PEOPLE = [Person("Sønderby, Casper Kaae"), Person("van der Maaten, Laurens"), Person("Li, Ming")]


@pytest.mark.parametrize(
    ("authors", "expected"),
    [(1, "Sønderby, 2017"), (2, "Sønderby and van der Maaten, 2017"), (3, "Sønderby et al., 2017")],
)
def test_a_work_is_named_by_names_and_year(authors: int, expected: str) -> None:
    assert name_and_year(Entry("misc", {"year": "2017"}, {"author": PEOPLE[:authors]})) == expected


def test_works_of_the_same_names_and_year_are_told_apart() -> None:
    entries = [Entry("misc", {"year": year}, {"author": PEOPLE[:1]}) for year in ("2017", "2018", "2017")]
    for _ in range(2):  # a second build has the entries of the first
        assert AuthorYearLabels().format_labels(entries) == ["Sønderby, 2017a", "Sønderby, 2018", "Sønderby, 2017b"]
        assert [entry.fields["year"] for entry in entries] == ["2017a", "2018", "2017b"]  # as the text names them


@pytest.mark.slow
def test_no_two_works_of_the_book_have_the_same_label_and_none_has_a_key_for_one() -> None:
    labels = AuthorYearLabels().format_labels(list(BOOK.values()))
    assert len(set(labels)) == len(labels)
    assert all(re.search(r", \d{4}[a-z]?$", label) for label in labels)
    assert not any("+" in label or "{" in label or "\\" in label for label in labels)


def test_a_page_that_cannot_be_printed_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with pytest.raises(PrintError, match="CHROMIUM names no-such-browser, which is no program; install Chromium"):
        find_chromium()
    monkeypatch.setenv("CHROMIUM", "true")
    with pytest.raises(PrintError, match=r"There is no page .*none\.html to print; make pdf builds it before"):
        print_page(tmp_path / "none.html", tmp_path / "book.pdf")
    assert list(tmp_path.iterdir()) == []


@needs_browser
@pytest.mark.slow
def test_a_printed_page_links_to_nothing_on_this_machine(tmp_path: Path) -> None:
    page, printed = tmp_path / "page.html", tmp_path / "book.pdf"
    (tmp_path / "data.csv").write_text("x\n")
    links = (
        '<a href="data.csv">data</a> <a href="#there">there</a> <a href="https://arxiv.org/abs/1901.08553">paper</a>'
    )
    page.write_text(f'<!DOCTYPE html><html lang="en"><title>Book</title><p>{links}</p><h1 id="there">There</h1></html>')
    print_page(page, printed)
    content = printed.read_bytes()
    assert b"arxiv.org/abs/1901.08553" in content
    assert b"data.csv" not in content
    assert b"file:" not in content
