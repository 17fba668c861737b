"""The pages as notebooks: parameters, reruns, and what a failure leaves behind."""

import ast
import json
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import jupytext
import nbformat
import pandas as pd
import pytest
from click.testing import CliRunner
from papermill.cli import papermill as papermill_command

from geodreg import Status
from geodreg.book.execution import run_page
from geodreg.book.notebook import ParameterError, check_parameters
from geodreg.book.parameters import PageError, checked, pair
from geodreg.paper.weight import choose_weight
from tests.needs import needs_yale
from tests.projects import PAGE

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "book" / "figures"
SOURCES = sorted((ROOT / "notebooks").glob("*.md"))
SMALL = ROOT / "notebooks" / "fig2-circle.md"
QUICK = ROOT / "notebooks" / "fig3-mnist-vae.md"  # a page that runs in seconds with few pairs
DOWNLOADED = (
    ROOT / "_build" / "html" / "_sources" / "figures" / f"{QUICK.stem}.ipynb"
)  # where its download button leads
Papermill = Callable[..., subprocess.CompletedProcess[str]]


def papermill(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def papermill_here(forked_kernels: None) -> Papermill:
    """The same command in this process, its kernel forked: what it says and leaves, without the wait for PyTorch."""

    def called(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        with chdir(folder):
            result = CliRunner().invoke(papermill_command, [*arguments, "--no-progress-bar"])
        error = result.exception
        told = "" if error is None else "".join(traceback.format_exception(error))  # as Python tells it at the end
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr + told)

    return called


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_page_documents_its_parameters_to_papermill(source: Path, tmp_path: Path) -> None:
    pair(source, tmp_path / "page.ipynb")
    described = CliRunner().invoke(papermill_command, ["--help-notebook", str(tmp_path / "page.ipynb")])
    assert described.exit_code == 0
    if source.stem != "claims":  # whose seeds are part of the claims' definitions
        assert "seed: int (default " in described.output
    cell = next(
        cell
        for cell in json.loads((tmp_path / "page.ipynb").read_text())["cells"]
        if "parameters" in cell["metadata"].get("tags", [])
    )
    for line in "".join(cell["source"]).splitlines():
        assert "#" in line, f"{line} does not say what it is"


def test_the_book_has_a_command_that_reruns_each_page_with_parameters_that_it_has() -> None:
    text = (ROOT / "book" / "rerun.md").read_text().split("A rerun of each page", 1)[1]
    rows = dict(re.findall(r"`papermill notebooks/(\S+)\.ipynb out\.ipynb (-p [^`]*)`", text))
    assert set(rows) == {source.stem for source in SOURCES}
    for source in SOURCES:
        given = dict(re.findall(r"-p (\S+) (\S+)", rows[source.stem]))
        assert checked(source, given), source.stem


@pytest.mark.slow
def test_papermill_reruns_a_page_in_another_folder(tmp_path: Path) -> None:
    pair(QUICK, tmp_path / "page.ipynb")
    run = papermill(
        "page.ipynb", "out.ipynb", "-p", "n_pairs", "2", "-p", "mu", "0.5", "-p", "budget", "9", folder=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "fig3-mnist-vae-pairs.csv").read_text().count("\n") == 1 + 5 * 2
    executed = json.loads((tmp_path / "out.ipynb").read_text())
    assert executed["metadata"]["papermill"]["parameters"] == {"n_pairs": 2, "mu": 0.5, "budget": 9}


@pytest.mark.slow
def test_a_parameter_of_the_wrong_type_is_refused_by_the_first_cell_in_one_sentence(
    tmp_path: Path, papermill_here: Papermill
) -> None:
    pair(SMALL, tmp_path / "page.ipynb")
    run = papermill_here("page.ipynb", "out.ipynb", "-p", "mu", "abc", folder=tmp_path)
    assert run.returncode != 0
    outputs = [o for cell in json.loads((tmp_path / "out.ipynb").read_text())["cells"] for o in cell.get("outputs", [])]
    error = next(output for output in outputs if output["output_type"] == "error")
    assert error["traceback"] == [
        "Parameter mu is 'abc' (str), but it must be of type float; for example: papermill ... -p mu 1.0"
    ]
    assert not (tmp_path / "fig2-pairs.csv").exists()


@pytest.mark.slow
def test_an_unknown_parameter_given_to_papermill_is_refused_by_the_first_cell(
    tmp_path: Path, papermill_here: Papermill
) -> None:
    pair(SMALL, tmp_path / "page.ipynb")
    run = papermill_here("page.ipynb", "out.ipynb", "-p", "n_pair", "4", folder=tmp_path)
    assert run.returncode != 0
    assert "This page has no parameter n_pair; did you mean n_pairs?" in run.stderr


@pytest.mark.parametrize(
    ("kind", "good", "bad"), [(int, 3, 3.5), (int, 0, True), (float, 1, "one"), (bool, True, 1), (str, "a", 1)]
)
def test_types_are_checked_but_whole_numbers_are_floats(kind: type, good: object, bad: object) -> None:
    assert check_parameters({"__annotations__": {"p": kind}, "p": good}) == {"p": good}
    with pytest.raises(ParameterError, match=rf"Parameter p is {bad!r} .* must be of type {kind.__name__}"):
        check_parameters({"__annotations__": {"p": kind}, "p": bad})


def test_an_unknown_parameter_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(PageError, match=r"has no parameter n_pair; did you mean n_pairs \(int\)\?"):
        run_page(SMALL, tmp_path / "out.ipynb", {"n_pair": 3})
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_a_failing_page_keeps_the_earlier_result_and_shows_the_cell(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = SMALL.read_text().split("## The model and the pairs of endpoints")[0]
    page.write_text(text)
    out = tmp_path / "out.ipynb"
    run_page(page, out)
    before = out.read_bytes()
    page.write_text(text + "\n```{code-cell} ipython3\n1 / 0\n```\n")
    with pytest.raises(PageError, match=r"failed in cell 3: ZeroDivisionError") as caught:
        run_page(page, out)
    assert "jupyter lab" in str(caught.value)
    assert out.read_bytes() == before
    assert (tmp_path / "out.failed.ipynb").exists()
    page.write_text(text)
    run_page(page, out)
    assert not (tmp_path / "out.failed.ipynb").exists()
    assert str(tmp_path) not in out.read_text()  # no path of this machine in what readers download


@pytest.mark.slow
@pytest.mark.skipif(not DOWNLOADED.is_file(), reason="needs the built site: make book")
def test_the_notebook_downloaded_from_the_site_reruns_in_another_folder(
    tmp_path: Path, papermill_here: Papermill
) -> None:
    shutil.copy(DOWNLOADED, tmp_path / "page.ipynb")
    run = papermill_here(
        "page.ipynb", "out.ipynb", "-p", "n_pairs", "2", "-p", "mu", "0.5", "-p", "budget", "9", folder=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "fig3-mnist-vae-pairs.csv").read_text().count("\n") == 1 + 5 * 2


def notes_in(notebook: Path) -> list[str]:
    """What a notebook says of the parameters of its run, in its text and its outputs."""
    return re.findall(r"\*\*A rerun with [^\"]*", notebook.read_text())


OTHER = "**A rerun with other parameters:** {}. Everything else is as on the page."
OWN = "**A rerun with the page's own parameters.**"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "notes"),
    [
        ({}, []),
        ({"x": 1.0, "seed": 0}, [OWN]),
        ({"x": 3.0, "seed": 0}, [OTHER.format("`x` = 3.0 (default 1.0)")]),
        ({"seed": 2, "x": 3.0}, [OTHER.format("`x` = 3.0 (default 1.0), `seed` = 2 (default 0)")]),
    ],
)
@pytest.mark.usefixtures("forked_kernels")
def test_a_rerun_says_which_of_its_parameters_are_not_the_pages(
    given: dict[str, float], notes: list[str], tmp_path: Path
) -> None:
    (tmp_path / "small.md").write_text(PAGE)
    run_page(tmp_path / "small.md", tmp_path / "out.ipynb", given)
    assert notes_in(tmp_path / "out.ipynb") == notes


@pytest.mark.slow
def test_a_rerun_of_an_executed_notebook_says_what_it_ran_with_and_not_what_that_did(
    tmp_path: Path, papermill_here: Papermill
) -> None:
    (tmp_path / "small.md").write_text(PAGE)
    run_page(tmp_path / "small.md", tmp_path / "first.ipynb", {"x": 3.0})
    run = papermill_here("first.ipynb", "second.ipynb", "-p", "seed", "1", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert notes_in(tmp_path / "second.ipynb") == [OTHER.format("`seed` = 1 (default 0)")]
    assert pd.read_csv(tmp_path / "small.csv")["y"].tolist() == [1.0]  # from the page's defaults
    run = papermill_here("first.ipynb", "third.ipynb", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert notes_in(tmp_path / "third.ipynb") == [OTHER.format("`x` = 3.0 (default 1.0)")]
    assert pd.read_csv(tmp_path / "small.csv")["y"].tolist() == [9.0]  # the cell of its values is still there


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_what_an_earlier_release_wrote_of_a_rerun_is_not_in_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "small.md").write_text(PAGE)
    notebook = jupytext.read(tmp_path / "small.md")
    for note in (OTHER.format("`x` = 3.0 (default 1.0)"), OWN):
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(note))
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell("**A rerun with care.** This stays."))
    jupytext.write(notebook, tmp_path / "earlier.ipynb")
    run_page(tmp_path / "earlier.ipynb", tmp_path / "out.ipynb", {"seed": 2})
    assert notes_in(tmp_path / "out.ipynb") == [
        "**A rerun with care.** This stays.",
        OTHER.format("`seed` = 2 (default 0)"),
    ]


WEIGHTS = [
    ("fig3", "mu_gan", "MNIST GAN"),
    ("fig3", "mu_vae", "MNIST VAE"),
    ("fig3", "mu_yale", "Yale DCGAN"),
    ("fig3-mnist-gan", "mu", "MNIST GAN"),
    ("fig3-mnist-vae", "mu", "MNIST VAE"),
    ("fig3-yale", "mu", "Yale DCGAN"),
    ("fig4-yale", "mu", "Yale DCGAN"),
    ("fig4-lambert", "mu", "Yale DCGAN"),
    ("fig4-lambert", "mu_gan", "MNIST GAN"),
    ("fig4-lambert", "mu_vae", "MNIST VAE"),
]


@pytest.mark.skipif(not (FIGURES / "weight.csv").is_file(), reason="needs the executed pages: make book")
@pytest.mark.parametrize(("page", "parameter", "model"), WEIGHTS)
def test_default_weights_are_those_that_the_rule_chose(page: str, parameter: str, model: str) -> None:
    table = pd.read_csv(FIGURES / "weight.csv")
    chosen = choose_weight(table[table["model"] == model])
    line = re.search(rf"^{parameter}: float = (\S+)", (ROOT / "notebooks" / f"{page}.md").read_text(), re.MULTILINE)
    assert line is not None
    assert float(line[1]) == chosen


@pytest.mark.slow
@needs_yale
def test_a_held_out_person_is_trained_and_gets_the_same_page(held_out: Path) -> None:
    card = json.loads((held_out / "models" / "yaleB20" / "yale-dcgan" / "card.json").read_text())
    assert card["settings"]["subject"] == "yaleB20"
    assert all("yaleB20" in name for name in card["data"])
    assert (held_out / "fig4-yale-pairs.csv").read_text().count("\n") == 1 + 3 * 2


@pytest.mark.slow
def test_a_person_whose_weights_are_not_at_hand_is_refused_in_a_sentence(
    tmp_path: Path, papermill_here: Papermill
) -> None:
    pair(ROOT / "notebooks" / "fig3-yale.md", tmp_path / "page.ipynb")
    run = papermill_here("page.ipynb", "out.ipynb", "-p", "subject", "yaleB20", folder=tmp_path)
    assert run.returncode != 0
    assert (
        run.stderr.strip()
        .splitlines()[-1]
        .startswith("The weights at hand are of yaleB22, not of yaleB20; pass retrain=true")
    )


@pytest.mark.skipif(not (FIGURES / "fig3-mnist-gan-pairs.csv").is_file(), reason="needs the executed pages: make book")
@pytest.mark.parametrize("page", ["fig3-mnist-gan", "fig3-mnist-vae"])
def test_the_digits_reach_what_they_must(page: str) -> None:
    table = pd.read_csv(FIGURES / f"{page}-pairs.csv").set_index(["method", "pair"])
    length, nll = table["length"], table["nll_mean"]
    assert len(length["geodesic"]) == 16
    assert (nll["geodreg"] < nll["straight"]).mean() >= 0.8
    assert (length["geodesic"] <= length["straight"]).all()
    assert (length["geodesic"] <= length["geodreg"]).all()
    solved = table.drop(index="algorithm1", level="method")  # which is taken as it is after its iterations
    unsolved = solved.loc[~solved["converged"], "status"]
    assert len(unsolved) <= 2
    assert unsolved.isin([Status.UNBOUNDED, Status.ITERATIONS]).all()  # says why not


def test_the_page_on_extending_does_so_in_under_30_lines_each() -> None:
    cells = [
        cell.source for cell in jupytext.read(ROOT / "notebooks" / "extending.md").cells if cell.cell_type == "code"
    ]
    classes = [node for cell in cells for node in ast.parse(cell).body if isinstance(node, ast.ClassDef)]
    lines = {node.name: (node.end_lineno or 0) - node.decorator_list[0].lineno + 1 for node in classes}
    methods = {item.name for node in classes for item in node.body if isinstance(item, ast.FunctionDef)}
    assert methods == {"curves", "solve"}
    assert max(lines.values()) < 30, lines
