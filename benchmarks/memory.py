"""Peak of memory of a solve within a budget against the number of pairs, each in a process of its own.

Run it with ``python -m benchmarks.memory``; ``python -m benchmarks.memory 64`` is one of those processes.
"""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import torch

from benchmarks.device import peak_mib
from benchmarks.problems import model_problem, regularised_problem
from benchmarks.provenance import record
from benchmarks.sizes import OUT, SIZES
from geodreg import Newton, interpolate

BUDGET = 0.25  # GiB
STEPS = 3  # iterations; the peak is that of one of them


def peak(n_pairs: int) -> tuple[float, float]:
    """Peak of memory before and after the first iterations of a solve on the MNIST GAN, in MiB."""
    few = regularised_problem(model_problem("mnist-gan", 4), 0.1)
    problem = few.select([row % few.n_pairs for row in range(n_pairs)])
    before = peak_mib()
    interpolate(
        problem.manifold, problem.start, problem.end, mu=0.1, memory=BUDGET, solver=Newton(max_iterations=STEPS)
    )
    return before, peak_mib()


def main() -> None:
    """Write ``memory.csv``, or print the two numbers of one size."""
    if len(sys.argv) > 1:
        print(*peak(int(sys.argv[1])))
        return
    rows = []
    for n_pairs in SIZES.memory_pairs:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.memory", str(n_pairs)]
        before, after = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        rows.append((n_pairs, torch.get_num_threads(), BUDGET, round(before), round(after)))
    OUT.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=["pairs", "threads", "budget_gib", "before_mib", "peak_mib"])
    table.to_csv(OUT / "memory.csv", index=False)
    record(["memory"])
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
