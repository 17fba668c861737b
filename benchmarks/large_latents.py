"""The matrix-free solver: against the default one where both can work, and alone on a large generator.

Run it with ``python -m benchmarks.large_latents`` from the checkout; ``--points`` and ``--probes`` change the large
case. The first table compares it with :class:`~geodreg.Newton` on a small random decoder. The second part solves one
pair on a random convolutional generator of 512 latents and 128 x 128 pixels in three colours, single precision, in a
process of its own, and prints the seconds and the peak of that process's memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import torch
from torch import Tensor

from geodreg import LatentManifold, MatrixFree, Newton, interpolate, log_volume_estimate, log_volume_gradient_estimate
from tests.generators import latents, random_convolutional, random_decoder

MU, SMALL_POINTS = 0.03, 15


def peak() -> float:
    """Largest resident memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def small() -> None:
    """Print how far the matrix-free paths of a small decoder are from the dense ones, by number of probes."""
    d = 16
    manifold = LatentManifold(random_decoder([d, 128, 256, 784], gain=1.5), noise=0.3)
    start, end = latents(4, d, seed=1), latents(4, d, seed=2)
    dense = interpolate(manifold, start, end, mu=MU, n_points=SMALL_POINTS, solver=Newton(tolerance=1e-9))
    geodesic = interpolate(manifold, start, end, "geodesic", n_points=SMALL_POINTS, solver=Newton(tolerance=1e-9))
    print(f"d = {d}, D = 784, 4 pairs, {SMALL_POINTS} points, mu {MU}; largest relative difference from Newton")
    print(f"{'probes':>8} {'energy':>8} {'length':>8} {'path':>8} {'log-volume':>11} {'its error':>10} {'seconds':>8}")
    scale = (dense.z - geodesic.z).norm(dim=-1).amax(-1)  # what the density does to the path
    for n_probes in (4, 8, d):
        began = time.perf_counter()
        paths = interpolate(
            manifold, start, end, mu=MU, n_points=SMALL_POINTS, solver=MatrixFree(n_probes=n_probes, tolerance=1e-7)
        )
        seconds = time.perf_counter() - began
        estimate = log_volume_estimate(manifold, paths.z, n_probes=n_probes)
        off = (estimate.value - manifold.log_volume(paths.z)).abs()
        print(
            f"{n_probes:8d} {_largest(paths.energy, dense.energy):8.1e} {_largest(paths.length, dense.length):8.1e} "
            f"{((paths.z - dense.z).norm(dim=-1).amax(-1) / scale).max():8.1e} {off.mean():11.1e} "
            f"{estimate.standard_error.mean():10.1e} {seconds:8.1f}  converged {int(paths.converged.sum())} of 4"
        )


def _largest(values: Tensor, others: Tensor) -> float:
    return ((values - others) / others).abs().max().item()


def large(n_points: int, n_probes: int, n_lanczos: int, budget: float) -> None:
    """Solve one pair on the large generator, and print what it took."""
    generator = random_convolutional([128, 64, 32, 16, 8], latent_dim=512)
    manifold = LatentManifold(generator, noise=0.1)
    start, end = latents(2, 512, seed=0, dtype=torch.float32)
    before = peak()
    solver = MatrixFree(n_probes=n_probes, n_lanczos=n_lanczos, budget=budget)
    for method in ("geodesic", "geodreg"):
        began = time.perf_counter()
        paths = interpolate(manifold, start, end, method, mu=MU, n_points=n_points, solver=solver)
        print(
            f"{method}: {paths.status}, {int(paths.iterations)} iterations, {time.perf_counter() - began:.0f} s, "
            f"length {paths.length:.2f}, energy {paths.energy:.3f}, objective {paths.objective:.3f}, largest nll "
            f"{paths.nll.max():.1f}, peak {peak():.2f} GiB, {peak() - before:.2f} above that of the imports",
            flush=True,
        )
    middle = paths.z[n_points // 2]
    value, error, truncation = log_volume_estimate(manifold, middle, n_probes=n_probes, n_lanczos=n_lanczos)
    gradient = log_volume_gradient_estimate(manifold, middle, n_probes=n_probes, n_lanczos=n_lanczos)
    print(
        f"log-volume in the middle {value:.2f}, standard error {error:.2f}, truncation {truncation:.1e}; "
        f"its gradient {gradient.value.norm():.2f}, standard error {gradient.standard_error.norm():.2f}"
    )


def main() -> None:
    """Print both parts; the second one in a process of its own, whose peak is its alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=15)
    parser.add_argument("--probes", type=int, default=8)
    parser.add_argument("--lanczos", type=int, default=24)
    parser.add_argument("--budget", type=float, default=1.0)
    parser.add_argument("--only-large", action="store_true")
    settings = parser.parse_args()
    if settings.only_large:
        large(settings.points, settings.probes, settings.lanczos, settings.budget)
        return
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    small()
    given = [f"--{name}={getattr(settings, name)}" for name in ("points", "probes", "lanczos", "budget")]
    print(f"d = 512, D = 49152, single precision, {' '.join(given)}", flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.large_latents", "--only-large", *given], check=True)


if __name__ == "__main__":
    main()
