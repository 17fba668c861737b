"""The claims and their tests, as they were written down before these pairs and seeds were run."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import product
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geodreg.paper.labels import JUDGES
from geodreg.paper.shelf import Shelf, ShelfError
from geodreg.paper.trial import spelled_out

__all__ = [
    "METHODS",
    "OUR_MODELS",
    "TRIAL",
    "Claim",
    "ClaimTest",
    "Definitions",
    "Population",
    "Printed",
    "Settings",
    "Variation",
    "loss_name",
    "printed_name",
    "read_definitions",
]

TRIAL = Shelf("trial", "GEODREG_TRIAL", "claims.yaml", "make claims")
"""The definitions and tables of the claims."""

METHODS = {"loss": "the minimiser of the printed loss", "algorithm1": "Algorithm 1"}
"""The two things that the paper calls its method, and what a page calls them."""

OUR_MODELS = frozenset({"mnist-dcgan"})
"""Models that the paper does not have."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Population(_Strict):
    """How much of a model is looked at: training seeds or persons, and pairs and samples of each.

    Attributes:
        first: the first training seed.
        seeds: how many of them.
        persons: instead of seeds.
        pairs: of each seed or person.
        samples: of each.
    """

    first: Annotated[int, Field(ge=0)] = 0
    seeds: Annotated[int, Field(ge=1)] | None = None
    persons: tuple[str, ...] | None = None
    pairs: Annotated[int, Field(ge=1)] = 1
    samples: Annotated[int, Field(ge=1)] = 1

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the seeds, or the persons."""
        if self.persons is not None:
            return self.persons
        return tuple(str(seed) for seed in range(self.first, self.first + (self.seeds or 0)))


class Printed(_Strict):
    """What the paper does not say of Algorithm 1, by model.

    Attributes:
        weights: of the density, in the algorithm's sense.
        budgets: numbers of iterations.
        grey_ranges: widths of the scale of the data over the one that the model has.
        step_share: the step, as a fraction of the limit of stability of the start curve.
    """

    weights: dict[str, tuple[float, ...]]
    budgets: dict[str, tuple[int, ...]]
    grey_ranges: dict[str, tuple[int, ...]]
    step_share: float


class Settings(_Strict):
    """What all runs have in common.

    Attributes:
        ends_seed: which endpoints are paired.
        n_points: of a path.
        noise: standard deviation of the density's noise, by model.
        along: points at equal arc length, at which a path is measured.
        loss_weights: of the density in the printed loss at unit speed, by model.
        points: numbers of points of claim 8.
        variation_pairs: pairs of each variation.
        bound_samples: of the importance-weighted bound of the likelihood.
        judges: of realism, all of which must agree; their models by the names that columns have.
        printed: of Algorithm 1.
    """

    ends_seed: int
    n_points: int
    noise: dict[str, float]
    along: int
    loss_weights: dict[str, tuple[float, ...]]
    points: tuple[int, ...]
    variation_pairs: int
    bound_samples: int
    judges: dict[str, str]
    printed: Printed


class Variation(_Strict):
    """A setting of one model that is changed, everything else left as it is, to see what depends on it; no claim.

    Attributes:
        model: whose setting; of its first training seed.
        parameter: ``noise`` of the density, or a setting that the model is trained with.
        values: among those of the noise the usual one, for comparison; of others, those instead of it.
    """

    model: str
    parameter: str
    values: tuple[float | int | str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the changed models are called in place of their training seed: ``parameter=value``."""
        return tuple(f"{self.parameter}={value}" for value in self.values)


class ClaimTest(_Strict):
    """One number with a bound, or several that must all be beyond it; for each model it is an outcome of its own.

    Attributes:
        what: the number in words.
        table: it is computed from.
        models: on which it is computed.
        value: expression over the table's columns, with places such as ``{judge}``.
        over: what is put into the places, each of: ``judge``, ``budget``, ``grey``; the claim must hold for all.
        method: which of the paper's two methods it is about, if it is about one.
        primary: whether it decides; the others are shown.
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
    over: tuple[Literal["judge", "budget", "grey"], ...] = ()
    method: Literal["loss", "algorithm1"] | None = None
    primary: bool = False
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

    def parts(self, settings: Settings, model: str) -> dict[str, tuple[str, str | None]]:
        """What is computed on a model: expression and column of the positive, by what was put into the places.

        Example:
            >>> test = ClaimTest(what="w", table="t", models=("m",), value="x_{judge}", over=("judge",), above=0)
            >>> judges = Settings.model_construct(judges={"one": "", "two": ""})
            >>> test.parts(judges, "m")
            {'one': ('x_one', None), 'two': ('x_two', None)}
        """
        places_: list[list[tuple[str, str]]] = []
        for name in self.over:
            if name == "judge":
                places_.append([(name, judge) for judge in settings.judges])
            elif name == "budget":
                places_.append([(name, str(budget)) for budget in settings.printed.budgets[model]])
            else:
                places_.append([(name, str(width)) for width in settings.printed.grey_ranges[model]])
        found = {}
        for chosen in product(*places_):
            names = dict(chosen)
            positive = None if self.positive is None else self.positive.format(**names)
            found[", ".join(_named(*each) for each in chosen)] = (self.value.format(**names), positive)
        return found


def _named(place: str, value: str) -> str:
    return {"judge": JUDGES.get(value, value), "budget": f"{value} iterations", "grey": f"grey range {value}"}[place]


class Claim(_Strict):
    """A sentence of the paper in our words, and what would count for it and against it.

    Attributes:
        number: of the claim.
        name: in a word.
        sentence: what the paper says.
        source: where.
        page: on which it is computed for a few pairs.
        counts_for: what would count for it,
        counts_against: and against it.
        by_construction: what of it cannot fail.
        cited: literature that predicts what is seen, by its keys.
        tests: the numbers, at least one of them primary.
    """

    number: int
    name: str
    sentence: str
    source: str
    page: str
    counts_for: str
    counts_against: str
    by_construction: str | None = None
    cited: tuple[str, ...] = ()
    tests: tuple[ClaimTest, ...]

    @model_validator(mode="after")
    def _one_decides(self) -> Claim:
        decided = [(test.method, model) for test in self.tests if test.primary for model in test.models]
        if not decided:
            raise ValueError(f"give claim {self.number} a primary test")
        return self


class Definitions(_Strict):
    """All of the file."""

    pilots: dict[str, tuple[str, ...]]
    pilot_ends: tuple[int, ...]
    sizes: dict[str, Population]
    settings: Settings
    claims: tuple[Claim, ...]
    variations: tuple[Variation, ...] = ()

    def claim(self, number: int) -> Claim:
        """A claim by its number.

        Raises:
            ShelfError: if there is none.
        """
        found = next((claim for claim in self.claims if claim.number == number), None)
        if found is None:
            known = ", ".join(str(claim.number) for claim in self.claims)
            raise ShelfError(f"There is no claim {number}; choose one of {known}.")
        return found


def loss_name(mu: float) -> str:
    """The method's name in the table: of minimisers of the loss with a weight.

    Example:
        >>> loss_name(0.1)
        'loss_0_1'
    """
    return f"loss_{mu}".replace(".", "_")


def printed_name(mu: float, budget: int, grey: int) -> str:
    """The method's name in the table: of Algorithm 1 with a weight, after a budget of iterations, on a grey scale.

    Example:
        >>> printed_name(0.003, 300, 2)
        'printed_0_003_b300_g2'
    """
    return f"printed_{mu}_b{budget}_g{grey}".replace(".", "_")


@lru_cache(maxsize=1)
def _parsed(content: bytes) -> Definitions:
    found = Definitions.model_validate(yaml.safe_load(content))
    return found.model_copy(update={"claims": tuple(map(_spelled_out, found.claims))})


def _spelled_out(claim: Claim) -> Claim:
    """A claim in words that can be read alone; nothing else of it changes."""
    tests = tuple(
        test.model_copy(update={"what": spelled_out.TESTS.get((claim.number, place), test.what)})
        for place, test in enumerate(claim.tests)
    )
    words = {
        "sentence": spelled_out.SENTENCES.get(claim.number, claim.sentence),
        "counts_for": spelled_out.COUNTS_FOR.get(claim.number, claim.counts_for),
    }
    return claim.model_copy(update={"tests": tests, **words})


def read_definitions() -> tuple[Definitions, str]:
    """The definitions, words that lean on others spelled out, and the SHA-256 of their file.

    Raises:
        ShelfError: if the file is missing or makes no sense.
    """
    path = TRIAL.path(TRIAL.definitions)
    content = path.read_bytes()
    try:
        return _parsed(content), hashlib.sha256(content).hexdigest()
    except (ValidationError, yaml.YAMLError) as error:
        raise ShelfError(f"{path} makes no sense: {error}") from None
