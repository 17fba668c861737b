"""How many iterations each solver needs to come within a gap of the best value that any of them finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.contenders import Contender, Run
from benchmarks.device import DEVICE, clock
from benchmarks.problems import Problem
from benchmarks.sizes import GAP

__all__ = ["Entry", "hold"]


@dataclass(frozen=True)
class Entry:
    """One solver's recorded run on a problem.

    Attributes:
        contender: the solver.
        problem: the pairs it was tried on.
        run: what it left.
        seconds: of the recorded run.
        best: least value that any solver found, ``(P,)``.
        needed: iterations to the gap for each pair, None where the gap was never reached.
    """

    contender: Contender
    problem: Problem
    run: Run
    seconds: float
    best: NDArray[np.float64]
    needed: list[int | None]

    @property
    def scale(self) -> NDArray[np.float64]:
        """What gaps are measured by, ``(P,)``."""
        return _scale(self.problem, self.best)

    def gaps(self) -> NDArray[np.float64]:
        """Gaps where the recorded run ended, ``(P,)``."""
        return (np.array([trace[-1] for trace in self.run.traces]) - self.best) / self.scale

    def cut(self) -> tuple[Problem, list[int], NDArray[np.int64]]:
        """What is to be timed: the pairs, the iterations of each, and which of the pairs these are.

        A solver that takes the pairs one by one leaves those out that it never solves; one that takes all at once
        carries them along.
        """
        reached = np.flatnonzero([number is not None for number in self.needed])
        limits = [max(1, number or 0) for number in self.needed]
        if self.contender.together or len(reached) == len(limits):
            return self.problem, limits, reached
        return self.problem.select(reached.tolist()), [limits[index] for index in reached], reached


def hold(problem: Problem, contenders: Sequence[Contender]) -> dict[str, Entry]:
    """Record every solver on a problem; those named later may stop at the gap that the earlier ones have set."""
    runs: dict[str, tuple[Contender, Problem, Run, float]] = {}
    best = np.full(problem.n_pairs, np.inf)
    for contender in contenders:
        part = problem.first(min(contender.most, problem.n_pairs))
        n = part.n_pairs
        goal = torch.from_numpy(best[:n] + GAP * _scale(part, best[:n])).to(DEVICE) if runs else None
        began = clock()
        run = contender.solve(part, goal=goal)
        took = clock() - began
        runs[contender.name] = (contender, part, run, took if run.seconds is None else run.seconds)
        best[:n] = np.fmin(best[:n], [np.nanmin(np.where(np.isfinite(trace), trace, np.inf)) for trace in run.traces])
    return {
        name: Entry(contender, part, run, seconds, best[: part.n_pairs], _needed(part, run, best[: part.n_pairs]))
        for name, (contender, part, run, seconds) in runs.items()
    }


def _needed(problem: Problem, run: Run, best: NDArray[np.float64]) -> list[int | None]:
    goals = best + GAP * _scale(problem, best)
    return [
        next((index for index, value in enumerate(trace) if value <= goal), None)
        for trace, goal in zip(run.traces, goals, strict=True)
    ]


def _scale(problem: Problem, best: NDArray[np.float64]) -> NDArray[np.float64]:
    """What gaps are measured by: the best energy, or how far the best value is below that of the plain geodesic."""
    if problem.reference is None:
        return best
    reference: Tensor = problem.reference
    return np.maximum(reference.cpu().numpy() - best, 1e-6 * np.abs(best))
