"""What is measured on one model: a table for each kind of question, a row for each pair and method, or sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geodreg.datasets.mnist import read_mnist
from geodreg.datasets.root import DataError
from geodreg.datasets.yale import read_yale
from geodreg.geometry.curve import chord_energy, chord_length, refine, straight
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.paths import Paths
from geodreg.models.zoo import TrainedModel, load_judge
from geodreg.objectives.dense import PathObjective
from geodreg.paper.comparison import compare, summarise
from geodreg.paper.endpoints import choose_endpoints, choose_ring_endpoints
from geodreg.paper.metrics import excess_length
from geodreg.paper.printed_algorithm import largest_angle
from geodreg.paper.realism import FeatureStatistics, accepted_share, frechet_distance, nearest_distance
from geodreg.paper.verdict.definitions import Settings
from geodreg.paper.verdict.plan import VARIATIONS
from geodreg.paper.verdict.shortest import SUB_POINTS, shorten
from geodreg.solvers import Algorithm1, GraphStart, Newton, Solution, Solver

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURES", "Subject", "images_along", "measure"]

RING, DIGITS = "circle-gan", ("mnist-gan", "mnist-vae")
IN_THE_RING = 0.5  # radius within which a point of the plane is in the hole
DISC, CELLS, REACH, FINE = 0.4, 24, 4.0, 600  # of the disc that is to be covered, and the latent grid that covers it
BROKEN = 90.0  # degrees between neighbouring chords
ITERATIONS_SHORTER = 500  # of L-BFGS on the length
ITERATIONS = 300  # of Algorithm 1; above the limit a curve breaks up within a few dozen


@dataclass(frozen=True)
class Subject:
    """A trained model as a test sees it.

    Attributes:
        name: of the model in the definitions.
        model: its weights; None where only images are looked at.
        label: of the training seed, or the person.
        pairs: how many.
        samples: how many.
        settings: what all runs have in common.
    """

    name: str
    model: TrainedModel | None
    label: str
    pairs: int
    samples: int
    settings: Settings

    @property
    def manifold(self) -> LatentManifold:
        """With the noise of the figures; the ring's in double precision, as there."""
        assert self.model is not None  # noqa: S101 - for the type checker: tables of models ask, those of images do not
        generator = self.model.generator.double() if self.name == RING else self.model.generator
        return LatentManifold(generator, noise=self.settings.noise[self.name])

    def ends(self, seed: int | None = None) -> tuple[Tensor, Tensor]:
        """The same pairs for every table, but for one that asks for others."""
        seed = self.settings.ends_seed if seed is None else seed
        if self.name == RING:
            return choose_ring_endpoints(self.manifold, self.pairs, seed)
        assert self.model is not None  # noqa: S101
        return choose_endpoints(self.model, self.pairs, seed)


@dataclass(frozen=True)
class OfMeanChord:
    """Algorithm 1 with the step that the definitions name: a fraction of half of the start curve's mean chord.

    Where chords are uneven the limit of stability is lower, see :func:`~geodreg.solvers.algorithm1.step_limit`.

    Attributes:
        share: the fraction.
    """

    share: float

    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Iterate from start curves ``(P, K, d)``."""
        length = chord_length(objective.manifold.generate_flat(start).detach())
        eta = self.share * length / (2 * (start.shape[1] - 1))
        return Algorithm1().looked_at(objective, start, eta, [ITERATIONS], on_stop)[ITERATIONS]


def measure(table: str, subject: Subject) -> pd.DataFrame:
    """One table of one model, with the columns ``model`` and ``seed`` in front.

    Args:
        table: a key of :data:`MEASURES`.
        subject: the model.
    """
    rows = MEASURES[table](subject)
    rows.insert(0, "seed", subject.label)
    rows.insert(0, "model", subject.name)
    return rows


def _paths(subject: Subject) -> pd.DataFrame:
    """The three methods side by side, as in Figures 2, 3 and 4."""
    paths = _three(subject)
    measures: dict[str, Callable[..., Tensor]] = {"excess": excess_length}
    if subject.name == RING:
        measures["radius"] = lambda profile: profile.x.norm(dim=-1).amin(-1)
    if subject.name in DIGITS:
        judge = load_judge()
        measures["accepted"] = lambda profile: accepted_share(judge, profile.x)
    table = summarise(paths, subject.settings.along, measures).drop(columns=["iterations", "gap"])
    if subject.name in DIGITS:
        for name, values in _nearest(paths, subject.settings.shown).items():
            table[name] = values
    return table


def _three(subject: Subject) -> dict[str, Paths]:
    manifold, (start, end), settings = subject.manifold, subject.ends(), subject.settings
    if subject.name != RING:
        return compare(manifold, start, end, mu=settings.mu, n_points=settings.n_points)
    graph = GraphStart(seed=settings.ends_seed)
    paths = compare(manifold, start, end, mu=settings.mu, n_points=settings.n_points, init=graph)
    strong = interpolate(manifold, start, end, mu=settings.mu_strong, n_points=settings.n_points, init=graph)
    return {**paths, "strong": strong}


def images_along(paths: Mapping[str, Paths], n: int) -> dict[str, Tensor]:
    """Images at equal distances along each path, ``(P, n, 28, 28)``, by method."""
    return {method: path.resample(n).x for method, path in paths.items()}


def _nearest(paths: Mapping[str, Paths], n: int) -> dict[str, list[float]]:
    """Mean distances along each path to the nearest training image, in grey values and in the judge's features."""
    try:
        real = read_mnist("train").images
    except DataError:
        return {}
    judge = load_judge()
    spaces: dict[str, Callable[[Tensor], Tensor]] = {
        "nearest": lambda images: images.flatten(-2),
        "nearest_features": judge.features_of,
    }
    found: dict[str, list[float]] = {name: [] for name in spaces}
    for name, space in spaces.items():
        known = space(real)
        for images in images_along(paths, n).values():
            found[name] += nearest_distance(space(images), known).mean(-1).tolist()
    return found


def _frechet(subject: Subject) -> pd.DataFrame:
    """How far the images along all paths of a method are from the test images, as distributions of features."""
    import pandas as pd

    judge, known = load_judge(), FeatureStatistics.of_test_digits()
    rows = [
        (0, method, frechet_distance(FeatureStatistics.of(judge, images.flatten(0, 1)), known))
        for method, images in images_along(_three(subject), subject.settings.shown).items()
    ]
    return pd.DataFrame(rows, columns=["pair", "method", "frechet"])


@torch.no_grad()
def _samples(subject: Subject) -> pd.DataFrame:
    """Prior samples: their NLL, and whether they lie in the hole."""
    import pandas as pd

    manifold = subject.manifold
    like = next(manifold.generator.parameters())  # type: ignore[attr-defined]
    latent_dim = 2 if subject.model is None else subject.model.latent_dim
    z = manifold.sample_prior(subject.samples, like.new_zeros(latent_dim), subject.settings.ends_seed)
    x = manifold.generate(z)
    hole = x.norm(dim=-1) < IN_THE_RING if subject.name == RING else ~load_judge().accepts(x)
    return pd.DataFrame({"nll": manifold.nll(z).double().numpy(), "hole": hole.numpy()})


@torch.no_grad()
def _cover(subject: Subject) -> pd.DataFrame:
    """Share of the disc in the middle of the ring that the latent plane is mapped to, cell by cell."""
    import pandas as pd

    side = torch.linspace(-REACH, REACH, FINE, dtype=torch.float64)
    x = subject.manifold.generate(torch.cartesian_prod(side, side))
    cell = ((x + DISC) / (2 * DISC) * CELLS).floor().long()
    inside = ((cell >= 0) & (cell < CELLS)).all(-1)
    hit = torch.zeros(CELLS, CELLS, dtype=torch.bool)
    hit[tuple(cell[inside].unbind(-1))] = True
    centre = (torch.arange(CELLS) + 0.5) / CELLS * 2 * DISC - DISC
    disc = torch.cartesian_prod(centre, centre).norm(dim=-1).view(CELLS, CELLS) < DISC
    return pd.DataFrame({"covered": [hit[disc].double().mean().item()]})


def _energy(subject: Subject) -> pd.DataFrame:
    """The minimiser of the energy, and minimisers of the length: from there on, and from the straight line on."""
    import pandas as pd

    n_points = subject.settings.n_points
    manifold, (start, end) = subject.manifold, subject.ends(subject.settings.other_ends_seed)
    by_energy = interpolate(manifold, start, end, "geodesic", n_points=n_points)
    curves = {
        "energy": by_energy.z,
        "length": shorten(manifold, by_energy.z, ITERATIONS_SHORTER),
        "line": shorten(manifold, straight(start, end, n_points), ITERATIONS_SHORTER),
    }
    images = {name: manifold.generate_flat(refine(z, SUB_POINTS)) for name, z in curves.items()}
    tables = []
    for name, x in images.items():
        columns = {
            "length": chord_length(x),
            "apart": torch.cdist(x, images["energy"]).amin(-1).amax(-1),
            "interval": by_energy.interval,
            "energy": chord_energy(x, by_energy.interval),
        }
        table = pd.DataFrame({key: values.double().numpy() for key, values in columns.items()})
        table.insert(0, "method", name)
        table.insert(0, "pair", range(len(table)))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _points(subject: Subject) -> pd.DataFrame:
    """Largest angle between neighbouring chords, for each number of points and each way to solve."""
    import pandas as pd

    manifold, (start, end) = LatentManifold(subject.manifold.generator), subject.ends()
    reference = min(subject.settings.points, key=lambda n: abs(n - subject.settings.n_points))
    tables = []
    for n_points in subject.settings.points:
        share = (n_points - 1) / (reference - 1)  # for the step that is half of half a chord at the paper's number
        solvers: dict[str, Solver] = {
            "newton": Newton(),
            "fixed": OfMeanChord(0.5 * share),
            "below": OfMeanChord(0.8),
            "above": OfMeanChord(2.0),
        }
        for name, solver in solvers.items():
            path = interpolate(manifold, start, end, "geodesic", n_points=n_points, solver=solver)
            angle = largest_angle(path.x)
            table = pd.DataFrame({"angle": angle.numpy(), "broken": (angle > BROKEN).numpy()})
            table.insert(0, "method", f"{name}_{n_points}")
            table.insert(0, "pair", range(len(table)))
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _weights(subject: Subject) -> pd.DataFrame:
    """Regularised paths with several weights, and the two others; a weight of 0.1 has the method ``at_0_1``."""
    manifold, (start, end), settings = subject.manifold, subject.ends(), subject.settings
    geodesic = interpolate(manifold, start, end, "geodesic", n_points=settings.n_points)
    paths = {
        "straight": interpolate(manifold, start, end, "straight", n_points=settings.n_points),
        "geodesic": geodesic,
    }
    for mu in settings.weights:
        path = interpolate(manifold, start, end, mu=mu, n_points=settings.n_points, geodesic=geodesic)
        paths[f"at_{mu}".replace(".", "_")] = path
    judge = load_judge()
    measures: dict[str, Callable[..., Tensor]] = {"accepted": lambda profile: accepted_share(judge, profile.x)}
    return summarise(paths, settings.along, measures).drop(columns=["iterations", "gap", "chord"])


def _variations(subject: Subject) -> pd.DataFrame:
    """The three methods with one setting changed: lengths, densities, and the judge's acceptance."""
    judge = load_judge()
    measures: dict[str, Callable[..., Tensor]] = {"accepted": lambda profile: accepted_share(judge, profile.x)}
    return summarise(_three(subject), subject.settings.along, measures).drop(columns=["iterations", "gap", "chord"])


def _spectra(subject: Subject) -> pd.DataFrame:
    """What nine components of the uncentred singular value decomposition hold of a person's images."""
    import pandas as pd

    images = read_yale(subject.label).images.flatten(1).double()
    _, values, directions = torch.linalg.svd(images, full_matrices=False)
    energy = values.square()
    held = (images @ directions[:9].mT).square().sum(-1) / images.square().sum(-1)
    return pd.DataFrame({"nine": [(energy[:9].sum() / energy.sum()).item()], "nine_of_image": [held.mean().item()]})


MEASURES: dict[str, Callable[[Subject], pd.DataFrame]] = {
    "paths": _paths,
    "frechet": _frechet,
    "samples": _samples,
    "cover": _cover,
    "energy": _energy,
    "points": _points,
    "weights": _weights,
    "spectra": _spectra,
    VARIATIONS: _variations,
}
"""The tables that can be made, by name."""
