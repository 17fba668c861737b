"""Training of the circle GAN of Figure 2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from geodreg.datasets.circle import ring
from geodreg.models.mlp import CircleGenerator, perceptron
from geodreg.training.adversarial import GANSettings, train_gan
from geodreg.training.loop import Run

__all__ = ["CircleGANSettings", "train_circle_gan"]


@dataclass(frozen=True, kw_only=True)
class CircleGANSettings(GANSettings):
    """What decides a training run; see also :class:`~geodreg.training.adversarial.GANSettings`.

    Attributes:
        spread: standard deviation of the data's radius. Below 0.2 the trained map folds over in places.
    """

    spread: float = 0.2
    steps: int = 3000
    batch_size: int = 256
    learning_rate: float = 2e-3
    penalty: float = 3.0


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
