"""Checkouts in odd folders, temporary files in long ones, no home, and folders of others: it works, or one sentence."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from geodreg.book.execution import run_page
from geodreg.workspace import sockets
from geodreg.workspace.environment import mend_scripts
from geodreg.workspace.files import FileError, date_now, write_whole
from geodreg.workspace.locks import alone
from geodreg.workspace.sockets import LONGEST, NAME, short_folder
from geodreg.workspace.unfinished import unfinished
from tests.projects import BARE, BUILD, SMALL, SWEEP, call, make_project

ROOT = Path(__file__).parent.parent
HOME = ROOT / "geodreg" / "workspace" / "home.py"
TINY = """---
kernelspec: {display_name: Python 3, language: python, name: python3}
---

```{code-cell} ipython3
:tags: [parameters]

x: int = 1  # a number
```

```{code-cell} ipython3
from pathlib import Path

Path("written").write_text(str(x))
```
"""

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def checkout(folder: Path) -> Path:
    """A small project with the Makefile, and an environment that counts as installed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    project = make_project(folder, SWEEP.replace("[1.0, 2.0, 3.0]", "[2.0]"))
    for name in ("_config.yml", "vendor"):
        (project / name).unlink(missing_ok=True)
        (project / name).symlink_to(ROOT / name)
    for file in ("_static", "_templates", "references.bib"):
        (project / "book" / file).symlink_to(ROOT / "book" / file)
    (project / "book" / "intro.md").write_text("# A small book\n", encoding="utf-8")
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, project / name)
    venv.create(project / ".venv", symlinks=True)
    lib = next((project / ".venv" / "lib").glob("python*")) / "site-packages"
    (lib / "installed.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    (project / ".venv" / ".made-in").write_text(f"{(project / '.venv').resolve()}\n", encoding="utf-8")
    (project / ".venv" / ".ready").touch()
    return project


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command as a user calls it, outside of every environment."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **variables}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, timeout=1200,
    )  # fmt: skip


@pytest.mark.slow
@needs_make
def test_a_book_and_a_sweep_are_made_in_an_odd_folder_with_long_names_for_temporary_files_and_no_home(
    tmp_path: Path,
) -> None:
    long = tmp_path / ("temporary files of job 4711 " * 8)  # no socket's path may be half as long
    long.mkdir()
    project = checkout(tmp_path / "some ünïcode #'q folder" / 'a "b" {c} %20 & $HOME `id` ж' / "clone")
    around = {"TMPDIR": str(long), "HOME": str(tmp_path / "no such home"), "LC_ALL": "C", "PYTHONPATH": str(tmp_path)}
    run = make(project, "book", "CORES=1", **around)
    assert run.returncode == 0, run.stdout[-3000:]
    assert f"The book is built: {project}/_build/html/index.html" in run.stdout
    assert "A small page" in (project / "_build" / "html" / "figures" / "small.html").read_text(encoding="utf-8")
    run = make(project, "sweep", "SWEEP=small", "CORES=1", **around)
    assert run.returncode == 0, run.stdout[-3000:]
    assert pd.read_csv(project / "runs" / "sweeps" / "small" / "results.csv")["y"].tolist() == [4.0]
    assert not (tmp_path / "no such home").exists()


@needs_make
@pytest.mark.parametrize("name", ["a:b", "new\nline", "what?", "all*", "x[1]"])
def test_a_folder_that_cannot_be_is_named_before_anything_is_installed(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    run = make(folder, "book")
    assert run.returncode == 2
    first, *others = run.stdout.splitlines()
    assert "The path of this folder may have no colon, line break, *, ?, [ or ]; move or rename the folder" in first
    assert not others
    assert {path.name for path in folder.iterdir()} == {"Makefile"}


@needs_make
def test_the_commands_of_make_name_no_path_of_the_folder(tmp_path: Path) -> None:
    # What names none needs no quotes, and goes on working when the folder is moved.
    folder = tmp_path / "a 'b'"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-bench.txt"):
        shutil.copy(ROOT / name, folder)
    for target in ("book", "test", "sweep", "audit", "claims", "notebooks", "lab", "serve", "bench"):
        run = make(folder, "--dry-run", target, "SWEEP=mu", "CORES=1")
        assert run.returncode == 0, run.stdout
        assert str(tmp_path) not in run.stdout, target
        for line in run.stdout.splitlines():
            assert not line.startswith(("pip ", "geodreg ", "jupyter", "mypy", "ruff", "pytest", "snakemake")), line


NAMED = [
    "#!{python}\n",
    "#!{python}3.11\n",
    "#!{python} -sE\n",
    "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n",
]
"""How a script may name the Python of its environment."""


@pytest.mark.parametrize("named", NAMED)
def test_a_script_of_a_moved_environment_is_run_by_the_python_beside_it(named: str, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "folder" of $HOME, `id`, ж' / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    tool = folder / "tool"
    code = "import sys\nprint(sys.executable, *sys.argv[1:])\n"
    tool.write_text(named.format(python="/some where/else/.venv/bin/python") + code, encoding="utf-8")
    tool.chmod(0o755)
    assert mend_scripts(folder.parent) == [tool]
    assert mend_scripts(folder.parent) == []
    for command in ([str(tool)], [str(folder / "python"), str(tool)]):  # read by a shell, and by Python
        run = subprocess.run([*command, "one", "two three"], capture_output=True, encoding="utf-8", check=True)
        assert run.stdout.strip() == f"{folder / 'python'} one two three"


@pytest.mark.parametrize(
    "content", [b"#!/bin/bash\n", b"#!/usr/bin/python3\n", b"#!/a/.venv-bench/bin/python\n", b"\x7fELF\0", b""]
)
def test_other_programs_of_a_moved_environment_stay_as_they_are(content: bytes, tmp_path: Path) -> None:
    program = tmp_path / ".venv" / "bin" / "program"
    program.parent.mkdir(parents=True)
    program.write_bytes(content)
    program.with_name("link").symlink_to(program)
    assert mend_scripts(tmp_path / ".venv") == []
    assert program.read_bytes() == content
    assert program.with_name("link").is_symlink()


@pytest.mark.slow
@needs_make
def test_a_checkout_that_was_copied_with_its_environment_uses_its_own_after_the_next_make(tmp_path: Path) -> None:
    first, second = checkout(tmp_path / "first"), tmp_path / "it's näher" / "second"
    for name in ("README.md", "LICENSE"):  # which an installation of the module asks for
        (first / name).symlink_to(ROOT / name)
    tool = first / ".venv" / "bin" / "tool"
    tool.write_text(f"#!{first}/.venv/bin/python\nimport sys\nprint(sys.prefix)\n", encoding="utf-8")
    tool.chmod(0o755)
    assert "Mending" not in make(first, ".venv/.ready").stdout
    shutil.copytree(first, second, symlinks=True)
    run = make(second, ".venv/.ready", PIP_NO_INDEX="1")
    assert run.returncode == 0, run.stdout
    assert "Mending .venv" in run.stdout
    assert "Mending" not in make(second, ".venv/.ready").stdout
    words = ". .venv/bin/activate && cd / && tool && python -c 'import geodreg; print(geodreg.__file__)'"
    environment = {"PATH": os.environ["PATH"], "PYTHONUTF8": "1"}
    shell = subprocess.run(
        ["bash", "-c", words], cwd=second, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert shell.stdout.splitlines() == [f"{second}/.venv", f"{second}/geodreg/__init__.py"], shell.stderr
    assert (second / ".venv" / "bin" / "geodreg").is_file()


@needs_make
def test_an_environment_that_cannot_be_mended_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/no/such/python")  # as of another machine
    (tmp_path / ".venv" / ".ready").touch()
    run = make(tmp_path, "book")
    assert run.returncode == 2
    sentence, *others = run.stdout.splitlines()
    assert sentence.startswith(".venv was made elsewhere, and has no Python here")
    assert sentence.endswith("call rm -rf .venv, and make again.")
    assert all(line.startswith("make") for line in others)


def test_sockets_lie_in_a_short_folder_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with short_folder() as folder:
        assert folder is not None
        assert len(os.fsencode(folder)) + NAME <= LONGEST
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "socket").touch()
    assert not folder.exists()
    assert not list(long.iterdir())
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    with short_folder() as folder:
        assert folder is not None
        assert folder.parent == short
    short.rmdir()


@pytest.mark.slow
@pytest.mark.parametrize("usual", [sockets.USUAL, ()])
def test_a_page_runs_where_names_of_temporary_files_are_long(
    usual: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a short folder the kernel is reached through ports.
    long = tmp_path / ("ü " * 60)
    long.mkdir()
    (tmp_path / "tiny.md").write_text(TINY, encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(sockets, "USUAL", usual)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    run_page(tmp_path / "tiny.md", tmp_path / "out" / "page.ipynb", {"x": 7})
    assert (tmp_path / "out" / "written").read_text(encoding="utf-8") == "7"


@pytest.mark.parametrize("home", ["absent", "a file", "of another user", "mine"])
def test_who_has_no_home_that_can_be_written_gets_one_for_as_long_as_the_command_runs(
    home: str, tmp_path: Path
) -> None:
    place = tmp_path / "home"
    if home == "a file":
        place.touch()
    elif home != "absent":
        place.mkdir(mode=0o500 if home == "of another user" else 0o700)
    if home == "of another user" and os.getuid() == 0:
        pytest.skip("root may write everywhere")
    code = f"""import os, runpy
runpy.run_path({str(HOME)!r})["ensure_home"]()
open(os.path.join(os.environ["HOME"], "cache"), "w").close()
print(os.environ["HOME"])"""
    environment = {**os.environ, "HOME": str(place)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    found = Path(run.stdout.strip())
    assert (found == place) == (home == "mine")
    assert found.exists() == (home == "mine")


@pytest.mark.skipif(os.name != "posix", reason="needs users")
def test_a_home_that_one_may_not_look_into_is_like_one_that_is_missing(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "home").mkdir(parents=True)
    code = f"""import os, runpy
ensure_home = runpy.run_path({str(HOME)!r})["ensure_home"]
if os.getuid() == 0:  # who may look everywhere
    os.setgroups([]); os.setgid(54321); os.setuid(54321)
ensure_home()
print(os.environ["HOME"], os.access(os.environ["HOME"], os.W_OK))"""
    closed.chmod(0)
    environment = {"PATH": os.environ["PATH"], "HOME": str(closed / "home")}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    closed.chmod(0o700)
    assert run.returncode == 0, run.stderr
    found, is_writable = run.stdout.split()
    assert found != str(closed / "home")
    assert is_writable == "True"


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs to be another user, which only root may")
def test_a_user_whom_the_system_does_not_know_has_a_home_and_a_name() -> None:
    code = f"""import getpass, os, pwd, runpy
ensure_home = runpy.run_path({str(HOME)!r})["ensure_home"]
os.setgroups([]); os.setgid(54321); os.setuid(54321)
os.environ.clear()
ensure_home()
print(getpass.getuser(), os.path.isdir(os.path.expanduser("~")))"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["54321", "True"], run.stderr


@pytest.mark.slow
def test_a_checkout_that_cannot_be_written_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "_build"  # not even root can make it
    sentence = r"_build cannot be written, which a build must: .*\. Work in a clone of your own"
    with pytest.raises(FileError, match=sentence), alone(folder, "a build"):
        pass
    command = [sys.executable, "-m", "geodreg.workspace.locks", str(folder), "a build", "true"]
    run = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr.startswith(f"{folder} cannot be written, which a build must: ")
    assert len(run.stderr.splitlines()) == 1


def test_text_is_read_and_written_as_utf_8_in_every_locale() -> None:
    # A rule that ruff has on trial: whoever opens a file as text says how it is encoded.
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--preview", "--select", "PLW1514", "geodreg"]
    run = subprocess.run([*command, ".ci"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_files_of_the_future_are_of_now_and_in_the_order_that_they_had(tmp_path: Path) -> None:
    ahead = [tmp_path / name for name in ("first", "second", "third")]
    past = tmp_path / "past"
    for path in (*ahead, past):
        path.touch()
    before = time.time_ns()
    os.utime(past, ns=(1, 1))
    for day, path in zip((2, 3, 9), ahead, strict=True):
        os.utime(path, ns=(before + day * 10**15, before + day * 10**15))
    assert date_now([ahead[2], past, tmp_path / "absent", ahead[0], ahead[1]]) == ahead
    dates = [path.stat().st_mtime_ns for path in ahead]
    assert dates == sorted(set(dates))
    assert before <= dates[0] <= dates[-1] < time.time_ns() + 10**9
    assert past.stat().st_mtime_ns == 1
    assert date_now([past], [past]) == []
    os.utime(ahead[0], ns=(before + 10**15, before + 10**15))
    assert date_now([past], ahead) == [ahead[0]]
    assert ahead[0].stat().st_mtime < 10**6 < ahead[1].stat().st_mtime


@pytest.mark.slow
def test_a_build_after_the_clock_was_set_back_ends_and_is_not_repeated(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", page=BARE)
    tomorrow = time.time() + 86400
    os.utime(project / "notebooks" / "small.md", (tomorrow, tomorrow))
    code, output = call(project, *BUILD, SMALL)
    assert code == 0, output
    code, output = call(project, *BUILD, SMALL)
    assert code == 0, output
    assert "Executing" not in output
    os.utime(project / SMALL, (tomorrow, tomorrow))  # made while the clock was ahead
    (project / "notebooks" / "small.md").write_text(BARE.replace("seed: int = 0", "seed: int = 1"), encoding="utf-8")
    code, output = call(project, *BUILD, SMALL)
    assert code == 0, output
    assert "Executing" in output


@needs_make
def test_an_environment_is_ready_even_if_its_lock_file_is_of_the_future(tmp_path: Path) -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    rule = text[text.index("finished = ") : text.index("\n", text.index("finished = "))]
    (tmp_path / "Makefile").write_text(f"{rule}\nready: a b\n\t@$(call finished,ready,$^)\n", encoding="utf-8")
    for name, date in (("a", 1.0), ("b", time.time() + 86400)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (date, date))
    assert make(tmp_path, "ready").returncode == 0
    assert make(tmp_path, "--question", "ready").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with a space", "it's", "näher"])
def test_a_sweep_on_a_cluster_wants_a_path_that_scripts_can_name(name: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / name)
    (project / "profile").mkdir()
    code, output = call(project, "geodreg", "sweep", "small", "--profile", "profile")
    assert code == 1
    assert "cannot name" in output
    assert "Traceback" not in output
    assert not list(project.glob("runs/**/parameters.json"))


def test_several_writers_of_one_file_leave_one_of_their_contents_and_nothing_else(tmp_path: Path) -> None:
    contents = [bytes([65 + number]) * 300_000 for number in range(4)]
    with ThreadPoolExecutor(len(contents)) as writers:
        for _ in range(40):
            list(writers.map(lambda content: write_whole(tmp_path / "table.csv", content), contents))
            assert (tmp_path / "table.csv").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_what_belongs_together_is_put_in_place_together_and_not_after_an_error(tmp_path: Path) -> None:
    out, table = tmp_path / "out", tmp_path / "out" / "table.csv"
    (out / "data").mkdir(parents=True)
    (out / "data" / "input").touch()
    table.write_text("earlier", encoding="utf-8")

    def stopped() -> None:
        with unfinished(out / "page.ipynb") as page:
            assert page.with_name("data").joinpath("input").is_file()
            assert page.with_name("table.csv").read_text(encoding="utf-8") == "earlier"
            write_whole(page.with_name("table.csv"), b"half of it")
            page.with_name("models").mkdir()
            page.with_name("models").joinpath("checkpoint").touch()
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stopped()
    assert {path.name for path in out.iterdir()} == {"data", "page.unfinished", "table.csv"}
    assert {path.name for path in (out / "page.unfinished").iterdir()} == {"models", "table.csv"}  # for a look
    assert table.read_text(encoding="utf-8") == "earlier"
    with unfinished(out / "page.ipynb") as page:
        assert page.with_name("models").joinpath("checkpoint").is_file()  # a training goes on from there
        assert page.with_name("table.csv").read_text(encoding="utf-8") == "earlier"
        write_whole(page.with_name("table.csv"), b"whole")
        write_whole(page, b"whole")
        assert not (out / "page.ipynb").exists()
    assert {path.name for path in out.iterdir()} == {"data", "models", "page.ipynb", "table.csv"}
    assert table.read_text(encoding="utf-8") == "whole"
    assert (out / "data" / "input").is_file()
    with unfinished(out / "page.ipynb") as page:  # what is in a folder that is there comes to it at once
        page.with_name("models").joinpath("model").touch()
        assert (out / "models" / "model").is_file()
    assert {path.name for path in (out / "models").iterdir()} == {"checkpoint", "model"}


def test_a_file_system_without_locks_is_named_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    sentence = r"is on a file system without locks \(Function not implemented\), which the sweep needs; work in a clone"
    with pytest.raises(FileError, match=sentence), alone(tmp_path, "the sweep"):
        pass
