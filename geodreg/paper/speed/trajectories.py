"""Objectives over time: who is where when, and with how much memory; and what left-point sums hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geodreg.models.zoo import TITLES
from geodreg.paper.speed.tables import OURS, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = [
    "LEFT_POINT",
    "at_times",
    "left_point_table",
    "sooner",
    "sooner_table",
    "trajectory_claims",
    "where_behind",
]

LBFGS = "L-BFGS (SciPy)"
LEFT_POINT = ("GEORCE", "ProbGEORCE")  # what they minimise is not the objective
PAIR = ["problem", "points", "mu", "pair"]  # the columns that tell the pairs apart
MARGINS = (0.0, 0.001, 0.01)  # above that energy, for the table
TIMES = (1.0, 10.0, 60.0)  # seconds
LEAD = 0.001  # of the objective, from which on one solver counts as ahead of another
PATIENCE, LEAST = 60.0, 5.0  # seconds that L-BFGS gets on a pair of faces, and how many times sooner ours is there


def at_times(trajectories: pd.DataFrame, seconds: Sequence[float] = TIMES) -> pd.DataFrame:
    """The least objective that each solver has in hand after some times on the first pair, for reading.

    Args:
        trajectories: the table of that name.
        seconds: the times.

    Returns:
        a row for each problem and solver: on the first pair, on which all of them are followed, the objective after
        each time, empty before a solver has anything but its start and where it was not followed as long, and the
        memory that it took beyond what was there before, in MiB.
    """
    import pandas as pd

    rows = []
    for (problem, solver), part in _first_pairs(trajectories).groupby(["problem", "solver"], sort=False):
        row: dict[str, object] = {"Problem": problem, "Solver": solver}
        for time in seconds:
            found = _in_hand(part, time, least=1)
            row[f"after {time:g} s"] = "" if np.isnan(found) else f"{found:.6g}"
        row["MiB"] = f"{(part['peak_mib'] - part['before_mib']).max():.0f}"
        rows.append(row)
    return pd.DataFrame(rows)


def where_behind(trajectories: pd.DataFrame, seconds: Sequence[float] = TIMES) -> str:
    """A sentence on when and where a peer has a lower objective in hand than the default solver, by 0.1 % or more.

    Args:
        trajectories: the table of that name; of each pair the times count up to which the default solver was followed.
        seconds: the times.
    """
    found = []
    for time in seconds:
        for problem, part in trajectories.groupby("problem", sort=False):
            ahead: dict[str, list[str]] = {}
            pairs = part["pair"].unique()
            for pair in pairs:
                for name in _ahead(part[part["pair"] == pair], time):
                    ahead.setdefault(name, []).append(str(pair + 1))
            if ahead:
                several = len(pairs) > 1
                peers = [f"{name}{f' ({_listed(own)})' if several else ''}" for name, own in ahead.items()]
                found.append(f"{problem}, after {time:g} s: {', '.join(peers)}")
    if not found:
        return "At none of these times is a peer ahead of the default solver by 0.1 % or more, on any pair."
    return f"A peer is ahead of the default solver by 0.1 % or more on {'; '.join(found)}."


def _ahead(pair: pd.DataFrame, time: float) -> list[str]:
    """The peers that have a lower objective in hand than the default solver on a pair by a time."""
    ours = _in_hand(pair[pair["solver"] == OURS], time)
    values = {str(name): _in_hand(own, time, least=1) for name, own in pair.groupby("solver", sort=False)}
    return [name for name, value in values.items() if value < ours - LEAD * abs(ours)]


def _listed(pairs: Sequence[str]) -> str:
    *first, last = pairs
    return f"pairs {', '.join(first)} and {last}" if first else f"pair {last}"


def _first_pairs(trajectories: pd.DataFrame) -> pd.DataFrame:
    return trajectories[trajectories["pair"] == trajectories.groupby("problem")["pair"].transform("min")]


def _in_hand(part: pd.DataFrame, time: float, least: int = 0) -> float:
    """The least objective of a solver on a pair by a time, once it has done so many iterations; NaN if not followed."""
    if part["seconds"].max() < time and not part["at_rest"].all():
        return float("nan")
    return float(part.loc[(part["seconds"] <= time) & (part["iterations"] >= least), "objective"].min())


def sooner(
    trajectories: pd.DataFrame, patience: float = PATIENCE, than: str = LBFGS, above: float = 0.0
) -> pd.DataFrame:
    """How many times sooner each solver reaches the objective that one of them has when its time is over.

    Args:
        trajectories: the table of that name.
        patience: seconds that this one gets.
        than: its name.
        above: fraction by which the objective to be reached lies above that one.

    Returns:
        columns ``problem, points, mu, pair, solver``; ``goal``, the objective to be reached; ``seconds``, when it is
        in hand, not a number where it never is; ``ratio``, how many times sooner that is than ``than`` had it.

    Example:
        >>> import pandas as pd
        >>> common = {"problem": "a", "points": 3, "mu": 0.0, "pair": 0}
        >>> steps = [("L-BFGS (SciPy)", 8.0, 4.0), ("L-BFGS (SciPy)", 40.0, 2.0), ("geodreg", 4.0, 1.5)]
        >>> rows = [common | {"solver": name, "seconds": at, "objective": value} for name, at, value in steps]
        >>> sooner(pd.DataFrame(rows))["ratio"].tolist()
        [1.0, 10.0]
    """
    import pandas as pd

    rows = []
    for key, part in trajectories.groupby(PAIR, sort=False):
        theirs = part[(part["solver"] == than) & (part["seconds"] <= patience)]
        least = theirs["objective"].min()
        goal = least + above * abs(least)
        first = theirs.loc[theirs["objective"] <= goal, "seconds"].min()
        for solver, own in part.groupby("solver", sort=False):
            reached = own.loc[own["objective"] <= goal, "seconds"].min()
            rows.append((*key, solver, goal, reached, first / reached))
    return pd.DataFrame(rows, columns=[*PAIR, "solver", "goal", "seconds", "ratio"])


def sooner_table(trajectories: pd.DataFrame) -> pd.DataFrame:
    """How many times sooner than L-BFGS the default solver reaches its energies on the faces, for reading.

    Args:
        trajectories: the table of that name.
    """
    import pandas as pd

    faces = trajectories[trajectories["problem"].str.startswith("faces")]
    found: dict[str, list[object]] = {}
    for margin in MARGINS:
        table = sooner(faces, above=margin)
        ours = table[table["solver"] == OURS]
        found.setdefault("Points", list(ours["points"]))
        found.setdefault("Pair", [pair + 1 for pair in ours["pair"]])
        found.setdefault(f"Energy of L-BFGS after {PATIENCE:g} s", [f"{goal:.6g}" for goal in ours["goal"]])
        name = "Times sooner" if margin == 0.0 else f"to {100.0 * margin:g} %"
        found[name] = ["not reached" if np.isnan(ratio) else readable(ratio) for ratio in ours["ratio"]]
    return pd.DataFrame(found)


def left_point_table(races: pd.DataFrame) -> pd.DataFrame:
    """What those who minimise left-point sums say of themselves, and what the chords say of them, for reading.

    Args:
        races: the table of that name; each number is the median over pairs, or over decoders.
    """
    import pandas as pd

    part = races[races["solver"].isin(LEFT_POINT) & (races["kind"] != "together")]
    columns = ["own_start", "own_end", "objective_end", "objective_best"]
    found = part.groupby(["problem", "gain", "mu"], sort=False)[columns].median().reset_index()
    return pd.DataFrame(
        {
            "Problem": [TITLES.get(name, name) for name in found["problem"]],
            "Gain": [f"{gain:g}" if gain > 0 else "" for gain in found["gain"]],
            "Weight": [f"{mu:g}" if mu > 0 else "plain" for mu in found["mu"]],
            "Left-point sum, at the start": _in_digits(found["own_start"]),
            "where it stops": _in_digits(found["own_end"]),
            "Objective on chords, there": _in_digits(found["objective_end"]),
            "at its minimum": _in_digits(found["objective_best"]),
        }
    )


def _in_digits(values: pd.Series) -> list[str]:
    """Numbers with four digits, or all before the point, without a power of ten."""
    return [f"{value:.4g}" if abs(value) < 9999.5 else f"{value:.0f}" for value in values]


def trajectory_claims(trajectories: pd.DataFrame) -> list[tuple[str, str, bool]]:
    """Statement, measured value in words and outcome, for the faces that somebody else's generator makes.

    Args:
        trajectories: the table of that name.
    """
    table = sooner(trajectories)
    ours = table[(table["solver"] == OURS) & table["problem"].str.startswith("faces")]
    rows = []
    for points, part in ours.groupby("points"):
        least = part["ratio"].min(skipna=False)
        enough = int((part["ratio"] >= LEAST).sum())
        said = f"on {enough} of {len(part)} pairs" if enough < len(part) else f"{readable(least)} times at least"
        statement = (
            f"Face DCGAN, {points} points: the energy that L-BFGS has after {PATIENCE:g} s is reached {LEAST:g} times "
            "sooner on every pair"
        )
        rows.append((statement, said, bool(least >= LEAST)))
    return rows
