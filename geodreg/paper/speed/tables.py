"""What the benchmark measured: what is read off its tables, and one small race that anybody can repeat."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from geodreg.geometry.curve import chord_energy, straight
from geodreg.geometry.manifold import LatentManifold
from geodreg.models.zoo import TITLES
from geodreg.objectives.dense import PathObjective
from geodreg.paper.speed.files import BenchmarkError, provenance, read_benchmark
from geodreg.paper.wording import percent
from geodreg.solvers import Newton

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NONE_SLOWER",
    "OURS",
    "BenchmarkError",
    "PowerLaw",
    "Race",
    "fit_power",
    "main_table",
    "probes_table",
    "provenance",
    "race_lbfgs",
    "read_benchmark",
    "readable",
    "share_at_best",
    "share_within_gap",
    "speedups",
    "time_to_gap",
    "where_slower",
    "work_ratio",
]

OURS = "geodreg"
OTHERWISE = ("Algorithm 1", "GEORCE", "ProbGEORCE")  # they do not minimise the objective
PROBLEM = ["kind", "problem", "gain", "mu"]  # the columns that tell problems apart
REPEATS = 5  # of each timing in the small race

NONE_SLOWER = "On none of these problems is a peer faster, per pair that comes within the gap."


def time_to_gap(races: pd.DataFrame) -> pd.DataFrame:
    """Seconds per pair to the gap for each problem and solver, and the fraction of pairs where it is reached.

    Args:
        races: the table of that name; several rows of one problem are decoders with other weights.

    Returns:
        columns ``kind, problem, gain, mu, solver``; ``seconds``, the median over decoders of the time divided by the
        pairs that reach the gap; ``at_least``, the time a pair of a run that ended without reaching it; ``reached``, a
        fraction; ``pairs``, ``converged`` (numbers), ``evaluations`` (the most that a pair took).
    """
    each = races.assign(seconds=races["seconds"] / races["reached"].where(races["reached"] > 0))
    each["at_least"] = (races["seconds_recorded"] / races["pairs"]).where(races["reached"] == 0)
    table = each.groupby([*PROBLEM, "solver"], sort=False).agg(
        seconds=("seconds", "median"),
        at_least=("at_least", "median"),
        within=("reached", "sum"),
        pairs=("pairs", "sum"),
        converged=("converged", "sum"),
        evaluations=("evaluations", "max"),
    )
    return table.assign(reached=table["within"] / table["pairs"]).drop(columns="within").reset_index()


def speedups(times: pd.DataFrame) -> pd.DataFrame:
    """How many times faster the default solver is than the fastest peer, for each problem.

    Args:
        times: from :func:`time_to_gap`.

    Returns:
        columns ``kind, problem, gain, mu``; ``ours`` and ``fastest``, seconds; ``peer``, its name; ``ratio``, not a
        number where the default solver does not reach the gap; ``bound``, whether the fastest peer had not reached the
        gap either when it was stopped, so that the ratio is at least that. Who minimises something else, as Algorithm
        1 and GEORCE do, counts only where it reaches it on every pair: it may pass there on its way to somewhere else.

    Example:
        >>> import pandas as pd
        >>> row = {"kind": "plain", "problem": "a", "gain": 1.0, "mu": 0.0}
        >>> rows = [row | {"solver": "geodreg", "seconds": 0.1}, row | {"solver": "x", "seconds": 0.5}]
        >>> rows = [row | {"at_least": None, "reached": 1.0} for row in rows]
        >>> float(speedups(pd.DataFrame(rows))["ratio"].item())
        5.0
    """
    import pandas as pd

    rows = []
    for key, part in times.groupby(PROBLEM, sort=False):
        by_solver = part.set_index("solver")
        ours, others = by_solver["seconds"][OURS], by_solver.drop(OURS)
        known = others["seconds"].fillna(others["at_least"].astype(float))
        known = known[~others.index.isin(OTHERWISE) | (others["reached"] == 1.0)]
        peer = str(known.idxmin())
        rows.append((*key, ours, known[peer], peer, known[peer] / ours, bool(np.isnan(others["seconds"][peer]))))
    return pd.DataFrame(rows, columns=[*PROBLEM, "ours", "fastest", "peer", "ratio", "bound"])


def readable(ratio: float) -> str:
    """A positive number as a reader wants it: whole from ten on, else with one decimal.

    Example:
        >>> readable(3.21), readable(9.96), readable(143.2)
        ('3.2', '10', '143')
    """
    return f"{ratio:.0f}" if round(ratio, 1) >= 10.0 else f"{ratio:.1f}"


def where_slower(ratios: pd.DataFrame) -> str:
    """A sentence on the problems on which a peer is faster.

    Args:
        ratios: from :func:`speedups`.
    """
    slower = ratios[ratios["ratio"] < 1.0]
    columns = (slower[name].to_list() for name in ("kind", "problem", "gain", "mu", "peer", "ratio"))
    found = [
        f"{TITLES.get(problem, problem)}{f', gain {gain:g}' if gain > 0 else ''}, "
        f"{f'weight {mu:g}' if mu > 0 else 'plain'}{', many pairs' if kind == 'together' else ''}: "
        f"{peer}, {readable(1.0 / ratio)} times"
        for kind, problem, gain, mu, peer, ratio in zip(*columns, strict=True)
    ]
    return f"A peer is faster on: {'; '.join(found)}." if found else NONE_SLOWER


def _bounded(value: float, bound: bool) -> str:
    return "" if np.isnan(value) else f"> {readable(value)}" if bound else readable(value)


def main_table(
    times: pd.DataFrame, ratios: pd.DataFrame, kinds: Sequence[str] = ("plain", "regularised")
) -> pd.DataFrame:
    """The ratios as a page shows them, a row for each problem, with the fraction of pairs within the gap.

    Args:
        times: from :func:`time_to_gap`.
        ratios: from :func:`speedups`.
        kinds: of problems.
    """
    import pandas as pd

    ours = times[times["solver"] == OURS].set_index(PROBLEM)
    rows = pd.concat([ratios[ratios["kind"] == kind] for kind in kinds])
    found = ours.loc[pd.MultiIndex.from_frame(rows[PROBLEM])]
    bounds = rows["bound"].to_list()
    return pd.DataFrame(
        {
            "Problem": [TITLES.get(name, name) for name in rows["problem"]],
            "Gain": [f"{gain:g}" if gain > 0 else "" for gain in rows["gain"]],
            "Weight": [f"{mu:g}" if mu > 0 else "plain" for mu in rows["mu"]],
            "Ours, ms per pair": [readable(1e3 * value) for value in rows["ours"]],
            "Fastest peer": rows["peer"].to_list(),
            "ms per pair": [_bounded(1e3 * value, bound) for value, bound in zip(rows["fastest"], bounds, strict=True)],
            "Faster by": [_bounded(value, bound) for value, bound in zip(rows["ratio"], bounds, strict=True)],
            "Within the gap": [percent(fraction) for fraction in found["reached"]],
        }
    )


def share_within_gap(times: pd.DataFrame) -> pd.DataFrame:
    """Fraction of its pairs on which each solver reaches the gap, plain and regularised, and of how many pairs.

    Args:
        times: from :func:`time_to_gap`.
    """
    import pandas as pd

    alone = times[times["kind"].isin(("plain", "regularised"))]
    sums = alone.assign(within=alone["reached"] * alone["pairs"]).groupby(["kind", "solver"])[["within", "pairs"]].sum()
    shares = (sums["within"] / sums["pairs"]).map(percent) + " of " + sums["pairs"].astype(str)
    solvers = alone["solver"].unique()
    columns = {f"{kind.capitalize()}, within the gap": kind for kind in ("plain", "regularised")}
    return pd.DataFrame(
        {
            "Solver": solvers,
            **{title: [shares.get((kind, name), "") for name in solvers] for title, kind in columns.items()},
        }
    )


def probes_table(probes: pd.DataFrame) -> pd.DataFrame:
    """What the number of probes of the matrix-free solver does, for reading.

    Args:
        probes: the table of that name.
    """
    names = {
        "probes": "Probes",
        "energy": "Energy",
        "length": "Length",
        "path": "Path",
        "log_volume": "Log-volume off by",
        "standard_error": "Its standard error",
        "seconds": "Seconds",
    }
    table = probes[list(names)].copy()
    for name in names:
        if name != "probes":
            table[name] = [f"{value:.2g}" for value in table[name]]
    return table.rename(columns=names)


def share_at_best(starts: pd.DataFrame, gap: float = 1e-3) -> pd.DataFrame:
    """Fractions of pairs within a gap of the best minimum known, for each start and for the better of the two.

    Args:
        starts: the table of that name.
        gap: relative to the energy, or to what the density gains.
    """
    within = starts.assign(**{start: starts[start] <= gap for start in ("straight", "graph", "both")})
    groups = within.groupby(["problem", "gain", "mu"], sort=False)
    table = groups.agg(
        Pairs=("pair", "size"),
        Straight=("straight", "mean"),
        Graph=("graph", "mean"),
        **{"Better of both": ("both", "mean")},
    ).reset_index()
    for start in ("Straight", "Graph", "Better of both"):
        table[start] = [percent(fraction) for fraction in table[start]]
    table["gain"] = [f"{gain:g}" if gain > 0 else "" for gain in table["gain"]]
    table["mu"] = [f"{mu:g}" if mu > 0 else "plain" for mu in table["mu"]]
    table["problem"] = [TITLES.get(name, name) for name in table["problem"]]
    return table.rename(columns={"problem": "Problem", "gain": "Gain", "mu": "Weight"})


@dataclass(frozen=True)
class PowerLaw:
    """A power law ``factor * size ** exponent``, and the standard error of its exponent."""

    factor: float
    exponent: float
    error: float

    def __call__(self, sizes: ArrayLike) -> NDArray[np.float64]:
        """Its values."""
        return self.factor * np.asarray(sizes, dtype=float) ** self.exponent


def fit_power(sizes: ArrayLike, values: ArrayLike) -> PowerLaw:
    """The power law through positive values, by least squares on the logarithms.

    Example:
        >>> round(fit_power([1, 2, 4], [3.0, 12.0, 48.0]).exponent, 6)
        2.0
    """
    from scipy.stats import linregress

    fit = linregress(np.log(np.asarray(sizes, dtype=float)), np.log(np.asarray(values, dtype=float)))
    return PowerLaw(float(np.exp(fit.intercept)), float(fit.slope), float(fit.stderr))


def work_ratio(machine: pd.DataFrame) -> float:
    """Time of one evaluation over that of its multiply-adds at the rate of the same matrix products.

    Args:
        machine: the table of that name, with the rows ``evaluation`` and ``products``.
    """
    rows = machine.set_index("what")
    rate = rows["multiply_adds"]["products"] / rows["seconds"]["products"]
    return float(rows["seconds"]["evaluation"] * rate / rows["multiply_adds"]["evaluation"])


@dataclass(frozen=True)
class Race:
    """Seconds, and iterations, to the gap of the best energy that either solver finds."""

    ours: float
    lbfgs: float
    ours_iterations: int
    lbfgs_iterations: int

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.lbfgs / self.ours


def race_lbfgs(manifold: LatentManifold, start: Tensor, end: Tensor, n_points: int = 35, gap: float = 1e-3) -> Race:
    """The default solver against SciPy's L-BFGS with autograd's gradient, on one plain geodesic.

    Both start from the straight line. One run of each counts the iterations to the gap; then runs cut at those numbers
    are timed.

    Args:
        manifold: the model.
        start: ``(d,)``.
        end: ``(d,)``.
        n_points: points of the path.
        gap: of the energy, relative to the best.

    Raises:
        ValueError: if one of the two never comes within the gap of the other.
    """
    line = straight(start, end, n_points)[None]
    objective = PathObjective(manifold, 0.0, torch.ones(1, dtype=torch.float64, device=line.device))

    def ours(limit: int) -> list[float]:
        history: list[float] = Newton(max_iterations=limit).solve(objective, line).history[0].tolist()
        return history

    def lbfgs(limit: int) -> list[float]:
        return _lbfgs_energies(manifold, line[0], limit)

    energies = ours(300), lbfgs(3000)
    best = min(map(min, energies))
    needed = [next((i for i, energy in enumerate(run) if energy <= best * (1 + gap)), None) for run in energies]
    if needed[0] is None or needed[1] is None:
        raise ValueError("One of the two solvers finds another minimum on this pair; choose another pair.")
    limits = max(1, needed[0]), max(1, needed[1])
    return Race(_median_seconds(ours, limits[0]), _median_seconds(lbfgs, limits[1]), *limits)


def _lbfgs_energies(manifold: LatentManifold, line: Tensor, limit: int) -> list[float]:
    """Chord energies after each iteration of L-BFGS."""
    from scipy.optimize import OptimizeResult, minimize

    def energy(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = torch.from_numpy(flat).to(line).view_as(line[1:-1]).requires_grad_()
        value = chord_energy(manifold.generator(torch.cat([line[:1], z, line[-1:]])).flatten(1), 1.0)
        (gradient,) = torch.autograd.grad(value, z)
        return value.item(), gradient.double().cpu().numpy().ravel()

    start = line[1:-1].double().cpu().numpy().ravel()
    energies: list[float] = [energy(start)[0]]

    def note(intermediate_result: OptimizeResult) -> None:
        energies.append(float(intermediate_result.fun))

    options = {"maxiter": limit, "maxfun": 10 * limit + 100, "maxcor": 20, "ftol": 1e-13, "gtol": 1e-10}
    minimize(energy, start, jac=True, method="L-BFGS-B", options=options, callback=note)
    return energies


def _median_seconds(solve: Any, limit: int) -> float:  # noqa: ANN401 - a callable that takes a limit
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        solve(limit)
        times.append(time.perf_counter() - began)
    return float(np.median(times))
