"""What is measured on one model: a table for each kind of question, a row for each pair and method, or sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from geodreg.datasets.yale import read_yale
from geodreg.geometry.curve import chord_energy, chord_length, refine, straight
from geodreg.interpolation.interpolate import interpolate
from geodreg.models.mlp import VAE
from geodreg.models.zoo import load_judges
from geodreg.paper.likelihood import bound_of_nll, pixel_entropy
from geodreg.paper.printed_algorithm import largest_angle
from geodreg.paper.trial.paths_table import minimisers, paths_table, tabulated
from geodreg.paper.trial.plan import VARIATIONS
from geodreg.paper.trial.shortest import SUB_POINTS, shorten
from geodreg.paper.trial.subject import RING, Subject
from geodreg.solvers import Algorithm1, Newton, Solver

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURES", "measure"]

IN_THE_RING = 0.5  # radius within which a point of the plane is in the hole
DISC, CELLS, REACH, FINE = 0.4, 24, 4.0, 600  # of the disc that is to be covered, and the latent grid that covers it
BROKEN = 90.0  # degrees between neighbouring chords
ITERATIONS_SHORTER = 500  # of L-BFGS on the length
ITERATIONS = 300  # of Algorithm 1; above the limit a curve breaks up within a few dozen
WEIGHT = 0.1  # of the loss, where one is enough
STRONG = 1.0  # of the loss, in the figure of the circle


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


@torch.no_grad()
def _samples(subject: Subject) -> pd.DataFrame:
    """Prior samples: NLL, whether they lie in the hole; on the VAE the bound of their likelihood, and their entropy."""
    import pandas as pd

    manifold, settings, model = subject.manifold, subject.settings, subject.model
    assert model is not None  # noqa: S101 - for the type checker
    like = next(model.generator.parameters())
    z = manifold.sample_prior(subject.samples, like.new_zeros(model.latent_dim), settings.ends_seed)
    x = manifold.generate(z)
    columns = {"nll": manifold.nll(z).double()}
    if subject.name == RING:
        columns["hole"] = x.norm(dim=-1) < IN_THE_RING
    else:
        judges = load_judges()
        columns |= {f"rejected_{name}": ~judges[judge].accepts(x) for name, judge in settings.judges.items()}
    if isinstance(model.module, VAE):
        columns["bound"] = bound_of_nll(model.module, x, settings.bound_samples, settings.ends_seed).double()
        columns["entropy"] = pixel_entropy(x).double()
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()})


@torch.no_grad()
def _cover(subject: Subject) -> pd.DataFrame:
    """Fraction of the disc in the middle of the ring that the latent plane is mapped to, cell by cell."""
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


def _noiseless(subject: Subject) -> pd.DataFrame:
    """The printed loss without noise: whether a minimum is within reach.

    From the straight line on at the paper's largest weight, and from the graph at the one that leads around the hole.
    """
    import pandas as pd

    start, end, _ = subject.endpoints()
    found: dict[str, object] = {"pair": range(len(start))}
    manifold, n_points = subject.manifold_with(0.0), subject.settings.n_points
    for ending, mu, init in (("", WEIGHT, "straight"), ("_strong", STRONG, "graph")):
        path = interpolate(manifold, start, end, mu=mu, n_points=n_points, init=init)
        found |= {f"converged{ending}": path.converged.numpy(), f"status{ending}": path.status}
    return pd.DataFrame(found)


def _energy(subject: Subject) -> pd.DataFrame:
    """The minimiser of the energy, and the minimiser of the length from the straight line on."""
    import pandas as pd

    n_points = subject.settings.n_points
    manifold, (start, end, _) = subject.manifold, subject.endpoints()
    by_energy = interpolate(manifold, start, end, "geodesic", n_points=n_points)
    by_length = shorten(manifold, straight(start, end, n_points), ITERATIONS_SHORTER)
    tables = []
    for name, z in (("energy", by_energy.z), ("line", by_length)):
        x = manifold.generate_flat(refine(z, SUB_POINTS))
        energy = chord_energy(x, by_energy.interval)
        columns = {"length": chord_length(x), "interval": by_energy.interval, "energy": energy}
        table = pd.DataFrame({key: values.double().numpy() for key, values in columns.items()})
        table.insert(0, "method", name)
        table.insert(0, "pair", range(len(table)))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _points(subject: Subject) -> pd.DataFrame:
    """Largest angle between neighbouring chords, for each number of points and each way to solve, without density."""
    import pandas as pd

    settings, (start, end, _) = subject.settings, subject.endpoints()
    tables = []
    for n_points in settings.points:
        share = (n_points - 1) / (settings.n_points - 1)  # of the limit, for the step that is half of it at 35 points
        solvers: dict[str, Solver] = {
            "newton": Newton(),
            "fixed": Algorithm1(share=0.5 * share, max_iterations=ITERATIONS),
            "below": Algorithm1(share=0.8, max_iterations=ITERATIONS),
            "above": Algorithm1(share=2.0, max_iterations=ITERATIONS),
        }
        for name, solver in solvers.items():
            path = interpolate(subject.manifold_with(0.0), start, end, "geodesic", n_points=n_points, solver=solver)
            angle = largest_angle(path.x)
            table = pd.DataFrame({"angle": angle.numpy(), "broken": (angle > BROKEN).numpy()})
            table.insert(0, "method", f"{name}_{n_points}")
            table.insert(0, "pair", range(len(table)))
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _spectra(subject: Subject) -> pd.DataFrame:
    """What nine components of the uncentred singular value decomposition hold of a person's images."""
    import pandas as pd

    images = read_yale(subject.label).images.flatten(1).double()
    _, values, directions = torch.linalg.svd(images, full_matrices=False)
    energy = values.square()
    held = (images @ directions[:9].mT).square().sum(-1) / images.square().sum(-1)
    numbers = {"nine": energy[:9].sum() / energy.sum(), "nine_of_image": held.mean(), "nine_of_worst": held.min()}
    return pd.DataFrame({name: [number.item()] for name, number in numbers.items()})


def _variations(subject: Subject) -> pd.DataFrame:
    """Straight line, geodesic and minimisers of the loss, with one setting changed."""
    settings = subject.settings
    up_to = tuple(mu for mu in settings.loss_weights[subject.name] if mu <= WEIGHT)
    few = settings.model_copy(update={"loss_weights": {subject.name: up_to}})
    more = replace(subject, pairs=settings.variation_pairs, settings=few)
    start, end, apart = more.endpoints()
    return tabulated(more, apart, minimisers(more, start, end))


MEASURES: dict[str, Callable[[Subject], pd.DataFrame]] = {
    "paths": paths_table,
    "samples": _samples,
    "cover": _cover,
    "noiseless": _noiseless,
    "energy": _energy,
    "points": _points,
    "spectra": _spectra,
    VARIATIONS: _variations,
}
"""The tables that can be made, by name."""
