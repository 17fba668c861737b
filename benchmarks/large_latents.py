"""The matrix-free solver: against the default one where both can work, and alone on a large generator.

Run it with ``python -m benchmarks.large_latents`` from the checkout; ``--points`` and ``--probes`` change the large
case. ``probes.csv`` compares it with :class:`~geodreg.Newton` on a small random decoder. ``large.csv`` has the seconds,
the peak of memory and the errors of one pair on a random convolutional generator of 512 latents and 128 x 128 pixels in
three colours, single precision: a row where nothing is estimated and one with that many probes, each solved in a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmarks.device import DEVICE, peak_mib
from benchmarks.provenance import record
from benchmarks.sizes import OUT
from geodreg import LatentManifold, MatrixFree, Newton, interpolate, log_volume_estimate, log_volume_gradient_estimate
from tests.generators import latents, random_convolutional, random_decoder

MU, SMALL_POINTS = 0.03, 15


def small() -> pd.DataFrame:
    """How far the matrix-free paths of a small decoder are from the dense ones, a row for each number of probes."""
    d = 16
    manifold = LatentManifold(random_decoder([d, 128, 256, 784], gain=1.5).to(DEVICE), noise=0.3)
    start, end = latents(4, d, seed=1).to(DEVICE), latents(4, d, seed=2).to(DEVICE)
    dense = interpolate(manifold, start, end, mu=MU, n_points=SMALL_POINTS, solver=Newton(tolerance=1e-9))
    geodesic = interpolate(manifold, start, end, "geodesic", n_points=SMALL_POINTS, solver=Newton(tolerance=1e-9))
    scale = (dense.z - geodesic.z).norm(dim=-1).amax(-1)  # what the density does to the path
    rows = []
    for n_probes in (4, 8, d):
        solver = MatrixFree(n_probes=n_probes, tolerance=1e-7)
        paths = interpolate(manifold, start, end, mu=MU, n_points=SMALL_POINTS, solver=solver)
        estimate = log_volume_estimate(manifold, paths.z, n_probes=n_probes)
        rows.append(
            {
                "probes": n_probes,
                "energy": _largest(paths.energy, dense.energy),
                "length": _largest(paths.length, dense.length),
                "path": ((paths.z - dense.z).norm(dim=-1).amax(-1) / scale).max().item(),
                "log_volume": (estimate.value - manifold.log_volume(paths.z)).abs().mean().item(),
                "standard_error": estimate.standard_error.mean().item(),
                "converged": int(paths.converged.sum()),
                "seconds": paths.seconds,
            }
        )
    return pd.DataFrame(rows)


def _largest(values: Tensor, others: Tensor) -> float:
    return ((values - others) / others).abs().max().item()


def large(n_points: int, n_probes: int | None, n_lanczos: int, budget: float) -> dict[str, Any]:
    """What one pair on the large generator takes; without probes nothing is estimated."""
    generator = random_convolutional([128, 64, 32, 16, 8], latent_dim=512).to(DEVICE)
    manifold = LatentManifold(generator, noise=0.1)
    start, end = latents(2, 512, seed=0, dtype=torch.float32).to(DEVICE)
    before = peak_mib() / 1024
    solver = MatrixFree(n_probes=n_probes, n_lanczos=n_lanczos, memory=budget)
    geodesic = interpolate(manifold, start, end, "geodesic", n_points=n_points, solver=solver)
    paths = interpolate(manifold, start, end, mu=MU, n_points=n_points, solver=solver, geodesic=geodesic)
    middle = paths.z[n_points // 2]
    volume = log_volume_estimate(manifold, middle, n_probes=n_probes, n_lanczos=n_lanczos)
    gradient = log_volume_gradient_estimate(manifold, middle, n_probes=n_probes, n_lanczos=n_lanczos)
    return {
        "latents": 512,
        "numbers": geodesic.x[0].numel(),
        "points": n_points,
        "probes": 512 if n_probes is None else n_probes,
        "lanczos": n_lanczos,
        "budget_gib": budget,
        "geodesic_status": str(geodesic.status),
        "geodesic_seconds": geodesic.seconds,
        "status": str(paths.status),
        "evaluations": paths.evaluations.item(),
        "seconds": paths.seconds,
        "before_gib": before,
        "peak_gib": peak_mib() / 1024,
        "log_volume": volume.value.item(),
        "log_volume_error": volume.standard_error.item(),
        "truncation": volume.truncation.item(),
        "gradient": gradient.value.norm().item(),
        "gradient_error": gradient.standard_error.norm().item(),
    }


def main() -> None:
    """Write both tables; the second one's numbers come from a process of its own, whose peak is its alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=9)
    parser.add_argument("--probes", type=int, default=8)
    parser.add_argument("--lanczos", type=int, default=24)
    parser.add_argument("--budget", type=float, default=1.0)
    parser.add_argument("--only-large", action="store_true")
    settings = parser.parse_args()
    if settings.only_large:
        print(json.dumps(large(settings.points, settings.probes or None, settings.lanczos, settings.budget)))
        return
    OUT.mkdir(parents=True, exist_ok=True)
    small().to_csv(OUT / "probes.csv", index=False, float_format="%.3g")
    found = []
    for probes in (0, settings.probes):
        given = [f"--{name}={getattr(settings, name)}" for name in ("points", "lanczos", "budget")]
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.large_latents", "--only-large", *given]
        command.append(f"--probes={probes}")
        found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    pd.DataFrame(found).to_csv(OUT / "large.csv", index=False, float_format="%.4g")
    record(["probes", "large"])


if __name__ == "__main__":
    main()
