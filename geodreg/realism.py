"""What the judge of realism makes of real digits and of fakes, and how far its probabilities can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geodreg.datasets.fakes import SEEN_FAKES, UNSEEN_FAKES
from geodreg.datasets.mnist import Digits
from geodreg.models.judge import REJECT, Judge

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["acceptance_table", "accepted_share", "expected_calibration_error", "reliability_table"]

N_BINS = 10


def acceptance_table(judge: Judge, digits: Digits, seed: int) -> pd.DataFrame:
    """Share of images that the judge accepts, for digits as they are and for each kind of fake made of them.

    Columns: ``kind``, ``group`` (``real``, ``seen in training``, ``unseen``), ``images``, ``accepted``; and
    ``accuracy``, the share of digits whose class the judge names, for the first row.

    Args:
        judge: the judge.
        digits: images that it was not trained on.
        seed: of the fakes.
    """
    import pandas as pd

    chance = torch.Generator().manual_seed(seed)
    rows = [("digits", "real", digits.images)]
    for group, fakes in (("seen in training", SEEN_FAKES), ("unseen", UNSEEN_FAKES)):
        rows += [(name, group, fake(digits.images, digits.labels, chance)) for name, fake in fakes.items()]
    table = pd.DataFrame(
        [(name, group, len(images), judge.accepts(images).double().mean().item()) for name, group, images in rows],
        columns=["kind", "group", "images", "accepted"],
    )
    table["accuracy"] = pd.Series([(judge.classify(digits.images) == digits.labels).double().mean().item()])
    return table


def reliability_table(judge: Judge, digits: Digits, seed: int) -> pd.DataFrame:
    """How often the judge is right where it says how sure it is, over digits and as many seen fakes.

    Columns: ``confidence`` (mean probability of the class it names, the reject class among them), ``correct`` (share),
    ``images``; one row for each tenth of the probability scale that occurs.

    Args:
        judge: the judge.
        digits: images that it was not trained on.
        seed: of the fakes.
    """
    import pandas as pd

    chance = torch.Generator().manual_seed(seed)
    share = len(digits.images) // len(SEEN_FAKES)
    fakes = torch.cat(
        [
            fake(digits.images[i * share : (i + 1) * share], digits.labels[i * share : (i + 1) * share], chance)
            for i, fake in enumerate(SEEN_FAKES.values())
        ]
    )
    target = torch.cat([digits.labels, torch.full((len(fakes),), REJECT)])
    confidence, named = judge.probabilities(torch.cat([digits.images, fakes])).max(dim=-1)
    table = pd.DataFrame({"confidence": confidence.double().numpy(), "correct": (named == target).double().numpy()})
    bins = (table["confidence"] * N_BINS).clip(upper=N_BINS - 1).astype(int)
    grouped = table.groupby(bins)
    return grouped.mean().assign(images=grouped.size()).reset_index(drop=True)


def expected_calibration_error(reliability: pd.DataFrame) -> float:
    """Mean distance between confidence and share correct, over images (Guo et al. 2017)."""
    weights = reliability["images"] / reliability["images"].sum()
    return float((weights * (reliability["confidence"] - reliability["correct"]).abs()).sum())


def accepted_share(judge: Judge, images: Tensor) -> Tensor:
    """Share of images that the judge accepts along paths: ``(..., n, 28, 28)`` to ``(...)``."""
    return judge.accepts(images).double().mean(-1)
