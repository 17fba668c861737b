"""Which parts the comparison is measured in, and where they lie."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.paper.shelf import Shelf
from geodreg.paper.trial.parts import Origin, origin_of
from geodreg.paper.trial.plan import KEPT_MODELS, OF_DIGITS
from geodreg.paper.which_density.definitions import ENSEMBLES, SHELF, Candidate, Study

if TYPE_CHECKING:
    from geodreg.models.mlp import DecoderEnsemble

__all__ = [
    "BASELINES",
    "CODES",
    "DECODERS",
    "KEPT_DECODERS",
    "TRAINED_DECODERS",
    "Job",
    "jobs",
    "kept_decoders",
    "load_kept_decoders",
    "parts_folder",
]

DECODERS, DENOISER = "mnist-vae-decoders", "mnist-denoiser"
BASELINES, CODES = "baselines", "codes-of-data"  # parts that are of no candidate
OF_CODES = "codes"  # the candidate whose density they make
OF_DECODERS = ("ensemble-mean", "ensemble", "agreement")  # the candidates that several decoders make
OF_DENOISER = ("data", "features")  # those that the denoiser makes, of digits
TRAINED_DECODERS, KEPT_DECODERS = Path("runs/densities/decoders"), Path("data/ensembles")


@dataclass(frozen=True, order=True)
class Job:
    """One part of one model.

    Attributes:
        part: name of a candidate, or ``BASELINES`` or ``CODES``.
        model: its name.
        label: training seed.
        shelf: of which comparison.
    """

    part: str
    model: str
    label: str
    shelf: Shelf = field(default=SHELF, compare=False)

    @property
    def models(self) -> Path:
        """Folder of models that holds its weights."""
        return KEPT_MODELS / self.label

    @property
    def file(self) -> Path:
        """Where its rows go."""
        return parts_folder(self.shelf) / self.part / f"{self.model}-{self.label}.csv"

    def candidate(self, study: Study) -> Candidate | None:
        """What it is about, if it is about a candidate."""
        return None if self.part in (BASELINES, CODES) else study.candidate(self.part)

    def codes(self, study: Study) -> Job | None:
        """The part with the latents of real data, if it needs them."""
        needed = _needs(self.candidate(study), [OF_CODES])
        return Job(CODES, self.model, self.label, self.shelf) if needed else None

    def decoders(self, study: Study) -> Path | None:
        """Folder of models that holds more decoders on its encoder, if it needs them."""
        if not _needs(self.candidate(study), OF_DECODERS):
            return None
        kept = self.label == study.sizes[self.model].labels[0]
        return kept_decoders(study) if kept else TRAINED_DECODERS / self.label

    def origin(self, study: Study) -> Origin:
        """What it is measured from now.

        Raises:
            geodreg.models.ModelError: if its weights, or those of a judge, are not found.
        """
        models: dict[str, Path | None] = {self.model: self.models}
        if self.model.startswith(OF_DIGITS) and self.part != CODES:
            models |= dict.fromkeys(study.judges.values())
        if self.model.startswith(OF_DIGITS) and _needs(self.candidate(study), OF_DENOISER):
            models[DENOISER] = None
        if (decoders := self.decoders(study)) is not None:
            models[DECODERS] = decoders
        return origin_of(self.shelf.sum_of_definitions(), models)


def kept_decoders(study: Study) -> Path:
    """Folder of models with the decoders of the first training, which alone are kept."""
    (size,) = study.sizes.values()
    return KEPT_DECODERS / size.labels[0]


def load_kept_decoders(study: Study) -> DecoderEnsemble:
    """Those decoders, from the folder named by ``GEODREG_ENSEMBLES``, the checkout, or the installed package.

    Raises:
        ShelfError: if they are in none of the places.
        geodreg.models.ModelError: if they are damaged.
    """
    from geodreg.models.zoo import load_decoders

    label = kept_decoders(study).name
    return load_decoders(ENSEMBLES.path(f"{label}/{DECODERS}/card.json").parents[1])


def parts_folder(shelf: Shelf = SHELF) -> Path:
    """Folder of the parts that are measured under the definitions as they are; other definitions have another one."""
    return Path("runs/densities", shelf.sum_of_definitions()[:8])


def jobs(study: Study, shelf: Shelf = SHELF) -> list[Job]:
    """All parts, each once."""
    found = []
    for model, size in study.sizes.items():
        own = [each for each in study.candidates if model in each.weights]
        codes = [CODES] if any(_needs(each, [OF_CODES]) for each in own) else []
        parts = [*codes, BASELINES, *(each.name for each in own)]
        found += [Job(part, model, label, shelf) for label in size.labels for part in parts]
    return sorted(found)


def _needs(candidate: Candidate | None, names: Collection[str]) -> bool:
    """Whether a candidate is one of those, or has its density from one."""
    return candidate is not None and (candidate.name in names or candidate.density in names)
