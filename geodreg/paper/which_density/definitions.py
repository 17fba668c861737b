"""What is compared on the page "Which density?", as it was written down before these pairs were run."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geodreg.paper.shelf import Shelf, ShelfError

__all__ = ["BASELINE", "ENSEMBLES", "SHELF", "SHELVES", "Candidate", "Sizes", "Study", "read_study"]

SHELF = Shelf("densities", "GEODREG_DENSITIES", "densities.yaml", "make densities")
"""The definitions and tables of the comparison."""

ENSEMBLES = Shelf("ensembles", "GEODREG_ENSEMBLES", "ensembles.yaml", "make densities")
"""Those of the comparison of what several decoders make: by the same rules, with more decoders for each training."""

SHELVES = {shelf.name: shelf for shelf in (SHELF, ENSEMBLES)}
"""All comparisons by name."""

BASELINE = "straight"
"""What all candidates are compared with, at its length."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sizes(_Strict):
    """How much of a model is looked at.

    Attributes:
        first: the first training seed.
        seeds: how many of them.
        pairs: of each.
    """

    first: Annotated[int, Field(ge=0)]
    seeds: Annotated[int, Field(ge=1)]
    pairs: Annotated[int, Field(ge=1)]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the seeds."""
        return tuple(str(seed) for seed in range(self.first, self.first + self.seeds))


class Candidate(_Strict):
    """A density, or a metric, over its weight.

    Attributes:
        name: as columns and files have it.
        title: for reading.
        needs: what has to be there beside the generator, for reading.
        kind: a density beside the energy of data space; a multiple of a metric beside that of data space; or a density
            beside the energy of latent space, where the straight line is the geodesic.
        density: of kind ``"latent"``, the candidate whose density it is.
        weights: in increasing order, for each model that has it.
    """

    name: str
    title: str
    needs: str
    kind: Literal["density", "metric", "latent"]
    density: str | None = None
    weights: dict[str, tuple[Annotated[float, Field(gt=0)], ...]]

    @property
    def name_in_lists(self) -> str:
        """The title, without a comma."""
        title = self.title.split(",")[0]
        return f"{title} with latent energy" if self.kind == "latent" else title

    @property
    def origin(self) -> str:
        """The path without weight, where its curve begins."""
        return BASELINE if self.kind == "latent" else "geodesic"

    def methods(self, model: str) -> list[str]:
        """Names of its paths in the table, one a weight.

        Example:
            >>> one = Candidate(name="prior", title="", needs="", kind="density", weights={"m": (0.1, 3.0)})
            >>> one.methods("m")
            ['prior_0.1', 'prior_3']
        """
        return [f"{self.name}_{weight:g}" for weight in self.weights[model]]


class Study(_Strict):
    """All of the file.

    Attributes:
        pilots: training seeds of each model that weights were chosen on; out of bounds here.
        pilot_ends: seeds of endpoints that were looked at before.
        sizes: of each model.
        ends_seed: which endpoints are paired.
        n_points: of a path.
        along: points at equal arc length, at which a path is measured and judged.
        noise: standard deviation of the push-forward density's noise, by model.
        longer: times the straight line's length, at which the primary tests compare.
        codes: real data whose latents are found.
        judges: of realism, all of which must agree; their models by the names that columns have.
        candidates: in the order in which they are shown.
    """

    pilots: dict[str, tuple[str, ...]]
    pilot_ends: tuple[int, ...]
    sizes: dict[str, Sizes]
    ends_seed: int
    n_points: int
    along: int
    longer: float
    noise: dict[str, float]
    codes: int
    judges: dict[str, str]
    candidates: tuple[Candidate, ...]

    def candidate(self, name: str) -> Candidate:
        """A candidate by its name.

        Raises:
            ShelfError: if there is none.
        """
        found = next((each for each in self.candidates if each.name == name), None)
        if found is None:
            known = ", ".join(each.name for each in self.candidates)
            raise ShelfError(f"There is no candidate {name!r}; choose one of {known}.")
        return found

    def curves(self, model: str) -> dict[str, list[str]]:
        """The methods along each candidate's curve on a model, from no weight to the largest, by its name."""
        return {each.name: [each.origin, *each.methods(model)] for each in self.candidates if model in each.weights}


@lru_cache(maxsize=1)
def _parsed(content: bytes) -> Study:
    return Study.model_validate(yaml.safe_load(content))


def read_study(shelf: Shelf = SHELF) -> Study:
    """The definitions.

    Args:
        shelf: of which comparison.

    Raises:
        ShelfError: if their file is missing or makes no sense.
    """
    path = shelf.path(shelf.definitions)
    try:
        return _parsed(path.read_bytes())
    except (ValidationError, yaml.YAMLError) as error:
        raise ShelfError(f"{path} makes no sense: {error}") from None
