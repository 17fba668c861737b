"""What the tests share, and the order in which they are dealt out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: a worker that met one last would keep the others waiting."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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
