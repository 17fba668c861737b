"""Committed tables on disk: small, with the sum of each, and of the definitions that they were made under."""

from __future__ import annotations

import hashlib
import io
import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodreg.errors import PlainError
from geodreg.workspace.files import write_whole
from geodreg.workspace.places import places
from geodreg.workspace.revision import revision, sum_of_sources

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Shelf", "ShelfError", "measured_now"]

PROVENANCE = "provenance.json"
SIGNIFICANT = "%.6g"  # of each number


class ShelfError(PlainError):
    """Definitions or tables that are missing, damaged or senseless; the message says how to mend it."""


def measured_now() -> dict[str, Any]:
    """What a measurement that begins now is made with: date, commit, sum of the module's sources, versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": revision(),
        "sources": sum_of_sources(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "scipy")},
        },
    }


@dataclass(frozen=True)
class Shelf:
    """A folder of definitions and of the tables that were made under them.

    It is looked for in the folder that ``variable`` names, else in the checkout, else in the installed package.

    Attributes:
        name: of the folder in ``data``.
        variable: environment variable that names another folder.
        definitions: file of the definitions.
        command: that makes the tables.
    """

    name: str
    variable: str
    definitions: str
    command: str

    def path(self, file: str) -> Path:
        """A file of the shelf.

        Raises:
            ShelfError: if it is in none of the places.
        """
        tried = places(self.name, self.variable)
        for place in tried:
            if (place / file).is_file():
                return place / file
        raise ShelfError(f"There is no {file} in {' or '.join(map(str, tried))}; make it with `{self.command}`.")

    def sum_of_definitions(self) -> str:
        """SHA-256 of the definitions.

        Raises:
            ShelfError: if they are missing.
        """
        return hashlib.sha256(self.path(self.definitions).read_bytes()).hexdigest()

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        out: Path,
        made_by: str,
        models: Mapping[str, str],
        measured: Sequence[Mapping[str, Any]],
        missing: Sequence[str] = (),
    ) -> None:
        """Write tables and their provenance, each file all or nothing, the provenance last.

        Date, commit and versions are those of the measurements, each once if they differ: old rows do not become new
        ones when they are put together again.

        Args:
            tables: by name.
            out: folder.
            made_by: the command.
            models: SHA-256 of the weights of each model that was measured.
            measured: what :func:`measured_now` said when each part of the tables was measured.
            missing: tables and models that are still to be measured.
        """
        parts = Counter(json.dumps(each, sort_keys=True) for each in measured or [measured_now()])
        kinds = sorted(({**json.loads(text), "parts": n} for text, n in parts.items()), key=lambda each: each["date"])
        out.mkdir(parents=True, exist_ok=True)
        sums = {}
        for name, table in tables.items():
            content = table.to_csv(index=False, float_format=SIGNIFICANT).encode()
            sums[f"{name}.csv"] = hashlib.sha256(content).hexdigest()
            write_whole(out / f"{name}.csv", content)
        record = {
            "date": _each_once(each["date"] for each in kinds),
            "commit": _each_once(each["commit"] for each in kinds),
            "command": made_by,
            "definitions": self.sum_of_definitions(),
            "tables": sums,
            "models": dict(models),
            "missing": list(missing),
            "versions": {name: _each_once(each["versions"][name] for each in kinds) for name in kinds[0]["versions"]},
            "measured": kinds,
        }
        write_whole(out / PROVENANCE, (json.dumps(record, indent=1) + "\n").encode())

    def provenance(self) -> dict[str, Any]:
        """What made the tables.

        Raises:
            ShelfError: if it is missing, or the definitions are no longer those that the tables were made under.
        """
        record = json.loads(self.path(PROVENANCE).read_text(encoding="utf-8"))
        if record["definitions"] != self.sum_of_definitions():
            raise ShelfError(
                f"{self.path(self.definitions)} has changed since the tables beside it were made; "
                f"restore it, or make them again with `{self.command}`."
            )
        return record

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name, each after its sum was checked.

        Raises:
            ShelfError: if one is missing or was changed.
        """
        import pandas as pd

        tables = {}
        for file, expected in self.provenance()["tables"].items():
            path = self.path(file)
            content = path.read_bytes()
            found = hashlib.sha256(content).hexdigest()
            if found != expected:
                raise ShelfError(
                    f"{path} was changed: its sha256 is {found}, {PROVENANCE} says {expected}; "
                    f"restore it, or make it again with `{self.command}`."
                )
            tables[path.stem] = pd.read_csv(io.BytesIO(content), dtype={"seed": str}, low_memory=False)
        return tables


def _each_once(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
