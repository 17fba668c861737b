"""Parameters of pages: every door takes the same values, reads them as the same, and refuses the others by name."""

import ast
import base64
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml
from papermill import inspect_notebook
from typer.testing import CliRunner as TyperRunner

from geodreg.book.cells import tagged_cell
from geodreg.book.notebook import check_parameters
from geodreg.book.parameters import declarations, declared, pair
from geodreg.book.ranges import Interval
from geodreg.book.sweeps.definition import read_sweep
from geodreg.book.values import read_yaml
from geodreg.commands.cli import app
from geodreg.datasets.yale import yale_subjects
from geodreg.errors import PlainError
from tests.doors import through_papermill

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "notebooks").glob("*.md"))
HEADER = (ROOT / "notebooks" / "judge.md").read_text().split("# ", 1)[0].split("\n---\n")[0] + "\n---\n"
PAGE = f"""{HEADER}
# A page of every kind of parameter

```{{code-cell}} ipython3
:tags: [parameters]

weight: float = 0.1  # of the density [0, inf)
part: float = 0.5  # of a whole (0, 1]
count: int = 4  # of something [1, 32]
again: bool = False  # or not
word: str = "two words"  # and no range
code: str = "007"  # text that looks like a number
solver: str = "first"  # of two, or of a series {{first, second, third:[0-9]}}
sizes: list = [1.0, 2.5]  # of squares (0, 10]
rows: list[list[int]] = [[1, 2], [3]]  # of a table
names: list = ["x"]  # of things
flags: list[bool] = [True, False]  # on and off
```

```{{code-cell}} ipython3
import json
from pathlib import Path

Path("given.json").write_text(json.dumps([weight, part, count, again, word, sizes, rows]))
```
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page above, in a folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    for folder in ("notebooks", "sweeps"):
        (tmp_path / folder).mkdir()
    source = tmp_path / "notebooks" / "kinds.md"
    source.write_text(PAGE)
    return source


def given_as_words(source: Path, name: str, text: str) -> Any:
    return through_papermill(source, "-p", name, text)[name]


def given_raw(source: Path, name: str, text: str) -> Any:
    return through_papermill(source, "-r", name, text)[name]


def given_as_yaml(source: Path, name: str, text: str) -> Any:
    return through_papermill(source, "-y", f"{name}: {text}")[name]


def given_in_a_file(source: Path, name: str, text: str) -> Any:
    source.with_suffix(".yaml").write_text(f"{name}: {text}\n")
    return through_papermill(source, "-f", str(source.with_suffix(".yaml")))[name]


def given_encoded(source: Path, name: str, text: str) -> Any:
    return through_papermill(source, "-b", base64.b64encode(f"{name}: {text}".encode()).decode())[name]


def given_to_geodreg(source: Path, name: str, text: str) -> Any:
    result = TyperRunner().invoke(app, ["run", str(source), "-p", name, text, "--out", "out/page.ipynb"])
    if result.exit_code:
        raise PlainError(result.output.strip())
    executed = json.loads(Path("out/page.ipynb").read_text())
    return executed["metadata"]["papermill"]["parameters"][name]


def given_to_a_sweep(source: Path, name: str, text: str) -> Any:
    results = {"table": "t.csv", "columns": ["y"]}
    common = f"what: w\nnotebook: {source.stem}\nresults: {json.dumps(results)}\n"
    Path("sweeps", "one.yaml").write_text(f"{common}list:\n- {name}: {text}\n")
    return read_sweep("one").runs()[0].parameters[name]


Door = Callable[[Path, str, str], Any]
TEXT: list[Door] = [given_as_words, given_raw]
YAML: list[Door] = [given_as_yaml, given_in_a_file, given_encoded, given_to_a_sweep]
DOORS = pytest.mark.parametrize("door", [*TEXT, *YAML], ids=lambda door: door.__name__)

TAKEN = [
    ("weight", "1e-3", 0.001), ("weight", "2", 2.0), ("weight", "1E+2", 100.0), ("weight", "0", 0.0),
    ("part", "1", 1.0), ("count", "32", 32), ("count", "3.0", 3), ("count", "1e1", 10), ("count", "0x10", 16),
    *(("again", text, True) for text in ("true", "True", "TRUE", "yes", "on")),
    *(("again", text, False) for text in ("false", "False", "no", "Off")),
    ("solver", "second", "second"), ("solver", "third:7", "third:7"),
    ("sizes", "[1e-3, 1e-1]", [0.001, 0.1]), ("sizes", "[3]", [3.0]), ("sizes", "[1e1, 2]", [10.0, 2.0]),
    ("rows", "[[4, 5], [6e0]]", [[4, 5], [6]]), ("rows", "[]", []),
    ("names", "[a, 'b c']", ["a", "b c"]), ("flags", "[on, False, true]", [True, False, True]),
    ("word", "Ωμέγα", "Ωμέγα"), ("word", "a=b", "a=b"), ("word", "it's", "it's"),
]  # fmt: skip
REFUSED = [
    *(("weight", text) for text in ("nan", "inf", "-1", "-1e-9", "1e999", "abc", "0,5", "[1]", "true")),
    *(("part", text) for text in ("0", "1.0001")),
    *(("count", text) for text in ("0", "-3", "33", "2.5", "many", "true", "nan")),
    *(("again", text) for text in ("1", "0", "maybe", "2.0")),
    *(("solver", text) for text in ("third", "third:x", "First", "no")),
    *(("sizes", text) for text in ("[]", "[0]", "[1, abc]", "[1, [2]]", "[11]", "3", "[.nan]", "[true]", "{a: 1}")),
    *(("rows", text) for text in ("[1, 2]", "[[1.5]]", "[[a]]")),
]


@DOORS
@pytest.mark.parametrize(("name", "text", "expected"), TAKEN)
def test_a_value_is_the_same_through_every_door(page: Path, door: Door, name: str, text: str, expected: Any) -> None:
    found = door(page, name, text)
    assert found == expected
    assert type(found) is type(expected)
    assert json.dumps(found) == json.dumps(expected)  # the elements of a list have the types of the default's too


@DOORS
@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_a_value_of_another_type_or_out_of_range_is_refused_by_every_door(
    page: Path, door: Door, name: str, text: str
) -> None:
    with pytest.raises(PlainError) as caught:
        door(page, name, text)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert re.search(rf"[Pp]arameter {name} is .*, but it must be of type", sentence)
    found = declared(page)[name]
    assert (found.default if door is given_to_a_sweep else f"papermill ... {found.as_option('-r')}") in sentence


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [("sizes", "[1e-3, 1e-1]", [0.001, 0.1]), ("again", "TRUE", True), ("count", "3.0", 3), ("word", "12", "12")],
)
def test_geodreg_run_gives_the_page_what_it_read(page: Path, name: str, text: str, expected: Any) -> None:
    assert given_to_geodreg(page, name, text) == expected
    assert expected in json.loads(Path("out/given.json").read_text())


@pytest.mark.parametrize(("name", "text"), [("weight", "nan"), ("count", "0"), ("sizes", "[1, x]"), ("word", "\udcff")])
def test_geodreg_run_refuses_before_anything_runs_with_a_default_that_works(page: Path, name: str, text: str) -> None:
    with pytest.raises(PlainError) as caught:
        given_to_geodreg(page, name, text)
    assert not Path("out").exists()
    option = re.search(r": (-p .*)$", str(caught.value))
    assert option is not None
    _, name, text = shlex.split(option[1])
    given_to_geodreg(page, name, text)


@pytest.mark.parametrize("text", ["010", "-007", "00"])
def test_a_number_that_begins_with_zero_is_eight_to_some_readers_and_ten_to_others_so_it_is_refused(
    page: Path, text: str
) -> None:
    for door in (given_raw, given_to_a_sweep):
        with pytest.raises(PlainError, match="arameter count is"):
            door(page, "count", text)
        with pytest.raises(PlainError, match="arameter weight is"):
            door(page, "weight", text.removeprefix("-"))


def test_text_stays_text_in_a_sweep(page: Path) -> None:
    for text in ("007", "12:30", "2024-01-31", "no", "1_000", "0x10", "~x", "1e3"):
        assert given_to_a_sweep(page, "word", text) == text
    with pytest.raises(PlainError, match="parameter word is None"):
        given_to_a_sweep(page, "word", "null")


def test_what_is_named_twice_in_a_sweep_is_refused(page: Path) -> None:
    with pytest.raises(PlainError, match=r"sweeps/one\.yaml cannot be read: it has 'count' twice"):
        given_to_a_sweep(page, "count", "1\n  count: 2")


def test_yaml_with_an_alias_of_itself_or_very_deep_is_refused(page: Path) -> None:
    for text in ("&a [*a]", "[" * 3000 + "]" * 3000):
        with pytest.raises(PlainError, match="Parameter names is "):
            given_as_words(page, "names", text)


@pytest.mark.parametrize("source", [*SOURCES, None], ids=lambda path: path.stem if path else "kinds")
def test_the_hint_of_every_parameter_is_its_default_and_works_in_a_shell(source: Path | None, page: Path) -> None:
    text = (source or page).read_text()
    page.write_text(text)
    for name, parameter in declared(page).items():
        words = shlex.split(parameter.as_option(raw="-r"))
        assert through_papermill(page, *words)[name] == ast.literal_eval(parameter.default)
        assert parameter.read(shlex.split(parameter.as_option())[2]) == ast.literal_eval(parameter.default)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_parameter_of_the_book_has_a_range_that_papermill_shows(source: Path, tmp_path: Path) -> None:
    pair(source, tmp_path / "page.ipynb")
    shown = inspect_notebook(tmp_path / "page.ipynb")
    found = declared(source)
    assert set(shown) == set(found)
    for name, parameter in found.items():
        assert shown[name]["help"] == parameter.help
        if parameter.kind == "bool":
            continue
        assert parameter.allowed is not None, name
        assert parameter.allowed.allows(ast.literal_eval(parameter.default)), name
        if isinstance(parameter.allowed, Interval):
            assert parameter.allowed.text in shown[name]["help"]
            copy = tmp_path / source.name
            copy.write_text(source.read_text())
            value = "[.nan]" if parameter.kind.startswith("list") else ".nan"
            with pytest.raises(PlainError, match=rf"Parameter {name} is \[?nan"):
                through_papermill(copy, "-y", f"{name}: {value}")


@pytest.mark.parametrize("name", ["WEIGHT", "weights", "_weight", "in_"])
def test_a_name_that_nothing_reads_is_refused_whatever_it_looks_like(page: Path, name: str) -> None:
    with pytest.raises(PlainError, match=f"This page has no parameter {name}; "):
        through_papermill(page, "-p", name, "1")


def test_papermills_own_paths_are_no_parameters_of_the_page(page: Path) -> None:
    assert through_papermill(page, "--inject-paths")["count"] == 4


def test_checking_again_after_the_page_has_run_is_no_surprise(page: Path) -> None:
    cell = declarations_cell(PAGE)
    namespace: dict[str, Any] = {"In": ["", cell, "begin(globals())", "shown = 3", "begin(globals())"], "shown": 3}
    exec(cell, namespace)  # noqa: S102
    assert check_parameters(namespace)["count"] == 4


def declarations_cell(text: str) -> str:
    return text.split(":tags: [parameters]\n", 1)[1].split("```", 1)[0]


def test_a_declaration_is_read_as_python_reads_it() -> None:
    found = declarations(
        'a: str = "x # y = [0, 1]"  # text\nb: "int" = (\n    1\n)  # of rows [1, 2)\nc = 3\nd: float\n'
    )
    assert found["a"].default == '"x # y = [0, 1]"'
    assert (found["a"].help, found["a"].allowed) == ("text", None)
    assert (found["b"].kind, str(found["b"].allowed)) == ("int", "in [1, 2)")
    assert set(found) == {"a", "b"}


@pytest.mark.parametrize("kind", ["dict", "float | None", "list[dict]"])
def test_a_page_that_declares_a_type_without_a_notation_is_refused(kind: str, page: Path) -> None:
    page.write_text(PAGE.replace("weight: float", f"weight: {kind}"))
    with pytest.raises(
        PlainError, match=re.escape(f"Parameter weight is declared as {kind}; declare it as float, int")
    ):
        declared(page)
    with pytest.raises(PlainError, match=re.escape(f"Parameter weight is declared as {kind}; declare it as")):
        through_papermill(page)


def test_yaml_of_ours_agrees_with_pyyaml_where_nothing_is_plain_text() -> None:
    text = "{a: ['x', \"y\"], b: null, c: {d: ~}, e: !!float 1.5}"
    assert read_yaml(text) == yaml.safe_load(text)


def test_a_setting_of_a_training_is_read_as_its_type_too(tmp_path: Path) -> None:
    options = ["--steps", "2", "--set", "spread=2e-2", "--set", "seed=010", "--out", str(tmp_path)]
    result = TyperRunner().invoke(app, ["train", "circle-gan", *options])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "circle-gan" / "card.json").read_text())["settings"]
    assert (found["spread"], found["seed"]) == (0.02, 10)  # not eight, as YAML 1.1 has it


@pytest.mark.parametrize("name", ["fig3-yale", "fig4-yale"])
def test_the_persons_that_a_page_takes_are_those_whose_photographs_are_known(name: str) -> None:
    allowed = declared(ROOT / "notebooks" / f"{name}.md")["subject"].allowed
    assert allowed is not None
    persons = [f"yaleB{number:02}" for number in range(100)]
    assert [person for person in persons if allowed.allows(person)] == sorted(yale_subjects())


OPTIONS = [
    ":tags: [parameters]\n\na: int = 1\n", ":tags: [parameters]\na: int = 1\n", ":tags: [parameters]\n", "", "---\n",
    "\n",    "\n :tags: [parameters]\n :other: x\na: int = 1\n", "---\ntags: [parameters]\n---\n\n\na = 1\n",
    "---\ntags: [parameters]\nmystnb:\n  image: {alt: x}\n---\na: int = 1\n\n\nb = ':c'\n",
    "a = 1\n:tags: [parameters]\n", ":tags: [other, parameters]\n\ns: str = 'é'\n",
]  # fmt: skip


@pytest.mark.parametrize("cell", OPTIONS)
@pytest.mark.parametrize("around", ["```{code-cell} ipython3\n", "~~~{code-cell}\n", "- item\n\n  ```{code-cell}\n"])
def test_a_cell_is_read_as_jupytext_reads_it(cell: str, around: str, tmp_path: Path) -> None:
    fence = around.split("{")[0].split("\n")[-1]
    source = tmp_path / "page.md"
    cells = f"```python\na = 0\n```\n\n{around}{cell}{fence.strip()}\n\n```{{code-cell}}\nlast = 2\n```\n"
    source.write_text(f"{HEADER}\n{cells}")
    _same_as_jupytext(source, tmp_path)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_parameters_of_a_page_are_those_that_jupytext_reads(source: Path, tmp_path: Path) -> None:
    _same_as_jupytext(source, tmp_path)


def _same_as_jupytext(source: Path, folder: Path) -> None:
    notebook = jupytext.read(source)
    found = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert tagged_cell(source, "parameters") == (found[0] if found else None)
    jupytext.write(notebook, folder / "page.ipynb")
    assert tagged_cell(folder / "page.ipynb", "parameters") == (found[0] if found else None)
