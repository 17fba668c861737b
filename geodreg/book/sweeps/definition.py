"""What a sweep runs: a page, and values for some of its parameters."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geodreg.book.parameters import PageError, declared, read_as
from geodreg.book.values import Value, read_yaml
from geodreg.errors import PlainError

__all__ = [
    "FOLDER",
    "Resources",
    "Results",
    "Run",
    "Sweep",
    "SweepError",
    "file_name",
    "page_names",
    "read_sweep",
    "slug_of",
    "sweep_names",
]

FOLDER, NOTEBOOKS, OUT = Path("sweeps"), Path("notebooks"), Path("runs/sweeps")
RESULTS = "results.csv"  # of each run, and of all of them
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of a sweep: it is a word of a shell, of make, and of an address
LOSSY = re.compile(r"[^A-Za-z0-9_.+-]+")  # what a run's name does without
BETWEEN = "+"  # parameters in a run's name; at commas Snakemake cuts the names that it gives to jobs of a cluster
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

    table: Annotated[str, Field(pattern=r"^[^/\\]+\.csv$")]
    by: str | None = None
    columns: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Results:
        names = [*self.columns, *([self.by] if self.by else [])]
        if twice := [name for name, number in Counter(names).items() if number > 1]:
            raise ValueError(f"it has the column {twice[0]!r} twice")
        if self.table == RESULTS:
            raise ValueError(f"{RESULTS} is what a sweep writes itself; let the page give its table another name")
        return self


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
    varied: dict[str, Value]
    parameters: dict[str, Value]


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
            SweepError: if the page does not exist or does not have a parameter as it is given, two runs are the same,
                or there is none.
        """
        if not self.source.is_file():
            known = ", ".join(page_names())
            raise SweepError(f"{self.file}: there is no notebook {self.notebook!r}; choose one of {known}.")
        if self.grid is not None:
            combinations = itertools.product(*self.grid.values())
            varied = [dict(zip(self.grid, values, strict=True)) for values in combinations]
        else:
            varied = [dict(run) for run in self.listed or ()]
        try:
            known_parameters = declared(self.source)
            fixed = read_as(known_parameters, self.source.name, self.parameters)
            read = [read_as(known_parameters, self.source.name, chosen) for chosen in varied]
        except PageError as error:
            raise SweepError(f"{self.file}: {error}") from None
        if not read:
            raise SweepError(f"{self.file} has no run; give its list, or each name in its grid, a value.")
        found: dict[str, Run] = {}
        for slug, values in zip(_slugs(read), read, strict=True):
            if slug in found:
                raise SweepError(f"{self.file} has two runs {slug}; leave one of them out.")
            found[slug] = Run(slug, values, {**fixed, **values})
        return tuple(found.values())

    @property
    def file(self) -> Path:
        """Where it is written."""
        return FOLDER / f"{self.name}.yaml"


def slug_of(values: dict[str, Any]) -> str:
    """A file name made of parameters, another one for other values.

    Where cleaning or cutting a value would make it that of another one, a sum of the whole is added. A value may have a
    plus, as 1e+16 has; since neither a cleaned value has an equals sign nor a parameter's name a plus, the last plus
    before an equals sign always stands between two parameters.

    Example:
        >>> slug_of({"mu": 0.1, "subject": "yaleB22"}), slug_of({})
        ('mu=0.1+subject=yaleB22', 'defaults')
        >>> slug_of({"word": "a-b"}), slug_of({"word": "a b"})
        ('word=a-b', 'word=a-b~c743da873c')
    """
    texts = {name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in values.items()}
    words, cleaned = ([f"{f(name)}={f(text)}" for name, text in texts.items()] for f in (str, _cleaned))
    return _shortened(BETWEEN.join(cleaned), words, exact=cleaned == words) if values else "defaults"


def file_name(text: str) -> str:
    """A name of a file made of a text, another one for another text.

    Example:
        >>> file_name("nll_mean"), file_name("../a")
        ('nll_mean', '..-a~3312392eb3')
    """
    return _shortened(_cleaned(text), [text], exact=_cleaned(text) == text)


def _cleaned(text: str) -> str:
    return LOSSY.sub("-", text).strip("-") if LOSSY.search(text) else text


def _shortened(name: str, whole: list[str], exact: bool) -> str:
    if exact and len(name) <= LONGEST_SLUG:
        return name
    ending = f"~{hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:10]}"
    return f"{name[: LONGEST_SLUG - len(ending)]}{ending}"


def _slugs(runs: list[dict[str, Value]]) -> list[str]:
    """Names of the runs of a sweep, each its own also where a file system takes upper and lower case for the same."""
    slugs = [slug_of(values) for values in runs]
    alike = Counter(slug.lower() for slug in set(slugs))
    return [_shortened(slug, [slug], exact=alike[slug.lower()] == 1) for slug in slugs]


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
        other = f", or write {path}" if NAME.fullmatch(name) else ""
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}{other}."
        raise SweepError(f"There is no sweep {name!r}; {hint}")
    if not NAME.fullmatch(name):
        better = LOSSY.sub("-", name).strip("-.") or "sweep"
        raise SweepError(
            f"The name of the sweep {name!r} must be of the letters a to z and A to Z, digits, '.', '_' and '-', and "
            f"begin with a letter or a digit; rename {path}, such as to {better}.yaml."
        )
    example = f"{path.parent}/mu.yaml shows what it must look like."
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # such as !!int of a word
        raise SweepError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or "name" in content:
        raise SweepError(f"{path} must name its parts, and not itself, since a sweep's name is its file's; {example}")
    try:
        return Sweep.model_validate({"name": name, **content})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SweepError(f"{path}: {where}: {first['msg']}; {example}") from None
