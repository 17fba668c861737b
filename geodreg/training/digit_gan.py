"""Training of the GANs on MNIST: multi-layer perceptrons, as of Figure 3, and the convolutional one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from geodreg.models.convolutional import ConvolutionalDigitGenerator, DigitDiscriminator
from geodreg.models.mlp import DigitGenerator, perceptron
from geodreg.training.adversarial import train_gan
from geodreg.training.folding import fold_batch_norms
from geodreg.training.loop import Run
from geodreg.training.settings import ConvolutionalGANSettings, DigitGANSettings

__all__ = ["train_convolutional_gan", "train_digit_gan"]


def train_digit_gan(
    settings: DigitGANSettings,
    images: Tensor,
    checkpoint: Path | None = None,
    watch: Callable[[DigitGenerator], Mapping[str, float]] | None = None,
) -> tuple[DigitGenerator, Run]:
    """Train multi-layer perceptrons on digits ``(n, 28, 28)``.

    The generator has batch normalisation in training, which is folded into its linear layers at the end.

    Args:
        settings: what decides the run.
        images: training images, grey values in [0, 1].
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.
        watch: measures of the generator, taken now and then as the run's milestones.

    Returns:
        the generator and the run, as of :func:`~geodreg.training.adversarial.train_gan`.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        generator = DigitGenerator(settings.latent_dim, settings.hidden, batch_norm=True)
        discriminator = nn.Sequential(nn.Flatten(), *perceptron([28 * 28, 512, 256, 1], nn.SiLU))

    def draw(n: int, chance: torch.Generator) -> Tensor:
        return images[torch.randint(len(images), (n,), generator=chance)]

    def augment(x: Tensor, chance: torch.Generator) -> Tensor:
        return x + settings.instance_noise * torch.randn(x.shape, generator=chance)

    trained, run = train_gan(
        settings, generator, discriminator, settings.latent_dim, draw, augment, checkpoint, "MNIST GAN, steps", watch
    )
    trained.layers = fold_batch_norms(trained.layers)
    return trained, run


def train_convolutional_gan(
    settings: ConvolutionalGANSettings, images: Tensor, checkpoint: Path | None = None
) -> tuple[ConvolutionalDigitGenerator, Run]:
    """Train convolutional networks on digits ``(n, 28, 28)``.

    Nothing is measured on the way, so that no judge has a part in it, and the last weights, averaged, are taken.

    Args:
        settings: what decides the run.
        images: training images, grey values in [0, 1].
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.

    Returns:
        the generator and the run, as of :func:`~geodreg.training.adversarial.train_gan`; the discriminator is among the
        run's parts.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        generator = ConvolutionalDigitGenerator(
            settings.latent_dim, settings.hidden, settings.channels, batch_norm=True
        )
        discriminator = DigitDiscriminator()

    def draw(n: int, chance: torch.Generator) -> Tensor:
        return images[torch.randint(len(images), (n,), generator=chance)]

    def augment(x: Tensor, chance: torch.Generator) -> Tensor:
        return x + settings.instance_noise * torch.randn(x.shape, generator=chance)

    trained, run = train_gan(
        settings, generator, discriminator, settings.latent_dim, draw, augment, checkpoint, "MNIST DCGAN, steps"
    )
    trained.layers = fold_batch_norms(trained.layers)
    return trained, run
