"""The run's JSON as committed tables, with what made them.

Run it with ``python -m benchmarks.tables RUN.json``.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.device import card
from benchmarks.provenance import record
from benchmarks.sizes import OUT, SIZES

PACKAGES = ("torch", "numpy", "scipy", "geomstats", "stochman", "pytest-benchmark")


def tables(run: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """A table for each kind of measurement, a row for each one, with the median of its rounds in seconds."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for entry in run["benchmarks"]:
        info, stats = dict(entry["extra_info"]), entry["stats"]
        name = info.pop("table")
        seconds = None if info.get("reached") == 0 else float(f"{stats['median']:.4g}")
        rows.setdefault(name, []).append({**info, "seconds": seconds, "rounds": stats["rounds"]})
    return {name: pd.DataFrame(part) for name, part in rows.items()}


def provenance(run: dict[str, Any]) -> dict[str, Any]:
    """What made the tables, without names or paths of the machine."""
    cpu = run["machine_info"].get("cpu", {})
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "sizes": SIZES.name,
        "cpu": cpu.get("brand_raw", platform.machine()),
        "cores": os.cpu_count(),
        "card": card(),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def main() -> None:
    """Write every table and ``provenance.json``."""
    run = json.loads(Path(sys.argv[1]).read_text())
    OUT.mkdir(parents=True, exist_ok=True)
    made = tables(run)
    for name, table in made.items():
        table.to_csv(OUT / f"{name}.csv", index=False, float_format="%.6g")
    record(list(made), **provenance(run))


if __name__ == "__main__":
    main()
