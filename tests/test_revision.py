"""The commit of the checkout that holds the module, and of no other repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import geodreg
from geodreg.workspace.revision import revision, sum_of_sources

RELEASE = f"release {geodreg.__version__}"
NAME = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commits as somebody, with no settings of this machine's user."""
    for name, value in {**NAME, "GIT_CONFIG_GLOBAL": str(tmp_path / "none"), "GIT_CONFIG_NOSYSTEM": "1"}.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    (folder / "theirs.txt").write_text("theirs\n")
    return folder


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    return git(folder, "rev-parse", "--short=10", "HEAD")


def unpacked(folder: Path, project: str = "geodreg") -> Path:
    """The part of an unpacked archive that counts; the module's folder."""
    (folder / "geodreg").mkdir(parents=True)
    (folder / "geodreg" / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{project}"\n')
    return folder / "geodreg"


def test_a_checkout_has_its_commit_and_a_mark_if_it_was_changed(tmp_path: Path) -> None:
    package = unpacked(repository(tmp_path / "clone"))
    assert revision(package) == RELEASE  # no commit yet
    expected = commit(package.parent)
    assert revision(package) == expected
    (package / "__init__.py").write_text("changed = True\n")
    assert revision(package) == f"{expected}-dirty"


@pytest.mark.parametrize("where", [".venv/lib/python3.11/site-packages", "third party/geodreg-0.1.0", "."])
@pytest.mark.parametrize("ignored", [True, False])
def test_within_the_repository_of_somebody_else_it_is_the_release(where: str, ignored: bool, tmp_path: Path) -> None:
    theirs = repository(tmp_path / "theirs")
    package = unpacked(theirs / where, project="geodreg" if where != "." else "theirs")
    if ignored:
        (theirs / ".gitignore").write_text(f"{where.split('/')[0] if where != '.' else 'geodreg'}/\n")
    commit(theirs)  # unless it is ignored, they keep track of the copy
    assert revision(package) == RELEASE


def test_an_unpacked_archive_that_their_repository_does_not_track_is_the_release(tmp_path: Path) -> None:
    theirs = repository(tmp_path / "theirs")
    commit(theirs)
    assert revision(unpacked(theirs)) == RELEASE  # even at the top


def test_the_sum_of_sources_changes_with_an_edit_and_not_with_the_mark_of_an_editor(tmp_path: Path) -> None:
    package = unpacked(tmp_path / "project")
    before = sum_of_sources(package)
    (package / ".#__init__.py").symlink_to("somebody@somewhere.4711:1")  # as Emacs marks what it has open
    assert sum_of_sources(package) == before
    (package / "__init__.py").write_text("changed = True\n")
    assert sum_of_sources(package) != before


def test_a_worktree_and_a_submodule_have_their_own_commits(tmp_path: Path) -> None:
    clone = repository(tmp_path / "clone")
    first = commit(unpacked(clone).parent)
    git(clone, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "worktree"))
    (tmp_path / "worktree" / "new.txt").write_text("")
    second = commit(tmp_path / "worktree")
    assert [revision(tmp_path / place / "geodreg") for place in ("clone", "worktree")] == [first, second]
    theirs = repository(tmp_path / "theirs")
    git(theirs, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(clone), "modules/geodreg")
    assert first != commit(theirs)
    assert revision(theirs / "modules" / "geodreg" / "geodreg") == first


def test_variables_that_name_another_repository_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = unpacked(repository(tmp_path / "clone"))
    expected = commit(package.parent)
    commit(repository(tmp_path / "other"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))  # as in a hook of theirs
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / ".git" / "index"))
    assert revision(package) == expected


def test_without_git_it_is_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = unpacked(repository(tmp_path / "clone"))
    commit(package.parent)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(package) == RELEASE


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs to give files away, which only root may")
def test_a_checkout_of_another_user_has_its_commit(tmp_path: Path) -> None:
    package = unpacked(repository(tmp_path / "clone"))
    expected = commit(package.parent)
    for path in [package.parent, *package.parent.rglob("*")]:
        os.chown(path, 12345, 12345)
    with pytest.raises(subprocess.CalledProcessError):  # git alone refuses it
        git(package.parent, "status")
    assert revision(package) == expected


@pytest.mark.slow
def test_a_module_that_is_not_installed_knows_its_release(tmp_path: Path) -> None:
    # As after unpacking an archive, or with another release installed beside it, whose version is not this one's.
    (tmp_path / "geodreg").symlink_to(Path(geodreg.__file__).parent)
    metadata = tmp_path / "geodreg-9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: geodreg\nVersion: 9.9\n")
    code = "from geodreg.workspace.revision import revision; print(revision())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == RELEASE
    command = [sys.executable, "-m", "geodreg", "info"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout.startswith(f"geodreg {geodreg.__version__} ({RELEASE}), Python"), run.stdout + run.stderr
