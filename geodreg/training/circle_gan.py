"""Training of the circle GAN of Figure 2."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from geodreg.datasets.circle import ring
from geodreg.models.mlp import CircleGenerator, perceptron
from geodreg.training.loop import Run, Stateful

__all__ = ["CircleGANSettings", "train_circle_gan"]


@dataclass(frozen=True)
class CircleGANSettings:
    """What decides a training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the data and the latents.
        spread: standard deviation of the data's radius. Below 0.2 the trained map folds over in places.
        steps: number of updates of generator and discriminator.
        batch_size: points in each update.
        learning_rate: of Adam, for both, brought down to zero along a cosine.
        penalty: weight of the gradient penalty on real points (R1; Mescheder et al. 2018).
    """

    seed: int = 0
    spread: float = 0.2
    steps: int = 3000
    batch_size: int = 256
    learning_rate: float = 2e-3
    penalty: float = 3.0


def train_circle_gan(settings: CircleGANSettings, checkpoint: Path | None = None) -> tuple[CircleGenerator, Run]:
    """Train the 2-20-20-2 generator against a discriminator with the non-saturating loss.

    Args:
        settings: what decides the run.
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.

    Returns:
        the generator, and the run, with the losses of every hundredth step in its curve: ``step``, ``discriminator``,
        ``generator``.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        generator, discriminator = CircleGenerator(), perceptron([2, 128, 128, 1], nn.SiLU)
    chance = torch.Generator().manual_seed(settings.seed)
    players: list[nn.Module] = [generator, discriminator]
    optimisers = [torch.optim.Adam(p.parameters(), settings.learning_rate, betas=(0.5, 0.99)) for p in players]
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(o, settings.steps) for o in optimisers]
    parts: dict[str, Stateful] = dict(zip(("generator", "discriminator"), players, strict=True))
    parts |= {f"optimiser {i}": optimiser for i, optimiser in enumerate(optimisers)}
    parts |= {f"schedule {i}": schedule for i, schedule in enumerate(schedules)}
    run = Run("circle GAN, steps", asdict(settings), parts, chance, checkpoint)

    for step in run.steps(settings.steps, save_every=500):
        real = ring(settings.batch_size, settings.spread, chance).requires_grad_()
        fake = generator(torch.randn(settings.batch_size, 2, generator=chance))
        on_real = discriminator(real)
        against = softplus(-on_real).mean() + softplus(discriminator(fake.detach())).mean()
        _update(optimisers[1], against + 0.5 * settings.penalty * _gradient_penalty(on_real, real))

        fake = generator(torch.randn(settings.batch_size, 2, generator=chance))
        loss = softplus(-discriminator(fake)).mean()
        _update(optimisers[0], loss)
        for schedule in schedules:
            schedule.step()
        if step % 100 == 0:
            run.record(step=step, discriminator=against.item(), generator=loss.item())
    return generator.eval(), run


def _gradient_penalty(scores: Tensor, points: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    return gradient.square().sum(-1).mean()


def _update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
