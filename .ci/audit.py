"""Look the packages of a lock file up among the known vulnerabilities: ``python .ci/audit.py requirements.txt``.

Exit code 1 if there are any, or if some of the packages are in no database; 0 if there are none, and also if no
database could be reached: that is said, with the date, and it is not noted as an audit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from packaging.requirements import InvalidRequirement, Requirement

DATABASES = ("pypi", "osv")  # of the Python Package Index, and of osv.dev


def looked_up(lock: Path, database: str, options: list[str]) -> list[dict[str, Any]] | str:
    """What a database says of each package; or, if it says nothing of any, why."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "found.json"
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--no-deps"]
        command += ["--vulnerability-service", database, "--format", "json", "--output", str(out), *options]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pip-audit
        if not out.is_file():
            return (run.stderr.strip().splitlines() or ["no answer"])[-1]
        found: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))["dependencies"]
    skipped = [entry["skip_reason"] for entry in found if "skip_reason" in entry]
    return str(skipped[0]) if found and len(skipped) == len(found) else found


def packages(lock: Path) -> int:
    """How many packages a lock file has.

    Raises:
        typer.BadParameter: if a line of it is none.
    """
    lines = [line.partition(" #")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", "-"))]
    for line in lines:
        try:
            Requirement(line)
        except InvalidRequirement:
            raise typer.BadParameter(
                f"{lock}: {line!r} is no package with its version; make it with `make lock`."
            ) from None
    return len(lines)


def main(
    lock: Annotated[Path, typer.Argument(help="The lock file.", exists=True, dir_okay=False)],
    record: Annotated[Path, typer.Option(help="Where the last audit is noted.")] = Path("_build/audit.json"),
    osv_url: Annotated[str | None, typer.Option(help="Another address of the database osv.")] = None,
    databases: Annotated[list[str] | None, typer.Option("--database", help="Which are asked, in this order.")] = None,
) -> None:
    """Tell of known vulnerabilities in the packages of a lock file."""
    today, number = datetime.now(UTC).date().isoformat(), packages(lock)
    reasons = {}
    for database in databases or DATABASES:
        found = looked_up(lock, database, ["--osv-url", osv_url] if database == "osv" and osv_url else [])
        if isinstance(found, str):
            reasons[database] = found
            continue
        missing = [f"{entry['name']}: {entry['skip_reason']}" for entry in found if "skip_reason" in entry]
        bad = [
            f"{entry['name']} {entry['version']}: {each['id']}, mended in {', '.join(each['fix_versions']) or 'none'}"
            for entry in found
            for each in entry.get("vulns", [])
        ]
        for line in (*bad, *missing):
            typer.echo(line, err=True)
        typer.echo(
            f"{today}: {number} packages of {lock} looked up in the database {database}: {len(bad)} known "
            f"vulnerabilities, {len(missing)} packages that it does not know."
        )
        record.parent.mkdir(parents=True, exist_ok=True)
        noted = {"date": today, "database": database, "vulnerabilities": bad, "unknown": missing}
        record.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
        raise typer.Exit(1 if bad or missing else 0)
    typer.echo(
        f"{today}: NOT AUDITED, for no database of vulnerabilities could be reached; this says nothing about the "
        f"{number} packages of {lock}. {_last(record)} Call it again where there is a network.",
        err=True,
    )
    for database, reason in reasons.items():
        typer.echo(f"{database}: {reason}", err=True)


def _last(record: Path) -> str:
    if not record.is_file():
        return "There is no earlier audit here."
    noted = json.loads(record.read_text(encoding="utf-8"))
    return f"The last audit here is of {noted['date']}, with {len(noted['vulnerabilities'])} known vulnerabilities."


if __name__ == "__main__":
    typer.run(main)
