"""The objective over time, and the peak of memory, of every contender, each on a pair in a process of its own.

Run it with ``python -m benchmarks.trajectories``; with the name of a problem, that of a solver and the number of a pair
it is one of those processes. A solver that tells its clock runs once, until the budget of seconds is spent. One that
does not is run again and again from its start, cut at 1, 2, 3, 4, 6, 8, 11, ... iterations, and each such run is timed
whole, until one takes a third of the budget: all of them together take about the whole of it. So what is noted is in
hand after that time, with Jacobians and starts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from benchmarks.contenders import Adam, Contender, Lbfgs, Ours, PaperAlgorithm
from benchmarks.device import DEVICE, clock, forget_peak, peak_mib
from benchmarks.georce import Georce, ProbGeorce
from benchmarks.libraries import Geomstats, Stochman
from benchmarks.problems import Problem, face_problem, model_problem, random_problem, regularised_problem
from benchmarks.provenance import record
from benchmarks.sizes import OUT, SIZES

__all__ = ["PROBLEMS", "SOLVERS", "followed"]

UNENDING = 10**6  # iterations of L-BFGS, which the budget ends
RERUN = 3.0  # the part of the budget up to which a solver is run again; all of its runs take three times the last one
CUTS = sorted({round(2 ** (half / 2)) for half in range(23)})  # iterations, up to 2048


def _digits(mu: float) -> Problem:
    return regularised_problem(model_problem("mnist-gan", 1), mu)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "small decoder": partial(random_problem, (2, 64, 64, 50), 2.0, 0),
    "large decoder": partial(random_problem, (10, 256, 256, 784), 2.0, 0),
    **{f"digits, weight {mu:g}": partial(_digits, mu) for mu in SIZES.weights_followed},
    **{f"faces, {number} points": partial(face_problem, SIZES.face_pairs, number) for number in SIZES.face_points},
}
SOLVERS: dict[str, Contender] = {
    solver.name: solver
    for solver in (
        Ours(), Lbfgs(UNENDING), Georce(), ProbGeorce(), Stochman(own_limit=UNENDING), Geomstats(), Adam(),
        PaperAlgorithm(),
    )
}  # fmt: skip


def competing(name: str, pair: int = 0) -> list[str]:
    """The solvers that are followed on a pair; on the faces geomstats would be L-BFGS again, in double precision.

    On all pairs of faces but the first there are only ours and L-BFGS, which the claims compare.
    """
    if name.startswith("digits"):
        return ["geodreg", "L-BFGS (SciPy)", "ProbGEORCE", "Adam", "Algorithm 1"]
    peers = ["geodreg", "L-BFGS (SciPy)", "GEORCE", "stochman", "geomstats"]
    if name.startswith("faces"):
        return peers[:2] if pair else peers[:-1]
    return peers if DEVICE.type == "cpu" else peers[:-1]


def followed(problem: Problem, solver: Contender, budget: float) -> list[dict[str, Any]]:
    """Iterations, seconds and the objective then, of one solver on one pair; its own value too, where that differs.

    Every row also says whether the solver was at rest when it was left, so that its last value holds for later times.

    Args:
        problem: the pair.
        solver: the solver.
        budget: seconds; the last row may be later.
    """
    solver.solve(problem, [1])  # what is only slow the first time
    run = solver.solve(problem, deadline=budget) if isinstance(solver, Lbfgs | Georce) else None
    if run is not None:
        own = run.own[0] if run.own else [None] * len(run.traces[0])
        resting = run.clock[0][-1] <= budget
        rows = zip(run.clock[0], run.traces[0], own, strict=True)
        return [
            {"iterations": index, "seconds": seconds, "objective": value, "own": left, "at_rest": resting}
            for index, (seconds, value, left) in enumerate(rows)
        ]
    at_rest = False
    found = [{"iterations": 0, "seconds": 0.0, "objective": problem.objective.value(problem.line).item(), "own": None}]
    for cut in CUTS:
        began = clock()
        z = solver.solve(problem, [cut]).z
        seconds, value = clock() - began, problem.objective.value(z).item()
        if value == found[-1]["objective"]:  # it had come to rest before
            at_rest = True
            break
        found.append({"iterations": cut, "seconds": seconds, "objective": value, "own": None})
        if seconds > budget / RERUN:
            break
    return [{**row, "at_rest": at_rest} for row in found]


def one(name: str, solver: str, pair: int) -> list[dict[str, Any]]:
    """The rows of one process."""
    problem = PROBLEMS[name]().pair(pair)
    forget_peak()  # of the plain geodesic that the problem may need
    before = peak_mib()
    rows = followed(problem, SOLVERS[solver], SIZES.budget)
    same: dict[str, Any] = {
        "problem": name,
        "points": problem.n_points,
        "mu": problem.mu,
        "pair": pair,
        "solver": solver,
    }
    memory = {"before_mib": round(before), "peak_mib": round(peak_mib())}
    return [{**same, **row, **memory} for row in rows]


def main() -> None:
    """Write ``trajectories.csv``, or print the rows of one process."""
    if len(sys.argv) > 1:
        named, which, number = sys.argv[1:]
        print(json.dumps(one(named, which, int(number))))
        return
    rows: list[dict[str, Any]] = []
    for name in PROBLEMS:
        for pair in range(SIZES.face_pairs if name.startswith("faces") else 1):
            for solver in competing(name, pair):
                command = [sys.executable, "-W", "ignore", "-m", "benchmarks.trajectories", name, solver, str(pair)]
                run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                found = json.loads(run.stdout.splitlines()[-1])
                rows += found
                last = found[-1]
                print(
                    f"{name}, pair {pair}, {solver}: {last['objective']:.6g} after {last['seconds']:.3g} s", flush=True
                )
    OUT.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(OUT / "trajectories.csv", index=False, float_format="%.8g")
    record(["trajectories"])


if __name__ == "__main__":
    main()
