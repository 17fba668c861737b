"""The tables of the claims on disk: small, with the sum of each, and of the definitions they were made under."""

from __future__ import annotations

import hashlib
import io
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodreg.paper.verdict.definitions import ClaimsError, claims_path, read_definitions
from geodreg.workspace.files import write_whole
from geodreg.workspace.revision import revision

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_provenance", "read_tables", "write_tables"]

PROVENANCE = "provenance.json"
SIGNIFICANT = "%.6g"  # of each number


def write_tables(tables: Mapping[str, pd.DataFrame], out: Path, made_by: str, models: Mapping[str, str]) -> None:
    """Write tables and their provenance, each file all or nothing, the provenance last.

    Args:
        tables: by name.
        out: folder.
        made_by: the command.
        models: SHA-256 of the weights of each model that was measured.
    """
    commit = revision()  # before the tables that are written here make the checkout look changed
    out.mkdir(parents=True, exist_ok=True)
    sums = {}
    for name, table in tables.items():
        content = table.to_csv(index=False, float_format=SIGNIFICANT).encode()
        sums[f"{name}.csv"] = hashlib.sha256(content).hexdigest()
        write_whole(out / f"{name}.csv", content)
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "command": made_by,
        "definitions": read_definitions()[1],
        "tables": sums,
        "models": dict(models),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "scipy")},
        },
    }
    write_whole(out / PROVENANCE, (json.dumps(record, indent=1) + "\n").encode())


def read_provenance() -> dict[str, Any]:
    """What made the tables.

    Raises:
        ClaimsError: if it is missing, or the definitions are no longer those that the tables were made under.
    """
    record = json.loads(claims_path(PROVENANCE).read_text(encoding="utf-8"))
    if record["definitions"] != read_definitions()[1]:
        raise ClaimsError(
            f"{claims_path('claims.yaml')} has changed since the tables beside it were made; "
            "restore it, or make them again with `make claims`."
        )
    return record


def read_tables() -> dict[str, pd.DataFrame]:
    """The tables by name, each after its sum was checked.

    Raises:
        ClaimsError: if one is missing or was changed.
    """
    import pandas as pd

    tables = {}
    for file, expected in read_provenance()["tables"].items():
        path = claims_path(file)
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise ClaimsError(
                f"{path} was changed: its sha256 is {found}, {PROVENANCE} says {expected}; "
                "restore it, or make it again with `make claims`."
            )
        tables[path.stem] = pd.read_csv(io.BytesIO(content), dtype={"seed": str}, low_memory=False)
    return tables
