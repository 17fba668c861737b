"""What judges of realism make of real digits and of fakes, and how far the probabilities of one can be trusted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geodreg.datasets.fakes import SEEN_FAKES, UNSEEN_FAKES, Fake
from geodreg.datasets.mnist import Digits
from geodreg.models.judge import REJECT, Judge, RealismJudge
from geodreg.models.store import model_path

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FeatureStatistics",
    "acceptance_table",
    "accepted_share",
    "agreement_table",
    "expected_calibration_error",
    "frechet_distance",
    "nearest_distance",
    "reliability_table",
    "separation",
]

N_BINS = 10
QUERIES_AT_ONCE = 512  # images whose distances to all real ones are held at once


def acceptance_table(
    judge: RealismJudge, digits: Digits, seed: int, seen: Collection[str] = frozenset(SEEN_FAKES)
) -> pd.DataFrame:
    """Fraction of images that a judge accepts, for digits as they are and for each kind of fake made of them.

    Columns: ``kind``, ``group`` (``real``, ``seen in training``, ``unseen``), ``images``, ``accepted``; and
    ``accuracy``, the fraction of digits whose class the judge names, for the first row, if it names classes.

    Args:
        judge: the judge.
        digits: images that it was not trained on.
        seed: of the fakes.
        seen: the kinds that it was trained on.
    """
    import pandas as pd

    chance = torch.Generator().manual_seed(seed)
    rows = [("digits", "real", digits.images)]
    for name, fake in {**SEEN_FAKES, **UNSEEN_FAKES}.items():
        group = "seen in training" if name in seen else "unseen"
        rows.append((name, group, fake(digits.images, digits.labels, chance)))
    table = pd.DataFrame(
        [(name, group, len(images), judge.accepts(images).double().mean().item()) for name, group, images in rows],
        columns=["kind", "group", "images", "accepted"],
    )
    if isinstance(judge, Judge):
        table["accuracy"] = pd.Series([(judge.classify(digits.images) == digits.labels).double().mean().item()])
    return table


def separation(judge: RealismJudge, digits: Digits, seed: int, kinds: Mapping[str, Fake] = SEEN_FAKES) -> pd.Series:
    """How well a judge's doubt tells digits from fakes made of them, whatever its threshold: the area under the ROC.

    It is the fraction of pairs of a digit and a fake of which the fake is doubted more; ``auc`` by kind.

    Args:
        judge: the judge.
        digits: images that it was not trained on.
        seed: of the fakes.
        kinds: of fakes.
    """
    import pandas as pd
    from scipy.stats import mannwhitneyu

    chance, real = torch.Generator().manual_seed(seed), judge.doubt(digits.images).double().numpy()
    pairs = len(real) ** 2
    found = {}
    for kind, fake in kinds.items():
        doubted = judge.doubt(fake(digits.images, digits.labels, chance)).double().numpy()
        found[kind] = float(mannwhitneyu(doubted, real).statistic / pairs)
    return pd.Series(found, name="auc").rename_axis("kind")


def agreement_table(judges: Mapping[str, RealismJudge], samples: Mapping[str, Tensor]) -> pd.DataFrame:
    """What several judges make of the same images.

    Columns: ``images``, a key of the samples; a column for each judge, the fraction that it accepts; ``all accept`` and
    ``all agree``, the fractions of images that all of them accept, and of which all say the same.

    Args:
        judges: by name.
        samples: images ``(n, 28, 28)`` by what made them.
    """
    import pandas as pd

    rows = []
    for name, images in samples.items():
        accepted = torch.stack([judge.accepts(images) for judge in judges.values()])
        each = dict(zip(judges, accepted.double().mean(1).tolist(), strict=True))
        agree = (accepted == accepted[0]).all(0).double().mean().item()
        rows.append({"images": name, **each, "all accept": accepted.all(0).double().mean().item(), "all agree": agree})
    return pd.DataFrame(rows)


def reliability_table(
    judge: Judge, digits: Digits, seed: int, seen: Collection[str] = frozenset(SEEN_FAKES)
) -> pd.DataFrame:
    """How often the judge is right where it says how sure it is, over digits and as many seen fakes.

    Columns: ``confidence`` (mean probability of the class it names, the reject class among them), ``correct`` (share),
    ``images``; one row for each tenth of the probability scale that occurs.

    Args:
        judge: the judge.
        digits: images that it was not trained on.
        seed: of the fakes.
        seen: the kinds that its reject class was trained on.
    """
    import pandas as pd

    chance, kinds = torch.Generator().manual_seed(seed), [fake for name, fake in SEEN_FAKES.items() if name in seen]
    share = len(digits.images) // len(kinds)
    fakes = torch.cat(
        [
            fake(digits.images[i * share : (i + 1) * share], digits.labels[i * share : (i + 1) * share], chance)
            for i, fake in enumerate(kinds)
        ]
    )
    target = torch.cat([digits.labels, torch.full((len(fakes),), REJECT)])
    confidence, named = judge.probabilities(torch.cat([digits.images, fakes])).max(dim=-1)
    table = pd.DataFrame({"confidence": confidence.double().numpy(), "correct": (named == target).double().numpy()})
    bins = (table["confidence"] * N_BINS).clip(upper=N_BINS - 1).astype(int)
    grouped = table.groupby(bins)
    return grouped.mean().assign(images=grouped.size()).reset_index(drop=True)


def expected_calibration_error(reliability: pd.DataFrame) -> float:
    """Mean distance between confidence and fraction correct, over images (Guo et al. 2017)."""
    weights = reliability["images"] / reliability["images"].sum()
    return float((weights * (reliability["confidence"] - reliability["correct"]).abs()).sum())


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean ``(m,)`` and covariance ``(m, m)`` of the judge's features of some images, double precision."""

    mean: Tensor
    covariance: Tensor

    @staticmethod
    def of(judge: Judge, images: Tensor) -> FeatureStatistics:
        """Of images ``(n, 28, 28)``."""
        features = judge.features_of(images).double()
        return FeatureStatistics(features.mean(0), features.T.cov())

    @staticmethod
    def of_test_digits() -> FeatureStatistics:
        """Of all test digits of MNIST, as they are kept with the judge.

        Raises:
            geodreg.models.ModelError: if they are missing or damaged.
        """
        from safetensors.torch import load

        return FeatureStatistics(**load(model_path("mnist-judge", "test-features.safetensors").read_bytes()))

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        from safetensors.torch import save

        return save({"mean": self.mean, "covariance": self.covariance})


def frechet_distance(one: FeatureStatistics, other: FeatureStatistics) -> float:
    r"""Distance between normal distributions, as of features of two sets of images (Heusel et al. 2017).

    .. math:: |m - m'|^2 + \operatorname{tr}\bigl(C + C' - 2 (C C')^{1/2}\bigr)

    Example:
        >>> unit = FeatureStatistics(torch.zeros(2).double(), torch.eye(2).double())
        >>> frechet_distance(unit, FeatureStatistics(torch.ones(2).double(), 4 * torch.eye(2).double()))
        4.0
    """
    roots = torch.linalg.eigvals(one.covariance @ other.covariance).real.clamp_min(0.0).sqrt()
    traces = one.covariance.trace() + other.covariance.trace() - 2 * roots.sum()
    return ((one.mean - other.mean).square().sum() + traces).item()


def nearest_distance(points: Tensor, known: Tensor) -> Tensor:
    """Distances to the nearest of known points ``(m, D)``: ``(..., D)`` to ``(...)``.

    Example:
        >>> nearest_distance(torch.tensor([[[0.0], [3.0]]]), torch.tensor([[1.0], [5.0]]))
        tensor([[1., 2.]])
    """
    rows = points.reshape(-1, points.shape[-1]).split(QUERIES_AT_ONCE)
    return torch.cat([torch.cdist(part, known).amin(-1) for part in rows]).reshape(points.shape[:-1])


def accepted_share(judge: RealismJudge, images: Tensor) -> Tensor:
    """Fraction of images that the judge accepts along paths: ``(..., n, 28, 28)`` to ``(...)``."""
    return judge.accepts(images).double().mean(-1)
