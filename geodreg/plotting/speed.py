"""Time against the peers, and what a path costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from geodreg.models import zoo
from geodreg.paper.speed.tables import OURS, PowerLaw, readable
from geodreg.plotting.style import MODEL_COLOR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_cost", "plot_time_to_gap", "plot_trajectories"]

SOLVERS: dict[str, dict[str, Any]] = {
    OURS: {"marker": "o", "color": MODEL_COLOR, "markersize": 8},
    "L-BFGS (SciPy)": {"marker": "s", "color": "#c77f1a", "markersize": 6},
    "geomstats": {"marker": "^", "color": "#16858c", "markersize": 7},
    "stochman": {"marker": "D", "color": "#b4517e", "markersize": 5.5},
    "Adam": {"marker": "v", "color": "#6b6b6b", "markersize": 7},
    "Algorithm 1": {"marker": "X", "color": "#a39b1d", "markersize": 7},
    "GEORCE": {"marker": "P", "color": "#4a5fa8", "markersize": 7},
    "ProbGEORCE": {"marker": "P", "color": "#4a5fa8", "markersize": 7},
}
"""A shape and a colour for each solver; the methods' colours are for methods alone."""

TITLES = {"plain": "Plain geodesic", "regularised": "Density-regularised"}
NEVER = 2.6  # where a solver stands that never reaches the gap, as a multiple of the longest time
ASIDE = 1.5  # and the next one beside it
MOST_IN_A_ROW = 6  # names of a legend
LOWEST = 1e-7  # of what is drawn, where single precision ends


def plot_time_to_gap(times: pd.DataFrame, ratios: pd.DataFrame) -> Figure:
    """Seconds per pair to the gap, a row for each problem, with how many times the fastest peer takes.

    A solver that reaches the gap on some pairs only is drawn hollow; one that never does stands at the right.

    Args:
        times: from :func:`geodreg.paper.speed.tables.time_to_gap`; of the kinds ``"plain"`` and ``"regularised"``.
        ratios: from :func:`geodreg.paper.speed.tables.speedups`.
    """
    parts = [times[times["kind"] == kind] for kind in TITLES]
    heights = [len(_rows(part)) for part in parts]
    figure, axes = plt.subplots(
        2, 1, figsize=(7.2, 1.5 + 0.33 * sum(heights)), height_ratios=heights, sharex=True, layout="constrained"
    )
    longest = times["seconds"].max()
    never = longest * NEVER
    for kind, part, panel in zip(TITLES, parts, axes, strict=True):
        _draw_races(panel, part, ratios[ratios["kind"] == kind], never)
        panel.set_title(TITLES[kind], loc="left", fontweight="bold")
    axes[0].text(
        never * ASIDE, 1.01, "never", transform=axes[0].get_xaxis_transform(), ha="center", va="bottom", fontsize=8
    )
    axes[0].text(
        1.01, 1.01, "faster by", transform=axes[0].transAxes, ha="left", va="bottom", fontsize=8, fontweight="bold"
    )
    axes[-1].set(
        xscale="log",
        xlabel="seconds per pair to a gap of 0.001",
        xlim=(times["seconds"].min() / 1.6, never * ASIDE ** max(2, _most_absent(times) - 1) * 1.4),
    )
    _name_solvers(figure, times["solver"].unique().tolist())
    return figure


def plot_trajectories(trajectories: pd.DataFrame, start: str = "faces") -> Figure:
    """How far each solver is above the best objective that any of them finds, over time, a panel for each problem.

    Pairs are drawn as thin lines; a line begins at the first time at which a solver has more than its start.

    Args:
        trajectories: the benchmark's table of that name.
        start: how the names of the problems begin that are drawn.
    """
    part = trajectories[trajectories["problem"].str.startswith(start) & (trajectories["seconds"] > 0)]
    problems = list(part["problem"].unique())
    figure, axes = plt.subplots(1, len(problems), figsize=(7.2, 3.2), layout="constrained", sharey=True, squeeze=False)
    for problem, panel in zip(problems, axes[0], strict=True):
        here = part[part["problem"] == problem]
        best = here.groupby("pair")["objective"].min()
        for (pair, solver), line in here.groupby(["pair", "solver"], sort=False):
            excess = line["objective"].cummin() / best[pair] - 1.0
            style = {"color": SOLVERS[str(solver)]["color"], "linewidth": 2.0 if solver == OURS else 1.0}
            panel.plot(line["seconds"], excess.clip(lower=LOWEST), drawstyle="steps-post", **style)
        panel.set(xscale="log", yscale="log", xlabel="seconds", title=problem)
    axes[0][0].set_ylabel("objective above the best (fraction)")
    _name_solvers(figure, part["solver"].unique().tolist(), {"marker": "", "linestyle": "-", "linewidth": 2.0})
    return figure


def _name_solvers(figure: Figure, solvers: Sequence[str], look: dict[str, Any] | None = None) -> None:
    """A legend of those that are drawn, in two rows if they are many."""
    handles = [
        Line2D([], [], **{"linestyle": "", **style, **(look or {})}, label=name)
        for name, style in SOLVERS.items()
        if name in solvers
    ]
    columns = len(handles) if len(handles) <= MOST_IN_A_ROW else -(-len(handles) // 2)
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        handletextpad=0.1 if look is None else 0.6,
        columnspacing=1.2,
    )


def _most_absent(times: pd.DataFrame) -> int:
    """How many solvers there are at most on one problem that never reach the gap."""
    return int(times["seconds"].isna().groupby([times[name] for name in ("problem", "gain", "mu")]).sum().max())


def _rows(part: pd.DataFrame) -> pd.DataFrame:
    return part[["problem", "gain", "mu"]].drop_duplicates().reset_index(drop=True)


def _draw_races(axes: Axes, part: pd.DataFrame, ratios: pd.DataFrame, never: float) -> None:
    rows = _rows(part)
    several = {name for name, group in rows.groupby("problem") if len(set(group["mu"])) > 1}
    labels = []
    for height, (_, row) in enumerate(rows.iterrows()):
        here = part[(part["problem"] == row["problem"]) & (part["gain"] == row["gain"]) & (part["mu"] == row["mu"])]
        seconds, reached = (here.set_index("solver")[column] for column in ("seconds", "reached"))
        axes.plot([seconds.min(), seconds.max()], [height, height], color="#dcdcdc", linewidth=1.0, zorder=1)
        absent = [solver for solver in seconds.index if np.isnan(seconds[solver])]
        for solver, found in seconds.items():
            at = never * ASIDE ** absent.index(solver) if solver in absent else found
            style = SOLVERS[str(solver)]
            face = style["color"] if reached[solver] == 1.0 else "white"
            axes.plot(at, height, linestyle="", **style, markerfacecolor=face, zorder=3 if solver == OURS else 2)
        known = ratios[
            (ratios["problem"] == row["problem"]) & (ratios["gain"] == row["gain"]) & (ratios["mu"] == row["mu"])
        ].iloc[0]
        ratio = known["ratio"]
        text = "-" if np.isnan(ratio) else f"{'> ' if known['bound'] else ''}{readable(ratio)}×"
        axes.text(
            1.01, height, text,
            transform=axes.get_yaxis_transform(), ha="left", va="center", fontsize=9, fontweight="bold",
            color=MODEL_COLOR,
        )  # fmt: skip
        labels.append(_label(row, row["problem"] in several))
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)


def _label(row: pd.Series, with_weight: bool) -> str:
    if row["gain"] > 0:
        return f"{row['problem']}, gain {row['gain']:g}"
    name = zoo.TITLES.get(row["problem"], row["problem"])
    return rf"{name}, $\mu$ = {row['mu']:g}" if with_weight else name


def plot_cost(cost: pd.DataFrame, fits: dict[str, PowerLaw]) -> Figure:
    """Seconds of one evaluation with its gradient over the number of pairs, of points, and over the latent size.

    Args:
        cost: columns ``axis`` (``"pairs"``, ``"points"``, ``"latents"``), ``size``, ``seconds``.
        fits: a power law for each axis.
    """
    titles = {"pairs": ("pairs", "P"), "points": ("points of a path", "K"), "latents": ("latent size", "d")}
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.7), layout="constrained", sharey=True)
    for (axis, (title, letter)), panel in zip(titles.items(), axes, strict=True):
        part, fit = cost[cost["axis"] == axis].sort_values("size"), fits[axis]
        sizes = part["size"].to_numpy()
        panel.plot(sizes, fit(sizes), color="#bdb2cf", linewidth=2.5, solid_capstyle="round")
        panel.plot(sizes, part["seconds"], "o", color=MODEL_COLOR, markersize=5)
        panel.set(xscale="log", yscale="log", xlabel=f"{title} ${letter}$")
        panel.set_xticks(_ticks(sizes), [str(size) for size in _ticks(sizes)])
        panel.xaxis.minorticks_off()
        panel.grid(color="#eeeeee", linewidth=0.8)
        text = f"$\\propto {letter}^{{\\,{fit.exponent:.2f} \\pm {fit.error:.2f}}}$"
        panel.text(0.05, 0.95, text, transform=panel.transAxes, va="top", fontsize=12, color=MODEL_COLOR)
    axes[0].set_ylabel("seconds")
    return figure


def _ticks(sizes: NDArray[np.int64]) -> list[int]:
    """Every second size, if there are many."""
    return [int(size) for size in (sizes[::2] if len(sizes) > 4 else sizes)]
