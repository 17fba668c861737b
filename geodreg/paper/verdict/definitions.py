"""The claims and their tests, as they were written down before anything was run."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geodreg.errors import PlainError
from geodreg.workspace.places import places

__all__ = [
    "Claim",
    "ClaimTest",
    "ClaimsError",
    "Definitions",
    "Population",
    "Settings",
    "Variation",
    "claims_path",
    "read_definitions",
]

FILE = "claims.yaml"


class ClaimsError(PlainError):
    """Definitions or tables of the claims that are missing, damaged or senseless; the message says how to mend it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Population(_Strict):
    """How many of a model are looked at: training seeds or persons, and pairs and samples of each."""

    seeds: Annotated[int, Field(ge=1)] | None = None
    persons: tuple[str, ...] | None = None
    pairs: Annotated[int, Field(ge=1)] = 1
    samples: Annotated[int, Field(ge=1)] = 1

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the seeds, or the persons."""
        return self.persons if self.persons is not None else tuple(str(seed) for seed in range(self.seeds or 0))


class Settings(_Strict):
    """What all runs have in common."""

    mu: float
    mu_strong: float
    n_points: int
    noise: dict[str, float]
    along: int
    shown: int
    weights: tuple[float, ...]
    points: tuple[int, ...]
    ends_seed: int
    other_ends_seed: int


class Variation(_Strict):
    """A setting of one model that is changed, everything else left as it is, to see what depends on it.

    Attributes:
        model: whose setting.
        parameter: ``noise`` of the density, or a setting that the model is trained with.
        values: instead of the usual one.
    """

    model: str
    parameter: str
    values: tuple[float | int | str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the changed models are called in place of their training seed: ``parameter=value``."""
        return tuple(f"{self.parameter}={value}" for value in self.values)


class ClaimTest(_Strict):
    """One number with a bound; for each model it is an outcome of its own.

    Attributes:
        what: the number in words.
        table: it is computed from.
        models: on which it is computed.
        value: expression over the table's columns.
        positive: for ``statistic="auc"``, the column that says which rows are positive.
        statistic: mean over the rows, or area under the curve.
        versus: model whose effect is subtracted.
        above: bound that the effect must exceed to count for the claim,
        below: or must stay below.
    """

    what: str
    table: str
    models: tuple[str, ...]
    value: str
    positive: str | None = None
    statistic: Literal["mean", "auc"] = "mean"
    versus: str | None = None
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> ClaimTest:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"give {self.what!r} one bound, above or below")
        if (self.statistic == "auc") != (self.positive is not None):
            raise ValueError(
                f"{self.what!r} needs positive where the statistic is an area under the curve, and only there"
            )
        return self

    @property
    def bound(self) -> float:
        """The number that the effect is compared with."""
        return self.above if self.above is not None else self.below  # type: ignore[return-value]


class Claim(_Strict):
    """A sentence of the paper in our words, and what would count for it and against it."""

    number: int
    name: str
    sentence: str
    source: str
    page: str
    counts_for: str
    counts_against: str
    by_construction: str | None = None
    tests: tuple[ClaimTest, ...]


class Definitions(_Strict):
    """All of the file."""

    sizes: dict[str, Population]
    settings: Settings
    claims: tuple[Claim, ...]
    variations: tuple[Variation, ...]

    @property
    def n_outcomes(self) -> int:
        """How many outcomes there are in all, which intervals are corrected for."""
        return sum(len(test.models) for claim in self.claims for test in claim.tests)

    def claim(self, number: int) -> Claim:
        """A claim by its number.

        Raises:
            ClaimsError: if there is none.
        """
        found = next((claim for claim in self.claims if claim.number == number), None)
        if found is None:
            known = ", ".join(str(claim.number) for claim in self.claims)
            raise ClaimsError(f"There is no claim {number}; choose one of {known}.")
        return found


def claims_path(file: str) -> Path:
    """A file of the claims: of the folder named by ``GEODREG_CLAIMS``, else of the checkout, else of the package.

    Raises:
        ClaimsError: if it is in none of them.
    """
    tried = places("claims", "GEODREG_CLAIMS")
    for place in tried:
        if (place / file).is_file():
            return place / file
    raise ClaimsError(f"There is no {file} in {' or '.join(map(str, tried))}; make it with `make claims`.")


@lru_cache(maxsize=1)
def _parsed(content: bytes) -> Definitions:
    return Definitions.model_validate(yaml.safe_load(content))


def read_definitions() -> tuple[Definitions, str]:
    """The definitions, and the SHA-256 of their file.

    Raises:
        ClaimsError: if the file is missing or makes no sense.
    """
    path = claims_path(FILE)
    content = path.read_bytes()
    try:
        return _parsed(content), hashlib.sha256(content).hexdigest()
    except (ValidationError, yaml.YAMLError) as error:
        raise ClaimsError(f"{path} makes no sense: {error}") from None
