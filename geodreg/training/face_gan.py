"""Training of the DCGANs on faces, photographed (Figures 3 and 4) or rendered."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from geodreg.models.convolutional import FaceDiscriminator, FaceGenerator
from geodreg.training.adversarial import train_gan
from geodreg.training.augmentation import cut_out, move
from geodreg.training.folding import fold_batch_norms
from geodreg.training.loop import Run
from geodreg.training.settings import FaceGANSettings

__all__ = ["train_face_gan"]


def train_face_gan(
    settings: FaceGANSettings, images: Tensor, low: float = 0.0, high: float = 1.0, checkpoint: Path | None = None
) -> tuple[FaceGenerator, Run]:
    """Train a convolutional generator on a few images of one object under many lights.

    The generator has batch normalisation in training, which is folded into its convolutions at the end.

    Args:
        settings: what decides the run.
        images: all of them, ``(n, 64, 64)``.
        low: lowest value that a pixel can have.
        high: highest one.
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.

    Returns:
        the generator and the run, as of :func:`~geodreg.training.adversarial.train_gan`.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        generator = FaceGenerator(settings.latent_dim, settings.channels, low, high, batch_norm=True)
        discriminator = FaceDiscriminator()

    def draw(n: int, chance: torch.Generator) -> Tensor:
        return images[torch.randint(len(images), (n,), generator=chance)]

    def augment(x: Tensor, chance: torch.Generator) -> Tensor:
        return cut_out(move(x, chance, shift=settings.shift), chance, settings.cut)

    trained, run = train_gan(
        settings, generator, discriminator, settings.latent_dim, draw, augment, checkpoint, "DCGAN, steps"
    )
    trained.layers = fold_batch_norms(trained.layers)
    return trained, run
