"""Training of the denoiser of digits."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from geodreg.models.denoiser import Denoiser
from geodreg.training.loop import Run, Stateful
from geodreg.training.schedule import one_cycle
from geodreg.training.settings import DenoiserSettings

__all__ = ["noisy", "train_denoiser"]


def train_denoiser(settings: DenoiserSettings, images: Tensor, checkpoint: Path | None = None) -> tuple[Denoiser, Run]:
    """Train a denoiser on digits ``(n, 28, 28)`` under noise of levels that are even on a logarithmic scale.

    Args:
        settings: what decides the run.
        images: training images, grey values in [0, 1].
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.

    Returns:
        the denoiser, and the run, with every hundredth step in its curve: ``step``, ``loss``.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        denoiser = Denoiser(settings.width)
    optimiser = torch.optim.AdamW(denoiser.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = one_cycle(optimiser, settings.learning_rate, settings.steps)
    chance = torch.Generator().manual_seed(settings.seed)
    parts: dict[str, Stateful] = {"denoiser": denoiser, "optimiser": optimiser, "schedule": schedule}
    run = Run("denoiser, steps", asdict(settings), parts, chance, checkpoint)
    for step in run.steps(settings.steps, save_every=500):
        digits = images[torch.randint(len(images), (settings.batch_size,), generator=chance)]
        under_noise, sigma = noisy(digits, settings.least_noise, settings.most_noise, chance)
        loss = mse_loss(denoiser(under_noise, sigma), digits)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            run.record(step=step, loss=loss.item())
    return denoiser.eval(), run


def noisy(images: Tensor, least: float, most: float, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Images under normal noise, and its standard deviations, even on a logarithmic scale.

    Args:
        images: ``(n, 28, 28)``.
        least: the smallest standard deviation, in grey values.
        most: the largest.
        chance: source of noise and levels.

    Returns:
        noisy images ``(n, 28, 28)`` and levels ``(n,)``.
    """
    sigma = least * (most / least) ** torch.rand(len(images), generator=chance)
    return images + sigma.reshape(-1, 1, 1) * torch.randn(images.shape, generator=chance), sigma
