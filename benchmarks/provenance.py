"""At which commit each table was made: not all of them are made again at the same time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.sizes import OUT
from geodreg.revision import revision

__all__ = ["COMMIT", "record"]

COMMIT = revision()  # before the tables that are written make the checkout look changed


def record(tables: Sequence[str], **others: object) -> None:
    """Note the commit of some tables in ``provenance.json``, and whatever else is given; all else stays as it is."""
    path = OUT / "provenance.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    commits = {**known.get("commits", {}), **dict.fromkeys(tables, COMMIT)}
    path.write_text(json.dumps({**known, **others, "commits": dict(sorted(commits.items()))}, indent=1) + "\n")
