"""Training of the judge that is not a classifier: features of digits alone, without labels and without any fake."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from geodreg.models.neighbours import NeighbourJudge
from geodreg.training.augmentation import move
from geodreg.training.loop import Run, Stateful
from geodreg.training.schedule import one_cycle
from geodreg.training.settings import NeighbourSettings

__all__ = ["contrast", "train_neighbours"]


def train_neighbours(
    settings: NeighbourSettings, images: Tensor, checkpoint: Path | None = None
) -> tuple[NeighbourJudge, Run]:
    """Train features on digits ``(n, 28, 28)``, keep those of some of them, and set the threshold on digits held out.

    With ``"contrastive"``, two random moves of one digit are to have features close to each other and far from those of
    the other digits of the batch (Chen et al. 2020). With ``"denoising"``, a decoder makes a digit without noise of the
    features of the digit under noise (Vincent et al. 2008).

    Args:
        settings: what decides the run.
        images: training images, grey values in [0, 1].
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.

    Returns:
        the judge, and the run, with every hundredth step in its curve: ``step``, ``loss``.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        judge = NeighbourJudge(settings.width, settings.size, settings.neighbours, settings.reference)
        head = _decoder(settings.size) if settings.objective == "denoising" else nn.Identity()
    images, held_out = images.split([len(images) - settings.held_out, settings.held_out])
    trained = [*judge.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(trained, settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = one_cycle(optimiser, settings.learning_rate, settings.steps)
    chance = torch.Generator().manual_seed(settings.seed)
    parts: dict[str, Stateful] = {"judge": judge, "head": head, "optimiser": optimiser, "schedule": schedule}
    run = Run("neighbours, steps", asdict(settings), parts, chance, checkpoint)

    def moved(digits: Tensor) -> Tensor:
        return move(digits, chance, angle=settings.angle, scale=settings.scale, shift=settings.shift)

    for step in run.steps(settings.steps, save_every=500):
        digits = images[torch.randint(len(images), (settings.batch_size,), generator=chance)]
        if settings.objective == "contrastive":
            loss = contrast(judge.embed(moved(digits)), judge.embed(moved(digits)), settings.temperature)
        else:
            clean = moved(digits)
            noise = settings.noise * torch.randn(clean.shape, generator=chance)
            loss = mse_loss(head(judge.embed(clean + noise)), clean)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            run.record(step=step, loss=loss.item())
    judge.eval()
    pick = torch.randperm(len(images), generator=chance)[: settings.reference]
    _keep(judge, images[pick], held_out, settings.accepted)
    return judge, run


def contrast(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """How badly each is told from the others of its batch as the partner of its counterpart (InfoNCE, NT-Xent).

    Args:
        one: features of length one, ``(n, m)``.
        other: of the same ``n`` digits, moved in another way.
        temperature: divides the cosines.
    """
    both = torch.cat([one, other])
    alike = both @ both.T / temperature
    alike = alike.masked_fill(torch.eye(len(both), dtype=torch.bool), -torch.inf)  # nothing is its own partner
    return cross_entropy(alike, torch.arange(len(both)).roll(len(one)))


def _decoder(size: int) -> nn.Module:
    """Features of length one to images ``(n, 28, 28)``."""
    return nn.Sequential(nn.Linear(size, 256), nn.SiLU(), nn.Linear(256, 784), nn.Sigmoid(), nn.Unflatten(1, (28, 28)))


@torch.no_grad()
def _keep(judge: NeighbourJudge, images: Tensor, held_out: Tensor, accepted: float) -> None:
    """Keep the features of images as the reference, and accept the given fraction of digits that are not among them."""
    judge.reference.copy_(torch.cat([judge.embed(part) for part in images.split(1000)]))
    judge.threshold.copy_(judge.distance(held_out).quantile(accepted))
