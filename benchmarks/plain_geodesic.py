"""Plain geodesics on random decoders: the default solver against L-BFGS on the same chord energy, in the same run.

Run it with ``python -m benchmarks.plain_geodesic`` from the checkout. For each decoder and gain it prints, as medians
over pairs, the seconds that each solver takes to come within one part in 1,000 of the best energy that either ends
with, and their ratio. Both start from the straight line, in double precision, on the same threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from geodreg import LatentManifold, Newton
from geodreg.curve import chord_energy, straight
from geodreg.objective import PathObjective
from tests.generators import latents, random_decoder

GAP, N_POINTS, N_PAIRS = 1e-3, 35, 8


def newton_trace(generator: Callable[[Tensor], Tensor], start: Tensor, end: Tensor) -> list[tuple[float, float]]:
    """Seconds and energy after 1, 2, ... iterations, each from a fresh solve with that limit."""
    objective = PathObjective(LatentManifold(generator), 0.0, torch.ones(1, dtype=torch.float64))
    line, trace = straight(start[None], end[None], N_POINTS), []
    for limit in range(1, 200):
        began = time.perf_counter()
        solution = Newton(max_iterations=limit).solve(objective, line)
        trace.append((time.perf_counter() - began, solution.history[0, -1].item()))
        if solution.status[0] == "converged":
            break
    return trace


def lbfgs_trace(generator: Callable[[Tensor], Tensor], start: Tensor, end: Tensor) -> list[tuple[float, float]]:
    """Seconds and energy after every iteration of SciPy's L-BFGS with autograd's gradient."""
    line, trace = straight(start, end, N_POINTS), []

    def energy(interior: np.ndarray) -> tuple[float, np.ndarray]:
        z = torch.from_numpy(interior).view(N_POINTS - 2, -1).requires_grad_()
        value = chord_energy(generator(torch.cat([start[None], z, end[None]])), 1.0)
        value.backward()
        assert z.grad is not None
        return value.item(), z.grad.numpy().ravel()

    began = time.perf_counter()
    minimize(
        energy,
        line[1:-1].numpy().ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-14, "gtol": 1e-10, "maxcor": 20},
        callback=lambda intermediate_result: trace.append(
            (time.perf_counter() - began, float(intermediate_result.fun))
        ),
    )
    return trace


def seconds_to_gap(trace: list[tuple[float, float]], best: float) -> float:
    """First time at which the energy is within the gap of the best, infinite if never."""
    return next((seconds for seconds, energy in trace if energy <= best * (1 + GAP)), float("inf"))


def main() -> None:
    """Print the table."""
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {N_PAIRS} pairs, gap {GAP}")
    print(f"{'decoder':>18} {'gain':>5} {'newton s':>9} {'L-BFGS s':>9} {'ratio':>6}")
    for sizes in ((2, 64, 64, 50), (10, 256, 256, 784)):
        for gain in (1.2, 2.0):
            rows = []
            for pair in range(N_PAIRS):
                generator = random_decoder(sizes, gain, seed=pair)
                start, end = latents(2, sizes[0], seed=100 + pair)
                newton, lbfgs = newton_trace(generator, start, end), lbfgs_trace(generator, start, end)
                best = min(newton[-1][1], lbfgs[-1][1])
                rows.append((seconds_to_gap(newton, best), seconds_to_gap(lbfgs, best)))
            ours, theirs = np.median(np.array(rows), axis=0)
            ratio = np.median([b / a for a, b in rows])
            print(f"{'-'.join(map(str, sizes)):>18} {gain:5.1f} {ours:9.4f} {theirs:9.4f} {ratio:6.1f}")


if __name__ == "__main__":
    main()
