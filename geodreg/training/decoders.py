"""More decoders of a variational autoencoder's latent space, trained on its encoder as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geodreg.models.mlp import VAE, DecoderEnsemble, DigitGenerator
from geodreg.training.loop import Run, Stateful
from geodreg.training.schedule import one_cycle
from geodreg.training.settings import DecoderSettings

__all__ = ["cross_entropy", "train_decoders"]


def train_decoders(
    vae: VAE, sizes: Mapping[str, Any], settings: DecoderSettings, train: Tensor, checkpoint: Path | None = None
) -> tuple[DecoderEnsemble, Run]:
    """Train decoders on the posterior samples of a frozen encoder, each from weights and in an order of its own.

    Args:
        vae: its encoder stays as it is.
        sizes: of each decoder, arguments of :class:`~geodreg.models.mlp.DigitGenerator`.
        settings: what decides the run.
        train: training images ``(n, 28, 28)``.
        checkpoint: file that is written after every epoch; a run that finds one of the same settings goes on from it.

    Returns:
        the decoders, and the run, with the mean cross-entropy of all decoders in nats of every epoch in its curve.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        ensemble = DecoderEnsemble(settings.decoders, **sizes)
    with torch.no_grad():
        mean, log_variance = vae.encode(train)
    spread = (0.5 * log_variance).exp()
    chance = torch.Generator().manual_seed(settings.seed)
    n_batches = len(train) // settings.batch_size
    optimiser = torch.optim.AdamW(ensemble.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = one_cycle(optimiser, settings.learning_rate, n_batches * settings.epochs)
    parts: dict[str, Stateful] = {"ensemble": ensemble, "optimiser": optimiser, "schedule": schedule}
    run = Run("decoders, epochs", asdict(settings), parts, chance, checkpoint)
    for epoch in run.steps(settings.epochs, save_every=1):
        orders = [
            torch.randperm(len(train), generator=chance)[: n_batches * settings.batch_size].view(n_batches, -1)
            for _ in ensemble.members
        ]
        total = 0.0
        for batches in zip(*orders, strict=True):
            losses = [
                cross_entropy(decoder, mean[batch], spread[batch], train[batch], chance)
                for decoder, batch in zip(ensemble.members, batches, strict=True)
            ]
            loss = torch.stack(losses).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() / settings.decoders
        run.record(epoch=epoch, train=total / n_batches)
    return ensemble.eval(), run


def cross_entropy(
    decoder: DigitGenerator, mean: Tensor, spread: Tensor, images: Tensor, chance: torch.Generator
) -> Tensor:
    """Of images against what a decoder makes of one posterior sample each: mean over the images, in nats.

    Args:
        decoder: of latents ``(n, d)``.
        mean: of each image's approximate posterior, ``(n, d)``.
        spread: standard deviation of the same, ``(n, d)``.
        images: grey values in [0, 1], ``(n, 28, 28)``.
        chance: source of the posterior samples.
    """
    z = mean + spread * torch.randn(mean.shape, generator=chance)
    logits = decoder.logits(z)
    of_each = torch.nn.functional.binary_cross_entropy_with_logits(logits, images.flatten(1), reduction="none")
    return of_each.sum(-1).mean()
