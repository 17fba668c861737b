"""The benchmark's tables as files, with their sums.

They are made by ``make bench`` and committed. They are looked for below the folder named by the environment variable
``GEODREG_BENCHMARKS``, if that is set, else below ``data/benchmarks`` of the checkout that holds the package, else
below the copy that is installed with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodreg.errors import PlainError
from geodreg.workspace.files import sha256_of
from geodreg.workspace.places import places

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BenchmarkError", "provenance", "read_benchmark"]


class BenchmarkError(PlainError):
    """A table of the benchmark that is missing or was changed; the message says which, and how to make it."""


def _path(file: str) -> Path:
    tried = places("benchmarks", "GEODREG_BENCHMARKS")
    for place in tried:
        if (place / file).is_file():
            return place / file
    raise BenchmarkError(f"There is no {file} in {' or '.join(map(str, tried))}; make it with `make bench`.")


def read_benchmark(name: str) -> pd.DataFrame:
    """One of the benchmark's tables, by the name of its file without ending.

    Raises:
        BenchmarkError: if it is missing, or is not what the benchmark wrote.
    """
    import pandas as pd

    path = _path(f"{name}.csv")
    found, expected = sha256_of(path), provenance()["sums"].get(name)
    if found != expected:
        raise BenchmarkError(
            f"{path} was changed: its sha256 is {found}, provenance.json says {expected}; "
            "restore it, or make it again with `make bench`."
        )
    return pd.read_csv(path)


def provenance() -> dict[str, Any]:
    """What made the tables: date, sizes, processor, threads, versions, and the commit and the sum of each table.

    Raises:
        BenchmarkError: if it is missing.
    """
    return json.loads(_path("provenance.json").read_text(encoding="utf-8"))
