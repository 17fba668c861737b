"""The benchmark's tables as files, with their sums.

They are made by ``make bench`` and committed. They are looked for below the folder named by the environment variable
``GEODREG_BENCHMARKS``, if that is set, else below ``data/benchmarks`` of the checkout that holds the package, else
below the copy that is installed with it. Those of a graphics card are in the folder :data:`CARD` beside the others.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodreg.errors import PlainError
from geodreg.workspace.files import sha256_of
from geodreg.workspace.places import places

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CARD", "BenchmarkError", "provenance", "read_benchmark"]

CARD = "card"
VARIABLE = "GEODREG_BENCHMARKS"


class BenchmarkError(PlainError):
    """A table of the benchmark that is missing or was changed; the message says which, and how to make it."""


def _path(file: str, run: str) -> Path:
    named = os.environ.get(VARIABLE)
    # a folder of one run has no other run in it; that is still the committed one
    beside = places("benchmarks", "") if named and run else []
    tried = [place / run for place in (*places("benchmarks", VARIABLE), *beside)]
    for place in tried:
        if (place / file).is_file():
            return place / file
    raise BenchmarkError(f"There is no {file} in {' or '.join(map(str, tried))}; make it with `make bench`.")


def read_benchmark(name: str, run: str = "") -> pd.DataFrame:
    """One of the benchmark's tables.

    Args:
        name: of its file without ending.
        run: folder of another run, such as :data:`CARD`.

    Raises:
        BenchmarkError: if it is missing, or is not what the benchmark wrote.
    """
    import pandas as pd

    path = _path(f"{name}.csv", run)
    found, expected = sha256_of(path), provenance(run)["sums"].get(name)
    if found != expected:
        raise BenchmarkError(
            f"{path} was changed: its sha256 is {found}, provenance.json says {expected}; "
            "restore it, or make it again with `make bench`."
        )
    return pd.read_csv(path)


def provenance(run: str = "") -> dict[str, Any]:
    """What made the tables: date, sizes, processor, card, threads, versions, and commit and sum of each table.

    Args:
        run: as for :func:`read_benchmark`.

    Raises:
        BenchmarkError: if it is missing.
    """
    return json.loads(_path("provenance.json", run).read_text(encoding="utf-8"))
