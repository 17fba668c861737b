"""Adversarial training, the same for all of the book's GANs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from geodreg.training.loop import Run, Stateful
from geodreg.training.settings import GANSettings

__all__ = ["train_gan"]

Generator = TypeVar("Generator", bound=nn.Module)
WATCH_EVERY = 1000
Draw = Callable[[int, torch.Generator], Tensor]
Augment = Callable[[Tensor, torch.Generator], Tensor]


def train_gan(
    settings: GANSettings,
    generator: Generator,
    discriminator: nn.Module,
    latent_dim: int,
    draw: Draw,
    augment: Augment | None = None,
    checkpoint: Path | None = None,
    title: str = "GAN, steps",
    watch: Callable[[Generator], Mapping[str, float]] | None = None,
) -> tuple[Generator, Run]:
    """Train a generator against a discriminator with the non-saturating loss (Goodfellow et al. 2014).

    Args:
        settings: what decides the run.
        generator: takes latents ``(n, latent_dim)`` to data.
        discriminator: takes data to scores ``(n, 1)``, high for real ones.
        latent_dim: latent size.
        draw: takes a number and a source of chance to real examples.
        augment: random change of examples before the discriminator, real or not, which gradients pass through
            (Zhao et al. 2020).
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.
        title: of the progress bar.
        watch: measures of the generator, taken every ``WATCH_EVERY`` steps as the run's milestones.

    Returns:
        the generator, averaged if the settings say so, and the run, with the losses of every hundredth step in its
        curve: ``step``, ``discriminator``, ``generator``.

    Raises:
        geodreg.training.loop.DivergedError: if a loss is not finite.
    """
    chance = torch.Generator().manual_seed(settings.seed)
    players: list[nn.Module] = [generator, discriminator]
    optimisers = [torch.optim.Adam(p.parameters(), settings.learning_rate, betas=(0.5, 0.99)) for p in players]
    lowest = settings.final_rate * settings.learning_rate
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(o, settings.steps, lowest) for o in optimisers]
    average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging), use_buffers=True)
    averaged = cast("Generator", average.module.eval())
    parts: dict[str, Stateful] = {"generator": generator, "discriminator": discriminator, "average": average}
    parts |= {f"optimiser {i}": optimiser for i, optimiser in enumerate(optimisers)}
    parts |= {f"schedule {i}": schedule for i, schedule in enumerate(schedules)}
    run = Run(title, asdict(settings), parts, chance, checkpoint)

    def seen(x: Tensor) -> Tensor:
        return x if augment is None else augment(x, chance)

    def fakes() -> Tensor:
        return seen(generator(torch.randn(settings.batch_size, latent_dim, generator=chance)))

    for step in run.steps(settings.steps, save_every=500):
        penalised = step % settings.penalty_every == 0
        real = seen(draw(settings.batch_size, chance)).requires_grad_(penalised)
        with torch.no_grad():
            fake = fakes()
        on_real = discriminator(real)
        against = softplus(-on_real).mean() + softplus(discriminator(fake)).mean()
        penalty = _gradient_penalty(on_real, real) if penalised else torch.zeros(())
        _update(optimisers[1], against + 0.5 * settings.penalty * settings.penalty_every * penalty)

        loss = softplus(-discriminator(fakes())).mean()
        _update(optimisers[0], loss)
        losses: dict[str, float] = {"step": step, "discriminator": against.item(), "generator": loss.item()}
        run.expect_finite(**losses)  # at every step, so that what has diverged becomes neither checkpoint nor model
        average.update_parameters(generator)
        for schedule in schedules:
            schedule.step()
        if watch is not None and (step + 1) % WATCH_EVERY == 0:
            run.mark(step=step + 1, **watch(averaged))
        if step % 100 == 0:
            run.record(**losses)
    return averaged, run


def _gradient_penalty(scores: Tensor, x: Tensor) -> Tensor:
    """Mean squared norm of the gradient of the scores at examples ``x``."""
    (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradient.square().flatten(1).sum(-1).mean()


def _update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
