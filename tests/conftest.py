"""What the tests share, and the order in which they are dealt out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Command = Callable[..., tuple[int, str]]
Once = Callable[[str, Callable[[Path], str]], str]

ROOT = Path(__file__).parent.parent


@pytest.hookimpl(tryfirst=True)  # before what is marked is chosen
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: a worker that met one last would keep the others waiting. Whatever opens a browser is slow."""
    for item in items:
        if "living_browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """What a fixture draws does not depend on what was run before it."""
    torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Nor does what a test draws."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Gives a text that is made once for all workers, by a function that gets an empty folder, under a name."""
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # a worker's folder is in that of all

    def made(name: str, make: Callable[[Path], str]) -> str:
        text = shared / f"{name}.txt"
        with FileLock(shared / f"{name}.lock"):
            if not text.is_file():
                text.write_text(make(Path(tempfile.mkdtemp(prefix=name, dir=shared))))
        return text.read_text()

    return made


@pytest.fixture
def forked_kernels() -> Iterator[None]:
    """Kernels that this process starts are forked from one that has loaded PyTorch; see :mod:`tests.forks`."""
    from tests.forks import forked_kernels  # the library's own tests run where there is no Jupyter

    with forked_kernels():
        yield


@pytest.fixture
def held_out(once: Once, forked_kernels: None) -> Path:
    """Where a page on another person's face was run, which has trained the model of that person; made once."""
    from geodreg.book.execution import run_page  # the library's own tests run where there is no Jupyter
    from tests.needs import DATA

    def made(folder: Path) -> str:
        parameters = {"subject": "yaleB20", "retrain": True, "steps": 5, "n_pairs": 2, "n_points": 9}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GEODREG_DATA", str(DATA))
            run_page(ROOT / "notebooks" / "fig4-yale.md", folder / "out.ipynb", parameters)
        return str(folder)

    return Path(once("held-out", made))


@pytest.fixture
def geodreg_in(capfd: pytest.CaptureFixture[str]) -> Command:
    """Calls ``geodreg`` with some words in a folder, in this process: exit code and output.

    It is for what a command says and does; what starts, is killed or waits in a process of its own is called with
    :func:`tests.projects.call`. An error that is not told in a sentence is the test's.
    """
    from typer.testing import CliRunner  # the library's own tests run where there is no typer

    from geodreg.commands.cli import app

    def called(folder: Path, *words: str) -> tuple[int, str]:
        with chdir(folder):
            result = CliRunner().invoke(app, words, catch_exceptions=False)
        return result.exit_code, result.output + "".join(capfd.readouterr())

    return called


@pytest.fixture(scope="module")
def living_browser() -> Iterator[Callable[[], Browser]]:
    """Gives the one browser of these tests, or another where that has died."""
    from playwright.sync_api import sync_playwright  # the library's own tests run where there is no browser

    from tests.needs import CHROMIUM

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
        opened: list[Browser] = []

        def living() -> Browser:
            if not (opened and opened[-1].is_connected()):
                opened.append(playwright.chromium.launch(executable_path=CHROMIUM, args=flags))
            return opened[-1]

        yield living
        for browser in opened:
            browser.close()


@pytest.fixture
def browser(living_browser: Callable[[], Browser]) -> Iterator[Browser]:
    """A browser without pages: those that a test leaves open, such as one that fails, are closed behind it."""
    browser = living_browser()
    yield browser
    for context in browser.contexts:
        context.close()
