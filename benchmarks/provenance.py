"""At which commit each table was made, and its sum; and that a run's tables are committed together or not at all.

``python -m benchmarks.provenance begin FOLDER`` stands before the measurements, which take long, and refuses a
checkout with changes for tables that are to be committed; ``publish FOLDER`` stands behind them, and puts them there.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.sizes import OUT
from geodreg.errors import PlainError
from geodreg.paper.speed.commits import CHANGED, disagreement
from geodreg.workspace.files import sha256_of, write_whole
from geodreg.workspace.revision import revision

__all__ = ["COMMIT", "begin", "publish", "record"]

COMMIT = revision()  # before the tables that are written make the checkout look changed
COMMITTED = Path("data/benchmarks")
PROVENANCE = "provenance.json"


class TablesError(PlainError):
    """Tables that are not to be committed; the message says why."""


def record(tables: Sequence[str], **others: object) -> None:
    """Note commit and sum of some tables in ``provenance.json``, and whatever else is given; all else stays."""
    path = OUT / PROVENANCE
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    commits = {**known.get("commits", {}), **dict.fromkeys(tables, COMMIT)}
    sums = {**known.get("sums", {}), **{table: sha256_of(OUT / f"{table}.csv") for table in tables}}
    content = {**known, **others, "commits": dict(sorted(commits.items())), "sums": dict(sorted(sums.items()))}
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def begin(folder: Path, commit: str = COMMIT) -> None:
    """Make room for a run's tables.

    Args:
        folder: where they will be published.
        commit: of the checkout.

    Raises:
        TablesError: if they are to be committed, and the checkout has changes that no commit has.
    """
    if folder == COMMITTED and commit.endswith(CHANGED):
        raise TablesError(
            f"The checkout has changes since {commit.removesuffix(CHANGED)}, so nobody could measure these tables "
            "again; commit them first, or name another folder with BENCH_OUT."
        )
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)


def publish(folder: Path, source: Path = OUT) -> None:
    """Put the tables of a run where they are read, all of them or none; tables of earlier runs go.

    Args:
        folder: where they are read.
        source: where the run wrote them.

    Raises:
        TablesError: if they are to be committed and are not all of one commit, or one is not what was measured.
    """
    content = json.loads((source / PROVENANCE).read_text(encoding="utf-8"))
    said = disagreement(content["commits"])
    if folder == COMMITTED and said:
        raise TablesError(f"{said} They stay in {source}; was something committed meanwhile?")
    changed = [name for name, sha256 in content["sums"].items() if sha256_of(source / f"{name}.csv") != sha256]
    if changed:
        raise TablesError(f"{', '.join(changed)} in {source} changed after being measured; call `make bench` again.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in content["sums"]:
        write_whole(folder / f"{name}.csv", (source / f"{name}.csv").read_bytes())
    write_whole(folder / PROVENANCE, (source / PROVENANCE).read_bytes())
    for table in folder.glob("*.csv"):
        if table.stem not in content["sums"]:
            table.unlink()


def main() -> int:
    """Begin or publish a run."""
    _, step, folder = sys.argv
    try:
        if step == "begin":
            begin(Path(folder))
        else:
            publish(Path(folder))
    except PlainError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
