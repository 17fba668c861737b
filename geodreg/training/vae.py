"""Training of the MNIST VAE of Figure 3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import trange

from geodreg.models.mlp import VAE

__all__ = ["VAESettings", "negative_elbo", "train_vae"]


@dataclass(frozen=True)
class VAESettings:
    """What decides a training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the order of the images and the posterior samples.
        latent_dim: latent size. With 10 and more, training leaves coordinates unused, and the metric is singular there.
        hidden: sizes of the generator's hidden layers; the encoder has them in reverse.
        epochs: passes over the training images.
        batch_size: images in each update.
        learning_rate: the highest of the one-cycle schedule (Smith and Topin 2018).
        weight_decay: of AdamW.
    """

    seed: int = 0
    latent_dim: int = 8
    hidden: tuple[int, ...] = (256, 512)
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4


def train_vae(settings: VAESettings, train: Tensor, test: Tensor) -> tuple[VAE, dict[str, list[float]]]:
    """Train on grey images ``(n, 28, 28)``, with the evidence lower bound of one posterior sample as objective.

    Returns:
        the VAE, and for every epoch the negative ELBO in nats on the training batches and on the test images:
        ``epoch``, ``train``, ``test``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        vae = VAE(settings.latent_dim, settings.hidden)
    chance = torch.Generator().manual_seed(settings.seed)
    n_batches = len(train) // settings.batch_size
    optimiser = torch.optim.AdamW(vae.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=n_batches * settings.epochs, pct_start=0.1
    )
    curve: dict[str, list[float]] = {"epoch": [], "train": [], "test": []}
    progress = trange(settings.epochs, desc="VAE", unit="epoch")
    for epoch in progress:
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
        on_test = negative_elbo(vae, test, seed=settings.seed)
        for name, value in (("epoch", epoch), ("train", total / n_batches), ("test", on_test)):
            curve[name].append(value)
        progress.set_postfix(test=f"{on_test:.2f} nats")
    return vae.eval(), curve


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
