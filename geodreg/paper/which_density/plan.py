"""Which parts the comparison is measured in, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geodreg.paper.trial.plan import KEPT_MODELS
from geodreg.paper.which_density.definitions import SHELF, Candidate, Study

__all__ = ["BASELINES", "CODES", "Job", "jobs", "parts_folder"]

BASELINES, CODES = "baselines", "codes-of-data"  # parts that are of no candidate
OF_CODES = "codes"  # the candidate whose density they make


@dataclass(frozen=True, order=True)
class Job:
    """One part of one model.

    Attributes:
        part: name of a candidate, or ``BASELINES`` or ``CODES``.
        model: its name.
        label: training seed.
    """

    part: str
    model: str
    label: str

    @property
    def models(self) -> Path:
        """Folder of models that holds its weights."""
        return KEPT_MODELS / self.label

    @property
    def file(self) -> Path:
        """Where its rows go."""
        return parts_folder() / self.part / f"{self.model}-{self.label}.csv"

    def candidate(self, study: Study) -> Candidate | None:
        """What it is about, if it is about a candidate."""
        return None if self.part in (BASELINES, CODES) else study.candidate(self.part)

    def codes(self, study: Study) -> Job | None:
        """The part with the latents of real data, if it needs them."""
        candidate = self.candidate(study)
        needed = candidate is not None and OF_CODES in (candidate.name, candidate.density)
        return Job(CODES, self.model, self.label) if needed else None


def parts_folder() -> Path:
    """Folder of the parts that are measured under the definitions as they are; other definitions have another one."""
    return Path("runs/densities", SHELF.sum_of_definitions()[:8])


def jobs(study: Study) -> list[Job]:
    """All parts, each once."""
    found = []
    for model, size in study.sizes.items():
        own = [each.name for each in study.candidates if model in each.weights]
        found += [Job(part, model, label) for label in size.labels for part in (CODES, BASELINES, *own)]
    return sorted(found)
