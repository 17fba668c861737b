"""At which commit each table was made, for not all of them are made again at the same time; and its sum."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.sizes import OUT
from geodreg.workspace.files import sha256_of
from geodreg.workspace.revision import revision

__all__ = ["COMMIT", "record"]

COMMIT = revision()  # before the tables that are written make the checkout look changed


def record(tables: Sequence[str], **others: object) -> None:
    """Note commit and sum of some tables in ``provenance.json``, and whatever else is given; all else stays."""
    path = OUT / "provenance.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    commits = {**known.get("commits", {}), **dict.fromkeys(tables, COMMIT)}
    sums = {**known.get("sums", {}), **{table: sha256_of(OUT / f"{table}.csv") for table in tables}}
    content = {**known, **others, "commits": dict(sorted(commits.items())), "sums": dict(sorted(sums.items()))}
    path.write_text(json.dumps(content, indent=1) + "\n")
