"""Which tables of which models a claim needs, at which size, and where weights and parts lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodreg.paper.trial.definitions import Claim, Definitions, Population, Settings
from geodreg.paper.trial.parts import Origin, origin_of

__all__ = [
    "KEPT_MODELS",
    "TRAINED_MODELS",
    "VARIATIONS",
    "Job",
    "jobs",
    "limited",
    "models_to_train",
    "out_folder",
    "parts_folder",
]

KEPT_MODELS, TRAINED_MODELS = Path("data/trainings"), Path("runs/trial/models")
"""Weights of all seeds and persons in half precision, committed; where they and those of other settings are made."""

IMAGES_ONLY = ("yale-faces",)  # no model, the photographs themselves
OF_DIGITS = "mnist-"  # beginning of the models whose images are judged
NOISE, VARIATIONS = "noise=", "variations"  # beginning of a label; the table of all models with another setting
DERIVED = {"equal_length": "paths", "equal_density": "paths"}  # tables that are computed from another one


@dataclass(frozen=True, order=True)
class Job:
    """One table of one model.

    Attributes:
        table: its name.
        model: its name.
        label: training seed or person.
    """

    table: str
    model: str
    label: str

    def trained_as(self, definitions: Definitions) -> str:
        """Label of the training: its own, but for another noise of the density, which needs no other training."""
        return definitions.sizes[self.model].labels[0] if self.label.startswith(NOISE) else self.label

    def training(self, definitions: Definitions) -> str:
        """Options of ``geodreg train`` for it: another seed, person or setting."""
        if "=" in self.label:
            return f"--seed {definitions.sizes[self.model].labels[0]} --set {self.label}"
        return f"--{'subject' if self.label.startswith('yale') else 'seed'} {self.label}"

    def models(self, definitions: Definitions) -> Path:
        """Folder of models that holds its weights: kept ones, but for another setting of the training."""
        trained = self.trained_as(definitions)
        return (TRAINED_MODELS if "=" in trained else KEPT_MODELS) / trained

    def settings(self, usual: Settings) -> Settings:
        """What its runs have in common, with the noise of its label if that names one."""
        if not self.label.startswith(NOISE):
            return usual
        return usual.model_copy(update={"noise": {**usual.noise, self.model: float(self.label.removeprefix(NOISE))}})

    def origin(self, definitions: Definitions, pairs: int | None) -> Origin:
        """What it is measured from now, with at most so many pairs of its model.

        Raises:
            geodreg.models.ModelError: if its weights, or those of a judge, are not found.
        """
        size = limited(definitions.sizes[self.model], pairs, None)
        settings = _of_model(self.model, self.settings(definitions.settings))
        models: dict[str, Path | None] = {} if self.model in IMAGES_ONLY else {self.model: self.models(definitions)}
        if self.model.startswith(OF_DIGITS):
            models |= dict.fromkeys(definitions.settings.judges.values())
        return origin_of({"settings": settings, "pairs": size.pairs, "samples": size.samples}, models)

    @property
    def file(self) -> Path:
        """Where its rows go, below the folder of all parts."""
        return Path(self.table, f"{self.model}-{self.label}.csv")


def _of_model(model: str, settings: Settings) -> dict[str, Any]:
    """What settings say of one model; a weight that another one is given leaves its parts as they are."""
    said = settings.model_dump(mode="json")
    printed = said["printed"]
    said |= {name: said[name].get(model) for name in ("noise", "loss_weights")}
    printed |= {name: printed[name].get(model) for name in ("weights", "budgets", "grey_ranges")}
    return said


def limited(population: Population, pairs: int | None, seeds: int | None) -> Population:
    """A population cut to a number of pairs (and 100 times as many samples), and of seeds or persons.

    Example:
        >>> limited(Population(first=100, seeds=5, pairs=40, samples=2000), pairs=8, seeds=2).labels
        ('100', '101')
    """
    cut = population.model_dump()
    if pairs is not None:
        cut.update(pairs=min(pairs, population.pairs), samples=min(100 * pairs, population.samples))
    if seeds is not None and population.seeds is not None:
        cut.update(seeds=min(seeds, population.seeds))
    if seeds is not None and population.persons is not None:
        cut.update(persons=population.persons[:seeds])
    return Population(**cut)


def jobs(definitions: Definitions, claim: Claim | None = None, seeds: int | None = None) -> list[Job]:
    """What is to be measured for one claim, or for all, each once; with everything, the variations too.

    Args:
        definitions: the claims.
        claim: one of them.
        seeds: training seeds or persons of each model, at most.
    """
    found = set()
    for each in definitions.claims if claim is None else [claim]:
        for test in each.tests:
            for model in (*test.models, *([test.versus] if test.versus else [])):
                labels = limited(definitions.sizes[model], None, seeds).labels
                found |= {Job(DERIVED.get(test.table, test.table), model, label) for label in labels}
    if claim is None and seeds is None:
        found |= {Job(VARIATIONS, each.model, label) for each in definitions.variations for label in each.labels}
    return sorted(found)


def models_to_train(definitions: Definitions) -> list[Job]:
    """Every seed and person of every model, and every other setting that it is trained with, once."""
    found = [
        Job("", model, label)
        for model, population in definitions.sizes.items()
        if model not in IMAGES_ONLY
        for label in population.labels
    ]
    varied = [Job("", each.model, label) for each in definitions.variations for label in each.labels]
    return [*found, *(job for job in varied if not job.label.startswith(NOISE))]


def parts_folder(pairs: int | None) -> Path:
    """Folder of the parts at a size."""
    return Path("runs/trial", "full" if pairs is None else f"pairs-{pairs}")


def out_folder(claim: int | None, pairs: int | None, seeds: int | None) -> Path:
    """Folder of the tables: the committed ones only if everything is run.

    Example:
        >>> out_folder(None, None, None).as_posix(), out_folder(6, 8, 1).as_posix()
        ('data/trial', 'runs/trial/pairs-8/claim-6-seeds-1')
    """
    if claim is None and pairs is None and seeds is None:
        return Path("data/trial")
    names = ["claims" if claim is None else f"claim-{claim}", *([] if seeds is None else [f"seeds-{seeds}"])]
    return parts_folder(pairs) / "-".join(names)
