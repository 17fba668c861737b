"""Time to a gap of one part in 1,000 of the best: plain and regularised paths, ours and the peers'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.contenders import Adam, Contender, Lbfgs, Ours, PaperAlgorithm
from benchmarks.device import DEVICE, waiting
from benchmarks.georce import Georce, ProbGeorce
from benchmarks.libraries import Geomstats, Stochman
from benchmarks.problems import Problem, model_problem, random_problem, regularised_problem
from benchmarks.race import Entry, hold
from benchmarks.sizes import SIZES

DECODERS = ((2, 64, 64, 50), (10, 256, 256, 784))
ADAM = Adam()  # it keeps the learning rates that it has chosen
GEOMSTATS = (Geomstats(),) if DEVICE.type == "cpu" else ()  # its backend makes its tensors there
PLAIN: tuple[Contender, ...] = (Ours(), Lbfgs(), *GEOMSTATS, Stochman(), Georce())
TOGETHER: tuple[Contender, ...] = (
    Ours(), Lbfgs(), *(Geomstats(stops_at_goal=True) for _ in GEOMSTATS), Stochman(together=True), Georce(),
)  # fmt: skip
REGULARISED: tuple[Contender, ...] = (Ours(), Lbfgs(), ADAM, PaperAlgorithm(), ProbGeorce())
COSTLY_PLAIN: tuple[Contender, ...] = (
    Ours(),
    Lbfgs(SIZES.lbfgs_faces),
    Stochman(own_limit=SIZES.lbfgs_faces),
    Georce(),
)
COSTLY: tuple[Contender, ...] = (Ours(), Lbfgs(SIZES.lbfgs_faces), PaperAlgorithm(), ProbGeorce())


@dataclass(frozen=True)
class Case:
    """A problem of the benchmark and who competes on it."""

    name: str
    build: Callable[[], Problem]
    contenders: tuple[Contender, ...]


def cases() -> list[Case]:
    """All problems, cheap ones first."""
    found = []
    for sizes in DECODERS:
        shape = "-".join(map(str, sizes))
        for gain in SIZES.gains:
            found += [
                Case(f"plain-{shape}-{gain}-{seed}", partial(random_problem, sizes, gain, seed), PLAIN)
                for seed in range(SIZES.decoders)
            ]
            for seed in range(SIZES.decoders_regularised):
                build = partial(_regularised, partial(random_problem, sizes, gain, seed), 0.1)
                found.append(Case(f"regularised-{shape}-{gain}-{seed}", build, REGULARISED))
            if gain <= 2.0:
                build = partial(random_problem, sizes, gain, 0, SIZES.together)
                found.append(Case(f"together-{shape}-{gain}", build, TOGETHER))
    double = torch.float64
    for name, number in (("mnist-gan", SIZES.digits_plain), ("mnist-vae", SIZES.digits_plain)):
        found.append(Case(f"plain-{name}", partial(model_problem, name, number, double), PLAIN))
    found.append(Case("plain-yale-dcgan", partial(model_problem, "yale-dcgan", SIZES.faces_plain), COSTLY_PLAIN))
    for mu in SIZES.weights:
        build = partial(_regularised, partial(model_problem, "mnist-gan", SIZES.digits), mu)
        found.append(Case(f"regularised-mnist-gan-{mu}", build, REGULARISED))
    build = partial(_regularised, partial(model_problem, "mnist-vae", SIZES.digits_vae), 0.1)
    found.append(Case("regularised-mnist-vae-0.1", build, REGULARISED))
    build = partial(_regularised, partial(model_problem, "yale-dcgan", SIZES.faces), 0.1)
    found.append(Case("regularised-yale-dcgan-0.1", build, COSTLY))
    return found


def _regularised(plain: Callable[[], Problem], mu: float) -> Problem:
    return regularised_problem(plain(), mu)


CASES = {case.name: case for case in cases()}
RUNS = [(case.name, contender.name) for case in CASES.values() for contender in case.contenders]


@lru_cache(maxsize=1)  # the runs of one case follow each other
def recorded(name: str) -> dict[str, Entry]:
    case = CASES[name]
    return hold(case.build(), case.contenders)


@pytest.mark.parametrize(("name", "contender"), RUNS)
def bench_race(benchmark: Any, name: str, contender: str) -> None:
    entry = recorded(name)[contender]
    whole = entry.problem
    problem, limits, reached = entry.cut()
    longest = max((len(trace) - 1 for trace in entry.run.traces), default=1)
    expected = entry.seconds * max(limits, default=0) / max(1, longest)
    gaps = np.full(whole.n_pairs, np.nan)
    if len(reached):
        short = expected < SIZES.seconds
        run = benchmark.pedantic(
            waiting(entry.contender.solve), args=(problem, limits), rounds=5 if short else 1, warmup_rounds=int(short)
        )
        values = problem.objective.value(run.z).cpu().numpy()
        rows = np.arange(whole.n_pairs) if problem is whole else reached
        gaps[rows] = (values - entry.best[rows]) / entry.scale[rows]
    else:
        benchmark.pedantic(lambda: None)  # it is never there, so there is no time
    benchmark.extra_info.update(
        table="races",
        kind=name.split("-")[0],
        case=name,
        problem=whole.name,
        gain=whole.gain,
        mu=whole.mu,
        noise=whole.manifold.noise if whole.mu else 0.0,
        dtype=str(whole.start.dtype).removeprefix("torch."),
        solver=contender,
        pairs=whole.n_pairs,
        reached=len(reached),
        seconds_recorded=round(entry.seconds, 4),
        iterations=float(np.median([limits[i] for i in range(len(limits))])) if len(reached) else None,
        evaluations=max(entry.run.evaluations),
        converged=sum(entry.run.converged),
        unbounded=entry.run.unbounded,
        gap_timed=float(np.max(gaps[reached])) if len(reached) else None,
        gap_own_end=float(np.median(entry.gaps())),
        objective_end=_middle(entry.run.traces, -1),
        objective_best=float(np.median(entry.best)),
        own_start=_middle(entry.run.own, 0),
        own_end=_middle(entry.run.own, -1),
    )


def _middle(traces: list[list[float]], place: int) -> float | None:
    """Median over pairs of one value of each; none where there are none."""
    return float(np.median([trace[place] for trace in traces])) if traces else None
