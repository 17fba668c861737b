"""What a sweep keeps of its runs: every value readable back, every run under its own name, columns that are there."""

import errno
import itertools
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from geodreg.book.sweeps.chapters import add_chapters
from geodreg.book.sweeps.columns import check_known_columns, check_table, tables_of
from geodreg.book.sweeps.definition import Sweep, SweepError, file_name, read_sweep, slug_of
from geodreg.book.sweeps.results import Ending, ending_of, execute, prepare, prepared
from geodreg.book.sweeps.summary import write_summary
from tests.projects import call, make_project

ROOT = Path(__file__).parent.parent
HEADER = (ROOT / "notebooks" / "judge.md").read_text().split("# ", 1)[0].split("\n---\n")[0] + "\n---\n"
PAGE = f"""{HEADER}
# A page that needs no packages

```{{code-cell}} ipython3
:tags: [parameters]

sizes: list = [1.0]  # of squares [0, inf)
word: str = "a"  # a word
run: int = 0  # a number that the table has as well
```

```{{code-cell}} ipython3
from pathlib import Path


def save_table(text, name):
    Path(name).write_text(text)


rows = [f"{{index}},{{size}},{{0.1 + 0.2}},NA,word" for index, size in enumerate(sizes)]
save_table("\\n".join(["run,area,third,note,text", *rows]) + "\\n", "areas.csv")
```
"""
RESULTS = {"table": "areas.csv", "columns": ["area"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with that page."""
    monkeypatch.chdir(tmp_path)
    for name in ("notebooks", "sweeps", "book"):
        (tmp_path / name).mkdir()
    (tmp_path / "notebooks" / "areas.md").write_text(PAGE)
    (tmp_path / "book" / "_toc.yml").write_text("format: jb-book\nroot: intro\nparts: []\n")
    return tmp_path


def sweep_of(name: str = "one", **parts: Any) -> Sweep:
    content = {"what": "Areas", "notebook": "areas", "results": RESULTS, **parts}
    Path("sweeps", f"{name}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    return read_sweep(name)


def run_all(sweep: Sweep) -> pd.DataFrame:
    for run in sweep.runs():
        execute(sweep, run)
    assert set(write_summary(sweep).values()) == {Ending.DONE}
    return pd.read_csv(sweep.folder / "results.csv", keep_default_na=False)


@pytest.mark.slow
def test_each_row_of_a_sweep_over_lists_has_the_whole_value(folder: Path) -> None:
    values = [[1.0, 2.0], [0.001], [3.0, 2.0, 1.0]]
    sweep = sweep_of(grid={"sizes": [[1, 2], ["1e-3"], [3, 2, 1]]})
    results = run_all(sweep)
    assert [json.loads(cell) for cell in results["sizes"]] == [value for value in values for _ in value]
    assert results["area"].tolist() == [element for value in values for element in value]
    summary = (sweep.folder / "index.md").read_text()
    for value in values:
        assert summary.count(f"`` {json.dumps(value)} ``") == 2  # in the medians, and in the list of runs
    add_chapters(["one"], Path("book"), Path("toc.yml"))
    chapter = Path("book/sweeps/one")
    assert (
        pd.read_csv(chapter / "results.csv")["sizes"].map(json.loads).tolist()
        == results["sizes"].map(json.loads).tolist()
    )
    linked = re.findall(r"\]\(path:([^)]+\.ipynb)\)", (chapter / "index.md").read_text())
    assert len(linked) == 3
    assert all((chapter / name).is_file() for name in linked)


WORDS = ["007", "7", "NA", "", "a|b", "a b", "a-b", "A-B", "ανα", "βήτα", "two\nlines", "`x`"]


@pytest.mark.slow
def test_words_are_what_they_were_and_no_two_runs_share_a_folder(folder: Path) -> None:
    sweep = sweep_of(list=[{"word": word} for word in WORDS], parameters={"sizes": [4]})
    results = run_all(sweep)
    assert results["word"].tolist() == WORDS
    assert results["note"].tolist() == ["NA"] * len(WORDS)  # the page's own words are what they were, too
    folders = [path.parent.name for path in sweep.folder.glob("*/results.csv")]
    assert len({name.lower() for name in folders}) == len(WORDS)
    table = (sweep.folder / "index.md").read_text().split("## Runs\n\n")[1].strip().splitlines()
    assert len(table) == 2 + len(WORDS)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {4}  # three columns in every line


@pytest.mark.slow
def test_a_parameter_with_the_name_of_a_column_is_not_taken_for_it(folder: Path) -> None:
    results = run_all(sweep_of(grid={"run": [5, 6]}, parameters={"sizes": [1, 2]}))
    assert results["run (parameter)"].tolist() == [5, 5, 6, 6]
    assert results["run"].tolist() == [0, 1, 0, 1]
    assert {"0.30000000000000004"} == set(results["third"].map(repr))


ANY_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)
VALUES = st.one_of(ANY_TEXT, st.lists(st.one_of(st.integers(), st.floats(allow_nan=False), ANY_TEXT), max_size=4))


@settings(max_examples=400, derandomize=True, deadline=None)
@given(VALUES, VALUES)
def test_different_values_have_different_names_of_files(one: Any, other: Any) -> None:
    names = [slug_of({"p": value}) for value in (one, other)]
    assert (names[0] == names[1]) == (json.dumps(one) == json.dumps(other)) or {one, other} == {names[0][2:]}
    for name in names:
        assert re.fullmatch(r"p=[A-Za-z0-9_.+~-]*", name)
        assert len(name) <= 200


VALUES_OF_SEVERAL = st.dictionaries(st.sampled_from(["a", "b", "ab"]), st.text("ab1e+-=,.", max_size=6), min_size=1)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(VALUES_OF_SEVERAL, VALUES_OF_SEVERAL)
def test_a_run_of_several_parameters_has_a_name_of_its_own(one: dict[str, str], other: dict[str, str]) -> None:
    assert (slug_of(one) == slug_of(other)) == (list(one.items()) == list(other.items()))
    assert re.fullmatch(r"[A-Za-z0-9_.+=~-]+", slug_of(one))  # nothing that a shell, an address or Snakemake reads


@pytest.mark.parametrize(
    "alike", [("a b", "a-b"), ("a,b=c", "a-b-c"), ("ü", "ö"), ("x" * 300, "x" * 301), ([1, 2], [1, -2])]
)
def test_values_that_look_alike_once_cleaned_have_names_of_their_own(alike: tuple[Any, Any]) -> None:
    one, other = (slug_of({"p": value}) for value in alike)
    assert one != other
    assert file_name("a/b") != file_name("a-b") == "a-b"


def test_values_that_differ_in_case_alone_have_names_that_differ_otherwise(folder: Path) -> None:
    slugs = [run.slug for run in sweep_of(grid={"word": ["Ab", "aB", "c"]}).runs()]
    assert len({slug.lower() for slug in slugs}) == 3
    assert slugs[2] == "word=c"
    with pytest.raises(SweepError, match="two runs word=Ab"):
        sweep_of(grid={"word": ["Ab", "c", "Ab"]}).runs()


@pytest.mark.parametrize("name", ["2024", "007", "1e3", "no", "a.b-c_d"])
def test_a_sweep_may_be_called_what_yaml_takes_for_something_else(name: str, folder: Path) -> None:
    assert sweep_of(name, grid={"word": ["a"]}).folder == Path("runs/sweeps", name)


@pytest.mark.parametrize("name", ["my sweep", "-x", "größe", "a;b", "$(x)", "_a", "a'b", ".hidden"])
def test_a_name_that_no_shell_takes_as_it_is_is_refused_with_what_is_allowed(name: str, folder: Path) -> None:
    with pytest.raises(
        SweepError, match=r"must be of the letters a to z .*; rename sweeps/.*, such as to [\w.-]+\.yaml\."
    ):
        sweep_of(name, grid={"word": ["a"]})


@pytest.mark.slow
def test_a_sweep_whose_name_is_a_number_is_run_through_snakemake(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / "notebooks" / "areas.md").write_text(PAGE)
    content = {"what": "Areas", "notebook": "areas", "results": RESULTS, "grid": {"sizes": [["1e-2"], [2, 3]]}}
    (project / "sweeps" / "007.yaml").write_text(yaml.safe_dump(content))
    code, output = call(project, "geodreg", "sweep", "007", "--cores", "1")
    assert code == 0, output
    results = pd.read_csv(project / "runs" / "sweeps" / "007" / "results.csv")
    assert results["sizes"].map(json.loads).tolist() == [[0.01], [2.0, 3.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ({"columns": ["aera"]}, r"areas\.csv has no column 'aera'; did you mean area\?"),
        ({"by": "method"}, r"areas\.csv has no column 'method'; it has run, area, third, note, text\."),
        (
            {"columns": ["area", "text"]},
            r"the column 'text' of areas\.csv has no numbers to draw; choose one of run, area",
        ),
    ],
)
def test_a_column_that_is_not_there_is_told_before_the_runs_if_it_can_be_known(
    results: dict[str, Any], sentence: str, folder: Path
) -> None:
    right = sweep_of(grid={"word": ["a"]})
    wrong = sweep_of(grid={"word": ["a"]}, results={**RESULTS, **results})
    check_known_columns(wrong, wrong.runs())  # nothing is known yet
    table = folder / "book" / "figures" / "areas.csv"
    table.parent.mkdir()
    table.write_text("run,area,third,note,text\n0,1.0,0.3,NA,word\n")
    with pytest.raises(SweepError, match=sentence):
        check_known_columns(wrong, wrong.runs())
    os.utime(table, (0, 0))  # of an earlier version of the page
    check_known_columns(wrong, wrong.runs())
    execute(right, right.runs()[0])
    write_summary(right)
    kept = {path: path.read_bytes() for path in right.folder.rglob("*.csv")}
    with pytest.raises(SweepError, match=sentence):
        check_known_columns(wrong, wrong.runs())
    with pytest.raises(SweepError, match=f"{sentence}.* The runs are kept: mend the file and call `geodreg sweep one`"):
        write_summary(wrong)
    assert {path: path.read_bytes() for path in right.folder.rglob("*.csv")} == kept


def test_a_table_that_the_page_does_not_write_is_told_before_the_runs(folder: Path) -> None:
    with pytest.raises(SweepError, match=r"areas writes no table area\.csv; did you mean areas\.csv\?"):
        check_table(sweep_of(grid={"word": ["a"]}, results={**RESULTS, "table": "area.csv"}))
    page = folder / "notebooks" / "areas.md"
    page.write_text(PAGE.replace('"areas.csv")', 'f"{word}.csv")'))
    assert tables_of(page) == []  # what the source does not say is not known


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ({"table": "../areas.csv"}, "results.table"),
        ({"table": "areas.txt"}, "results.table"),
        ({"table": "results.csv"}, "results.csv is what a sweep writes itself"),
        ({"columns": []}, "results.columns"),
        ({"columns": ["area", "area"]}, "it has the column 'area' twice"),
        ({"by": "area"}, "it has the column 'area' twice"),
    ],
)
def test_results_that_cannot_be_are_refused_with_the_file(results: dict[str, Any], sentence: str, folder: Path) -> None:
    with pytest.raises(SweepError, match=f"sweeps/one.yaml: .*{re.escape(sentence)}"):
        sweep_of(grid={"word": ["a"]}, results={**RESULTS, **results})


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "just words", "name: other\nwhat: x\n", "a: [", "a: 1\na: 2\n", "a: !!int b"]
)
def test_a_file_that_is_no_sweep_is_refused_in_a_sentence(text: str, folder: Path) -> None:
    (folder / "sweeps" / "one.yaml").write_text(text)
    with pytest.raises(SweepError, match=r"sweeps/one\.yaml (cannot be read|must name its parts)") as caught:
        read_sweep("one")
    assert "\n" not in str(caught.value)


def test_a_column_of_any_name_is_drawn_into_a_file_of_its_own(folder: Path) -> None:
    (folder / "notebooks" / "areas.md").write_text(PAGE.replace("run,area,third", "run,a/b,a b"))
    sweep = sweep_of(grid={"word": ["a"]}, results={**RESULTS, "columns": ["a/b", "a b"]})
    run_all(sweep)
    drawn = re.findall(r"\]\((\S+\.svg)\)", (sweep.folder / "index.md").read_text())
    assert len(set(drawn)) == 2
    assert all((sweep.folder / name).is_file() for name in drawn)


def test_all_pairs_of_a_grid_have_folders(folder: Path) -> None:
    words = ["a b", "a-b", "a_b", "a.b"]
    runs = sweep_of(grid={"word": words, "run": [1, 2]}).runs()
    assert len({run.slug.lower() for run in runs}) == len(list(itertools.product(words, [1, 2])))


ASKED: dict[str, Any] = {"grid": {"word": ["a", "b"]}, "parameters": {"sizes": [4]}}
OTHERS: list[dict[str, Any]] = [
    {"parameters": {"sizes": [9]}},
    {"results": {"table": "others.csv", "columns": ["area"]}},
    {"notebook": "others"},
]


@pytest.fixture
def others(folder: Path) -> Path:
    """The same working directory, with another page, which writes another table as well."""
    (folder / "notebooks" / "others.md").write_text(PAGE)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("change", OTHERS, ids=lambda change: next(iter(change)))
def test_results_of_what_was_asked_for_before_are_not_shown(change: dict[str, Any], others: Path) -> None:
    run_all(sweep_of(**ASKED))
    add_chapters(["one"], Path("book"), Path("toc.yml"))
    changed = sweep_of(**{**ASKED, **change})
    assert {ending_of(changed, run) for run in changed.runs()} == {Ending.MISSING}
    with pytest.raises(SweepError, match=r"index\.md is not of the runs that sweeps/one\.yaml asks for.* `make sweep"):
        add_chapters(["one"], Path("book"), Path("toc.yml"))
    prepare(changed)
    assert not list(changed.folder.glob("*/results.csv.sha256"))  # which makes Snakemake run them
    assert set(write_summary(changed).values()) == {Ending.MISSING}
    page = (changed.folder / "index.md").read_text()
    assert "none yet." in page
    assert ".ipynb" not in page
    add_chapters(["one"], Path("book"), Path("toc.yml"))
    assert [path.name for path in Path("book/sweeps/one").rglob("*")] == ["index.md"]


@pytest.mark.slow
def test_a_summary_is_a_chapter_only_as_long_as_its_runs_are_what_it_shows(folder: Path) -> None:
    sweep = sweep_of(**ASKED)
    run_all(sweep)
    first, second = sweep.runs()
    add_chapters(["one"], Path("book"), Path("toc.yml"))
    results = sweep.folder / first.slug / "results.csv"
    results.write_text(results.read_text().replace("4", "5"))
    with pytest.raises(SweepError, match=r"index\.md is not of the runs that"):
        add_chapters(["one"], Path("book"), Path("toc.yml"))
    assert list(write_summary(sweep).values()) == [Ending.DAMAGED, Ending.DONE]
    add_chapters(["one"], Path("book"), Path("toc.yml"))
    copied = [path.stem for path in Path("book/sweeps/one").glob("*/*.ipynb")]
    assert copied == [second.slug]


@pytest.mark.parametrize("change", OTHERS, ids=lambda change: next(iter(change)))
def test_a_job_runs_what_was_prepared_or_says_that_the_file_has_changed(change: dict[str, Any], others: Path) -> None:
    sweep = sweep_of(**ASKED)
    prepare(sweep)
    assert prepared(read_sweep("one"), "word=a") == sweep.runs()[0]
    more = sweep_of(**{**ASKED, "grid": {"word": ["a", "c"]}})  # other runs do not matter to this one
    assert prepared(more, "word=a") == sweep.runs()[0]
    start = r"sweeps/one\.yaml has changed since this sweep was started, and word=b is not run: it "
    with pytest.raises(SweepError, match=f"{start}has no such run any more"):
        prepared(more, "word=b")
    with pytest.raises(SweepError, match=f"{start}asks that run for something else now"):
        prepared(sweep_of(**{**ASKED, **change}), "word=b")


def test_a_file_system_that_can_only_be_read_stops_no_sweep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    sweep = sweep_of(**ASKED)
    tomorrow = time.time() + 86400
    os.utime(sweep.source, (tomorrow, tomorrow))
    monkeypatch.setattr(os, "utime", refuse)
    assert prepare(sweep) == []
    assert prepared(sweep, "word=a").parameters == {"sizes": [4.0], "word": "a"}
