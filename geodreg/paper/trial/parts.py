"""Parts of a study's tables on disk, each with a record of what it was measured from, and with which sources.

What the definitions say of a part and the weights that it uses decide whether it is measured again. The sources of the
module do not: most edits change no number, and each would throw hours of measurements away. They are recorded with the
commit when a part is measured, and tables are signed with what their parts were measured with, not with what put them
together.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geodreg.models.store import ModelError, read_card
from geodreg.paper.shelf import ShelfError
from geodreg.workspace.files import has_its_sum, sum_file, write_sum, write_whole
from geodreg.workspace.revision import sum_of_sources

__all__ = [
    "Origin",
    "origin_of",
    "outdated",
    "put_outdated_aside",
    "read_record",
    "record_file",
    "said_of_sources",
    "write_part",
]


@dataclass(frozen=True)
class Origin:
    """What a part is measured from.

    Attributes:
        definitions: SHA-256 of what the definitions say of it.
        models: SHA-256 of the files of each model that it uses, by the names of both.
    """

    definitions: str
    models: Mapping[str, Mapping[str, str]]


def origin_of(said: object, models: Mapping[str, Path | None]) -> Origin:
    """What a part is measured from, as the definitions and the cards of its models have it now.

    Args:
        said: what the definitions say of it, as JSON can write it.
        models: for each model that it uses the folder of models that has it; None for the usual search.

    Raises:
        geodreg.models.ModelError: if a model is not found.
    """
    definitions = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return Origin(definitions, {name: dict(read_card(name, folder)["files"]) for name, folder in models.items()})


def record_file(part: Path) -> Path:
    """Where the record of a part stands: beside it.

    Example:
        >>> record_file(Path("mnist-gan-100.csv")).name
        'mnist-gan-100.csv.origin.json'
    """
    return part.with_name(f"{part.name}.origin.json")


def write_part(part: Path, content: bytes, origin: Origin, measured: Mapping[str, Any]) -> None:
    """Write a part, then its record, and its sum last of all: with that it is whole.

    Args:
        part: its file.
        content: of it.
        origin: what it was measured from,
        measured: and with what, as :func:`~geodreg.paper.shelf.measured_now` said when that began.

    Raises:
        geodreg.workspace.files.FileError: if it cannot be written.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    write_whole(part, content)
    record = {**asdict(origin), "measured": dict(measured)}
    write_whole(record_file(part), (json.dumps(record, indent=1) + "\n").encode())
    write_sum(part)


def read_record(part: Path, origin: Callable[[], Origin], command: str) -> dict[str, Any]:
    """The record of a part, if that may be signed: it is whole, and would be measured from the same now.

    Args:
        part: its file.
        origin: gives what it would be measured from.
        command: that measures it.

    Raises:
        ShelfError: if the part was changed, or was measured from something else.
        geodreg.models.ModelError: if a model that it would be measured on is not found.
    """
    if not has_its_sum(part):
        raise ShelfError(f"{part} is not what its measurement wrote; remove it and call `{command}` again.")
    record = _record(part)
    if not _agrees(record, origin()):
        raise ShelfError(
            f"{part} was measured from other definitions or weights than those of now; call `{command}` again, which "
            "measures it again."
        )
    return record


def outdated(parts: Iterable[tuple[Path, Callable[[], Origin]]]) -> list[Path]:
    """Those parts that are there and were changed, or measured from something else than they would be now.

    Args:
        parts: files, which may be absent, with what gives the origins that they would have now.
    """
    found = []
    for part, origin in parts:
        with contextlib.suppress(ModelError):  # without its weights it cannot be compared; nor is it signed then
            if part.is_file() and not (has_its_sum(part) and _agrees(_record(part), origin())):
                found.append(part)
    return found


def put_outdated_aside(parts: Sequence[Path], command: str) -> str:
    """Put parts aside, with their sums and records, so that they are measured again; returns a sentence that says so.

    Args:
        parts: at least one.
        command: that measures them.
    """
    for part in parts:
        aside = part.with_suffix(f".earlier{part.suffix}")
        part.replace(aside)
        for beside in (sum_file, record_file):
            beside(aside).unlink(missing_ok=True)
            if beside(part).is_file():
                beside(part).replace(beside(aside))
    return (
        f"Parts that were changed, or measured from other definitions or weights than those of now: {len(parts)}, such "
        f"as {parts[0]}. `{command}` measures them again; what they were is beside them, as *.earlier.csv."
    )


def said_of_sources(measured: Sequence[Mapping[str, Any]], folder: Path, command: str) -> str:
    """A sentence on the parts that were measured with other sources of the module than those of now; empty without any.

    Args:
        measured: what each of them was measured with.
        folder: of the parts.
        command: that measures them.
    """
    now = sum_of_sources()
    others = [each["commit"] for each in measured if each["sources"] != now]
    if not others:
        return ""
    return (
        f"{len(others)} of {len(measured)} parts were measured with other sources of the module than those of now, and "
        f"the provenance says so (commit {', '.join(sorted(set(others)))}); to measure all of them again, remove "
        f"{folder} and call `{command}` again."
    )


def _record(part: Path) -> dict[str, Any]:
    """The record of a part; empty if there is none, as of parts that were measured before there were records."""
    try:
        record = json.loads(record_file(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _agrees(record: Mapping[str, Any], origin: Origin) -> bool:
    return "measured" in record and all(record.get(key) == value for key, value in asdict(origin).items())
