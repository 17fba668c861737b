"""Training of the judge of realism."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from geodreg.datasets.fakes import Fake, seen_fakes
from geodreg.models.judge import REJECT, Judge
from geodreg.training.augmentation import move
from geodreg.training.loop import Run, Stateful
from geodreg.training.schedule import one_cycle
from geodreg.training.settings import JudgeSettings

__all__ = ["train_judge"]


def train_judge(
    settings: JudgeSettings, images: Tensor, labels: Tensor, checkpoint: Path | None = None
) -> tuple[Judge, Run]:
    """Train on digits ``(n, 28, 28)`` and on fakes made of them, then calibrate on digits held out.

    Args:
        settings: what decides the run.
        images: training images, grey values in [0, 1].
        labels: their classes, ``(n,)``.
        checkpoint: file that is written now and then; a run that finds one of the same settings goes on from it.

    Returns:
        the judge, and the run, with every hundredth step in its curve: ``step``, ``loss``.

    Raises:
        ValueError: if all digits are of one class.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        judge = Judge(settings.width)
    (images, held_images), (labels, held_labels) = (
        x.split([len(images) - settings.held_out, settings.held_out]) for x in (images, labels)
    )
    optimiser = torch.optim.AdamW(judge.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = one_cycle(optimiser, settings.learning_rate, settings.steps)
    chance, kinds = torch.Generator().manual_seed(settings.seed), seen_fakes(blurred=settings.blurred)
    parts: dict[str, Stateful] = {"judge": judge, "optimiser": optimiser, "schedule": schedule}
    run = Run("judge, steps", asdict(settings), parts, chance, checkpoint)
    for step in run.steps(settings.steps, save_every=500):
        pick = torch.randint(len(images), (settings.batch_size,), generator=chance)
        fakes = _fakes(kinds, images, labels, settings.fakes_per_kind, chance)
        target = torch.cat([labels[pick], torch.full((len(fakes),), REJECT)])
        loss = cross_entropy(judge(_move_some(torch.cat([images[pick], fakes]), chance)), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            run.record(step=step, loss=loss.item())
    judge.eval()
    _calibrate(judge, kinds, held_images, held_labels, settings.accepted, chance)
    return judge, run


def _move_some(images: Tensor, chance: torch.Generator) -> Tensor:
    """Half of the images turned, scaled and shifted a little.

    Digits and fakes alike: what is moved is interpolated and so a little smoother, which must not tell them apart.
    """
    moved = move(images, chance, angle=0.07, scale=0.04, shift=0.03)
    return torch.where(torch.rand(len(images), 1, 1, generator=chance) < 0.5, moved, images)


def _fakes(kinds: Mapping[str, Fake], images: Tensor, labels: Tensor, n: int, chance: torch.Generator) -> Tensor:
    """Fakes of all kinds, ``n`` of each, made of random digits."""
    made = []
    for fake in kinds.values():
        pick = _of_two_classes(torch.randint(len(images), (max(n, 2),), generator=chance), labels, chance)
        made.append(fake(images[pick], labels[pick], chance)[:n])
    return torch.cat(made)


def _of_two_classes(pick: Tensor, labels: Tensor, chance: torch.Generator) -> Tensor:
    """Indices of digits, the last one drawn again if all are of one class: a fake of two digits needs two."""
    first = labels[pick[0]]
    if not (labels[pick] == first).all():
        return pick
    others = (labels != first).nonzero().flatten()
    if len(others):  # else the fakes say what is wrong
        pick[-1] = others[int(torch.randint(len(others), (1,), generator=chance))]
    return pick


@torch.no_grad()
def _calibrate(
    judge: Judge, kinds: Mapping[str, Fake], images: Tensor, labels: Tensor, accepted: float, chance: torch.Generator
) -> None:
    """Set temperature and threshold of a trained judge on digits it has not seen, and as many fakes made of them.

    The temperature minimises the cross-entropy (Guo et al. 2017); the threshold accepts the given fraction of
    the digits.
    """
    from scipy.optimize import minimize_scalar

    fakes = _fakes(kinds, images, labels, len(images) // len(kinds), chance)
    logits = torch.cat([judge(part) for part in torch.cat([images, fakes]).split(1000)])
    target = torch.cat([labels, torch.full((len(fakes),), REJECT)])
    found = minimize_scalar(
        lambda log_temperature: cross_entropy(logits.double() / 2.0**log_temperature, target).item(), bounds=(-4, 4)
    )
    judge.temperature.fill_(2.0**found.x)
    judge.threshold.copy_(judge.probabilities(images)[:, REJECT].quantile(accepted))
