"""A trained model as a test sees it: its manifold, its endpoints, the judges of its images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodreg.geometry.manifold import LatentManifold
from geodreg.models.zoo import TrainedModel
from geodreg.paper.endpoints import choose_digit_endpoints, choose_endpoints, choose_ring_endpoints
from geodreg.paper.trial.definitions import Settings

__all__ = ["DIGITS", "RING", "Subject", "endpoints_of"]

RING, DIGITS = "circle-gan", ("mnist-dcgan", "mnist-gan", "mnist-vae")


@dataclass(frozen=True)
class Subject:
    """A trained model as a test sees it.

    Attributes:
        name: of the model in the definitions.
        model: its weights; None where only images are looked at.
        label: of the training seed, or the person.
        pairs: how many.
        samples: how many.
        settings: what all runs have in common.
    """

    name: str
    model: TrainedModel | None
    label: str
    pairs: int
    samples: int
    settings: Settings

    @property
    def manifold(self) -> LatentManifold:
        """With the noise of the definitions; the ring's in double precision."""
        return self.manifold_with(self.settings.noise[self.name])

    def manifold_with(self, noise: float) -> LatentManifold:
        """With another noise of the density."""
        assert self.model is not None  # noqa: S101 - for the type checker: tables of models ask, those of images do not
        generator = self.model.generator.double() if self.name == RING else self.model.generator
        return LatentManifold(generator, noise=noise)

    def endpoints(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start and end, ``(P, d)`` each, and whether a pair is of two classes, ``(P,)``; the same for every table."""
        assert self.model is not None  # noqa: S101
        return endpoints_of(self.model, self.manifold, self.pairs, self.settings.ends_seed)


def endpoints_of(
    model: TrainedModel, manifold: LatentManifold, n_pairs: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Start and end, ``(P, d)`` each, and whether a pair is of two classes, ``(P,)``.

    Args:
        model: one of the trial's.
        manifold: of the same.
        n_pairs: number of pairs.
        seed: of the choice.
    """
    if model.name == RING:
        start, end = choose_ring_endpoints(manifold, n_pairs, seed)
        return start, end, torch.ones(len(start), dtype=torch.bool)
    if model.name in DIGITS:
        return choose_digit_endpoints(model, n_pairs, seed)
    start, end = choose_endpoints(model, n_pairs, seed)
    return start, end, torch.zeros(len(start), dtype=torch.bool)
