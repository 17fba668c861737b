"""The course of the learning rate of all trainings that are not adversarial."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

__all__ = ["one_cycle"]

RISE = 0.1  # fraction of the updates in which the rate rises


def one_cycle(optimiser: Optimizer, highest: float, steps: int) -> OneCycleLR:
    """A rate that rises over a tenth of the updates and then falls (Smith and Topin 2018).

    Args:
        optimiser: whose rate it is.
        highest: of the rates.
        steps: number of updates, any from one on.
    """
    rise = RISE if RISE * steps != 1 else 1.5 * RISE  # torch divides by the length of the rise less one update
    return OneCycleLR(optimiser, highest, steps, pct_start=rise)
