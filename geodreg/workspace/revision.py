"""Which revision of the module is at work."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

__all__ = ["revision", "sum_of_sources"]

PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = "pyproject.toml"


def revision(package: Path = PACKAGE) -> str:
    """The commit of the checkout that holds the module, with a mark if files were changed; or the release.

    A checkout holds the module if that is among the files it keeps track of, in the place where this project has it. A
    virtual environment or an unpacked archive in somebody's own repository is not; their commit says nothing of it.

    Args:
        package: folder of the module.
    """
    root = package.parent
    ours = [f"{package.name}/__init__.py", PROJECT]
    try:
        top = _git(root, "rev-parse", "--show-prefix") == ""
        if top and _git(root, "ls-files", "--error-unmatch", "--", *ours) and _name(root / PROJECT) == package.name:
            return _git(root, "describe", "--always", "--dirty", "--abbrev=10")
    except (OSError, subprocess.CalledProcessError, tomllib.TOMLDecodeError):
        pass  # no git, no repository, or one without a commit
    module = sys.modules[__name__.partition(".")[0]]  # loaded, or this would not be; whatever is installed beside it
    return f"release {module.__version__}"


def sum_of_sources(package: Path = PACKAGE) -> str:
    """SHA-256 over all of the module's sources, which tells whether two runs had the same code, with git or without.

    Args:
        package: folder of the module.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        if not path.is_file():  # an editor may mark a source that it has open by a link to nothing beside it
            continue
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _git(root: Path, *arguments: str) -> str:
    """What git says in a folder, of the repository that the folder is in, whatever the environment names.

    Git trusts no checkout of another user, since its configuration may name programs; here code of that checkout is
    running already.
    """
    command = ["git", "-c", f"safe.directory={root}", "-c", "core.fsmonitor=false", *arguments]
    named = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
    environment = {name: value for name, value in os.environ.items() if name not in named}
    run = subprocess.run(  # noqa: S603 - arguments of our own
        command, cwd=root, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    return run.stdout.strip()


def _name(project: Path) -> str | None:
    content = tomllib.loads(project.read_text(encoding="utf-8"))
    name: str | None = content.get("project", {}).get("name")
    return name
