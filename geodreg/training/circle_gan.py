"""Training of the circle GAN of Figure 2."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from geodreg.datasets.circle import ring
from geodreg.models.mlp import CircleGenerator, perceptron
from geodreg.training.adversarial import train_gan
from geodreg.training.loop import Run
from geodreg.training.settings import CircleGANSettings

__all__ = ["train_circle_gan"]


def train_circle_gan(settings: CircleGANSettings, checkpoint: Path | None = None) -> tuple[CircleGenerator, Run]:
    """Train the 2-20-20-2 generator.

    Args:
        settings: what decides the run.
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.

    Returns:
        the generator and the run, as of :func:`~geodreg.training.adversarial.train_gan`.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        generator, discriminator = CircleGenerator(), perceptron([2, 128, 128, 1], nn.SiLU)
    return train_gan(
        settings,
        generator,
        discriminator,
        generator.latent_dim,
        lambda n, chance: ring(n, settings.spread, chance),
        checkpoint=checkpoint,
        title="circle GAN, steps",
    )
