"""Which tables of which models a claim needs, at which size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geodreg.paper.verdict.definitions import Claim, Definitions, Population, Settings

__all__ = [
    "COMMITTED",
    "COMMITTED_MODELS",
    "TRAINED_MODELS",
    "VARIATIONS",
    "Job",
    "jobs",
    "limited",
    "out_folder",
    "parts_folder",
]

COMMITTED = {"mnist-gan": "0", "mnist-vae": "0", "circle-gan": "0", "yale-dcgan": "yaleB22"}
"""The training seed or person of the models in ``data/models``; others are trained."""

NOISE, VARIATIONS = "noise=", "variations"  # beginning of a label; the table of all models with another setting
COMMITTED_MODELS, TRAINED_MODELS = Path("data/models"), Path("runs/claims/models")


@dataclass(frozen=True, order=True)
class Job:
    """One table of one model.

    Attributes:
        table: its name.
        model: its name.
        label: training seed or person; or the one setting that differs, such as ``noise=0.3``.
    """

    table: str
    model: str
    label: str

    @property
    def trained(self) -> bool:
        """Whether the model is trained for the purpose."""
        return self.model in COMMITTED and COMMITTED[self.model] != self.label and not self.label.startswith(NOISE)

    @property
    def training(self) -> str:
        """Options of ``geodreg train`` for it.

        Example:
            >>> Job("paths", "mnist-vae", "3").training, Job("variations", "mnist-vae", "latent_dim=4").training
            ('--seed 3', '--set latent_dim=4')
        """
        option = "set" if "=" in self.label else "subject" if self.label.startswith("yale") else "seed"
        return f"--{option} {self.label}"

    def settings(self, usual: Settings) -> Settings:
        """What its runs have in common, with the noise of its label if that names one."""
        if not self.label.startswith(NOISE):
            return usual
        noise = {**usual.noise, self.model: float(self.label.removeprefix(NOISE))}
        return usual.model_copy(update={"noise": noise})

    @property
    def models(self) -> Path:
        """Folder of models that holds this one."""
        return TRAINED_MODELS / self.label if self.trained else COMMITTED_MODELS

    @property
    def file(self) -> Path:
        """Where its rows go, below the folder of all parts."""
        return Path(self.table, f"{self.model}-{self.label}.csv")


def limited(population: Population, pairs: int | None, seeds: int | None) -> Population:
    """A population cut to a number of pairs (and 100 times as many samples), and of seeds or persons.

    Example:
        >>> limited(Population(seeds=5, pairs=40, samples=2000), pairs=8, seeds=2)
        Population(seeds=2, persons=None, pairs=8, samples=800)
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
    """What is to be run for one claim, or for all, each once; with everything, the variations too.

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
                found |= {Job(test.table, model, label) for label in labels}
    if claim is None and seeds is None:
        found |= {Job(VARIATIONS, each.model, label) for each in definitions.variations for label in each.labels}
    return sorted(found)


def parts_folder(pairs: int | None) -> Path:
    """Folder of the parts at a size."""
    return Path("runs/claims", "full" if pairs is None else f"pairs-{pairs}")


def out_folder(claim: int | None, pairs: int | None, seeds: int | None) -> Path:
    """Folder of the tables: the committed ones only if everything is run.

    Example:
        >>> out_folder(None, None, None).as_posix(), out_folder(6, 8, 1).as_posix()
        ('data/claims', 'runs/claims/pairs-8/claim-6-seeds-1')
    """
    if claim is None and pairs is None and seeds is None:
        return Path("data/claims")
    names = ["claims" if claim is None else f"claim-{claim}", *([] if seeds is None else [f"seeds-{seeds}"])]
    return parts_folder(pairs) / "-".join(names)
