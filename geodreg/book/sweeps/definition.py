"""What a sweep runs: a page, and values for some of its parameters."""

from __future__ import annotations

import difflib
import itertools
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geodreg.book.parameters import checked
from geodreg.errors import PlainError

__all__ = ["FOLDER", "Resources", "Results", "Run", "Sweep", "SweepError", "page_names", "read_sweep", "sweep_names"]

FOLDER, NOTEBOOKS, OUT = Path("sweeps"), Path("notebooks"), Path("runs/sweeps")
LONGEST_SLUG = 200  # characters; a file's name has at most 255 bytes, and a suffix or two are added


class SweepError(PlainError):
    """A sweep that is missing or makes no sense; the message says how to mend it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Results(_Strict):
    """Which of the page's tables is kept of each run, and what is drawn of it.

    Attributes:
        table: file that the page writes.
        by: column whose values get a line each.
        columns: drawn against the parameters, a figure each.
    """

    table: str
    by: str | None = None
    columns: tuple[str, ...]


class Resources(_Strict):
    """What one run asks of a cluster.

    Attributes:
        threads: of PyTorch, and processor cores.
        minutes: limit of its time.
        memory_mb: of main memory.
        gpus: number of GPUs; the sweep gives the page ``device: cuda`` among its parameters itself.
    """

    threads: Annotated[int, Field(ge=1)] = 1
    minutes: Annotated[int, Field(ge=1)] = 60
    memory_mb: Annotated[int, Field(ge=500)] = 4000
    gpus: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        slug: its name, made of the parameters that vary.
        varied: these parameters.
        parameters: all that differ from the page's defaults, checked.
    """

    slug: str
    varied: dict[str, Any]
    parameters: dict[str, Any]


class Sweep(_Strict):
    """A sweep as its file says it: either a grid, of which all combinations are run, or a list of runs."""

    name: str
    what: str
    notebook: str
    parameters: dict[str, Any] = {}
    grid: dict[str, list[Any]] | None = None
    listed: Annotated[tuple[dict[str, Any], ...] | None, Field(alias="list")] = None
    results: Results
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _one_of_two(self) -> Sweep:
        if (self.grid is None) == (self.listed is None):
            raise ValueError("give it either a grid or a list of runs")
        return self

    @property
    def source(self) -> Path:
        """The page's source."""
        return NOTEBOOKS / f"{self.notebook}.md"

    @property
    def folder(self) -> Path:
        """Where its runs go, each into a folder of its own."""
        return OUT / self.name

    def runs(self) -> tuple[Run, ...]:
        """All runs, their parameters checked against the page.

        Raises:
            geodreg.book.parameters.PageError: for a parameter that the page does not have, or of another type.
            SweepError: if the page does not exist, two runs have the same name, or there is none.
        """
        if not self.source.is_file():
            known = ", ".join(page_names())
            raise SweepError(f"sweeps/{self.name}.yaml: there is no notebook {self.notebook!r}; choose one of {known}.")
        if self.grid is not None:
            combinations = itertools.product(*self.grid.values())
            varied = [dict(zip(self.grid, values, strict=True)) for values in combinations]
        else:
            varied = [dict(run) for run in self.listed or ()]
        known_types = checked(self.source, self.parameters)
        found: dict[str, Run] = {}
        for chosen in varied:
            values = checked(self.source, chosen)
            slug = slug_of(values)
            if slug in found:
                raise SweepError(f"sweeps/{self.name}.yaml has two runs {slug}; leave one of them out.")
            found[slug] = Run(slug, values, {**known_types, **values})
        if not found:
            raise SweepError(f"sweeps/{self.name}.yaml has no run; give its list, or each name in its grid, a value.")
        return tuple(found.values())


def slug_of(values: dict[str, Any]) -> str:
    """A file name made of parameters; the end of a very long one is replaced by a sum of all of it.

    Example:
        >>> slug_of({"mu": 0.1, "subject": "yaleB22"}), slug_of({})
        ('mu=0.1,subject=yaleB22', 'defaults')
    """
    words = [f"{name}={re.sub(r'[^A-Za-z0-9.+-]+', '-', str(value))}" for name, value in values.items()]
    slug = ",".join(words) or "defaults"
    return slug if len(slug) <= LONGEST_SLUG else f"{slug[: LONGEST_SLUG - 9]}-{zlib.crc32(slug.encode()):08x}"


def page_names() -> list[str]:
    """Names of the pages that there are."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.md"))


def sweep_names() -> list[str]:
    """Names of the sweeps that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_sweep(name: str) -> Sweep:
    """A sweep by its name.

    Raises:
        SweepError: if there is none, or its file makes no sense.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in sweep_names():
        known = sweep_names()
        if not known:
            raise SweepError("There is no folder sweeps/ here; call this in a checkout of the repository.")
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}, or write {path}."
        raise SweepError(f"There is no sweep {name!r}; {hint}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Sweep.model_validate({"name": name, **content})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SweepError(
            f"{path}: {where}: {first['msg']}; {path.parent}/mu.yaml shows what it must look like."
        ) from None
    except (yaml.YAMLError, TypeError) as error:
        raise SweepError(f"{path} cannot be read: {error}".replace("\n", " ")) from None
