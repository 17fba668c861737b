"""The version is the same wherever it is written."""

import re
import tomllib
from pathlib import Path

import geodreg

ROOT = Path(__file__).parent.parent


def test_the_version_is_the_same_in_package_project_citation_and_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    released = re.findall(r"^## \[(\d\S*)\] - (\d{4}-\d{2}-\d{2})$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    date = re.search(r"^date-released: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert citation is not None
    assert date is not None
    assert geodreg.__version__ == project == citation[1] == released[0][0]
    assert date[1] == released[0][1]
