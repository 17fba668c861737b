"""Training of the MNIST VAE of Figure 3."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from geodreg.models.mlp import VAE
from geodreg.training.loop import Run, Stateful
from geodreg.training.schedule import one_cycle
from geodreg.training.settings import VAESettings

__all__ = ["negative_elbo", "train_vae"]


def train_vae(settings: VAESettings, train: Tensor, test: Tensor, checkpoint: Path | None = None) -> tuple[VAE, Run]:
    """Train on grey images ``(n, 28, 28)``, with the evidence lower bound of one posterior sample as objective.

    Args:
        settings: what decides the run.
        train: training images.
        test: test images, for the curve only.
        checkpoint: file that is written after every epoch; a run that finds one of the same settings goes on from it.

    Returns:
        the VAE, and the run, with the negative ELBO in nats of every epoch on the training batches and on the test
        images in its curve: ``epoch``, ``train``, ``test``.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        vae = VAE(settings.latent_dim, settings.hidden, settings.activation)
    chance = torch.Generator().manual_seed(settings.seed)
    n_batches = len(train) // settings.batch_size
    optimiser = torch.optim.AdamW(vae.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = one_cycle(optimiser, settings.learning_rate, n_batches * settings.epochs)
    parts: dict[str, Stateful] = {"vae": vae, "optimiser": optimiser, "schedule": schedule}
    run = Run("VAE, epochs", asdict(settings), parts, chance, checkpoint)
    for epoch in run.steps(settings.epochs, save_every=1):
        order = torch.randperm(len(train), generator=chance)[: n_batches * settings.batch_size]
        total = 0.0
        for batch in order.view(n_batches, -1):
            cross_entropy, divergence = vae.negative_elbo(train[batch], chance)
            loss = (cross_entropy + divergence).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        run.record(epoch=epoch, train=total / n_batches, test=negative_elbo(vae, test, seed=settings.seed))
    return vae.eval(), run


@torch.no_grad()
def negative_elbo(vae: VAE, images: Tensor, seed: int, binarise: bool = False) -> float:
    """Mean over images of Kullback-Leibler divergence plus binary cross-entropy, in nats, one posterior sample each.

    Args:
        vae: the model.
        images: grey values in [0, 1], ``(n, 28, 28)``; the cross-entropy is against them as they are, without the
            normaliser of a continuous Bernoulli.
        seed: of the posterior samples.
        binarise: draw every pixel as black or white with its grey value as probability first, as the literature
            on MNIST's likelihood does.
    """
    chance = torch.Generator().manual_seed(seed)
    if binarise:
        images = torch.bernoulli(images, generator=chance)
    cross_entropy, divergence = vae.negative_elbo(images, chance)
    return (cross_entropy + divergence).mean().item()
