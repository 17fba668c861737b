"""How often a solve ends at the best minimum that many restarts find, from the straight start and from the graph's.

Run it with ``python -m benchmarks.starts``. On every pair the best value known comes from our solver from all start
curves, and on hard decoders from L-BFGS from some of them: the straight line (with a density, the geodesic found from
it, where such a solve starts), the graph's path, and the straight line plus sine modes with random amplitudes up to the
distance of the endpoints.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.contenders import Lbfgs
from benchmarks.device import DEVICE, clock
from benchmarks.problems import NOISE, Problem, model_problem, plain_problem, regularised_problem
from benchmarks.provenance import record
from benchmarks.sizes import GAP, OUT, SIZES
from geodreg import GraphStart, LatentManifold, Newton, Status, interpolate
from geodreg.geometry.curve import straight
from geodreg.models import load_model
from tests.generators import latents, random_decoder

MODES = 3  # sine modes of a perturbed start
HARD, HARD_GAINS, HARD_WEIGHT = (2, 64, 64, 50), (2.0, 4.0, 6.0), 0.1
RING_WEIGHT, GAN_WEIGHT = 1.0, 0.03
LBFGS_STEPS = 600


def perturbed(problem: Problem, chance: torch.Generator) -> Tensor:
    """Straight lines plus sine modes, whose amplitudes are drawn up to the distance of the endpoints: ``(P, K, d)``."""
    line = straight(problem.start, problem.end, problem.n_points)
    t = torch.linspace(0.0, 1.0, problem.n_points, dtype=torch.float64)
    modes = torch.stack([(mode * torch.pi * t).sin() / mode for mode in range(1, MODES + 1)])  # M x K
    weights = torch.randn(problem.n_pairs, MODES, line.shape[-1], generator=chance, dtype=torch.float64)
    bump = torch.einsum("pmd,mk->pkd", weights, modes)
    height = bump.norm(dim=-1).amax(-1)[:, None, None]
    distance = (problem.end - problem.start).double().norm(dim=-1)[:, None, None].cpu()
    share = torch.rand(problem.n_pairs, 1, 1, generator=chance, dtype=torch.float64)
    return line + (bump / height * share * distance).to(line)


def start_curves(problem: Problem, number: int, seed: int) -> dict[str, Tensor]:
    """The straight line (the geodesic from it, if there is a density), the graph's path and perturbed lines."""
    nll = torch.zeros(problem.n_pairs, dtype=torch.float64, device=DEVICE)
    if problem.mu > 0.0:
        geodesic = interpolate(problem.manifold, problem.start, problem.end, "geodesic", n_points=problem.n_points)
        nll = geodesic.nll.double().mean(-1)
    graph = GraphStart().curves(
        problem.manifold, problem.mu, problem.start, problem.end, problem.n_points, nll_reference=nll
    )
    chance = torch.Generator().manual_seed(seed)
    others = {f"sine {index}": perturbed(problem, chance) for index in range(number - 2)}
    return {"straight": problem.line, "graph": graph, **others}


def gaps(problem: Problem, restarts: int, restarts_lbfgs: int, seed: int) -> pd.DataFrame:
    """A row for each pair: gaps of the solves from the straight start and the graph's to the best value known."""
    curves = start_curves(problem, restarts, seed)
    values, solved = [], []
    for curve in curves.values():
        solution = Newton().solve(problem.objective, curve, problem.reference)
        values.append(problem.objective.value(solution.z))
        solved.append([Status(status).is_success for status in solution.status])
    ours = torch.stack(values)  # starts x P
    best = ours.nan_to_num(torch.inf).amin(0)
    for curve in list(curves.values())[:restarts_lbfgs]:
        run = Lbfgs().solve(replace(problem, curve=curve), [LBFGS_STEPS] * problem.n_pairs)
        best = torch.fmin(best, problem.objective.value(run.z))
    scale = best if problem.reference is None else (problem.reference - best).clamp_min(1e-6 * best.abs())
    relative = ((ours - best) / scale).cpu().numpy()
    straight, graph = relative[0], relative[1]
    return pd.DataFrame(
        {
            "problem": problem.name,
            "gain": problem.gain,
            "mu": problem.mu,
            "pair": range(problem.n_pairs),
            "straight": straight,
            "graph": graph,
            "both": np.fmin(straight, graph),
            "straight_solved": solved[0],
            "graph_solved": solved[1],
        }
    )


def hard_decoders() -> pd.DataFrame:
    """Plain and regularised paths on decoders whose weights are large."""
    tables = []
    for gain in HARD_GAINS:
        for seed in range(SIZES.hard_decoders):
            manifold = LatentManifold(random_decoder(HARD, gain, seed).to(DEVICE), noise=NOISE)
            start, end = latents(2 * SIZES.hard_pairs, HARD[0], seed=2000 + seed).to(DEVICE).split(SIZES.hard_pairs)
            plain = plain_problem("-".join(map(str, HARD)), gain, manifold, start, end)
            problem = plain if seed % 2 == 0 else regularised_problem(plain, HARD_WEIGHT)
            tables.append(gaps(problem, SIZES.restarts, SIZES.restarts_lbfgs, seed))
            tables[-1].insert(1, "decoder", seed)
    return pd.concat(tables, ignore_index=True)


def ring() -> pd.DataFrame:
    """The small GAN of the circle, between ends on both sides of the hole."""
    generator = load_model("circle-gan").generator.to(DEVICE).double()
    manifold = LatentManifold(generator, noise=NOISE)
    z = manifold.sample_prior(40 * SIZES.ring_pairs, torch.zeros(2, dtype=torch.float64, device=DEVICE), 0)
    z = z[(manifold.generate(z).norm(dim=-1) - 1).abs() < 0.2]
    z = z[: len(z) // 2 * 2].unflatten(0, (-1, 2))
    here, there = manifold.generate(z).unbind(1)
    across = torch.cosine_similarity(here, there) < -0.5
    start, end = z[across][: SIZES.ring_pairs].unbind(1)
    problem = regularised_problem(plain_problem("circle-gan", 0.0, manifold, start, end), RING_WEIGHT)
    return gaps(problem, SIZES.restarts, 0, 0)


def digits() -> pd.DataFrame:
    """The MNIST GAN."""
    problem = regularised_problem(model_problem("mnist-gan", SIZES.gan_pairs), GAN_WEIGHT)
    return gaps(problem, SIZES.gan_restarts, 0, 0)


def main() -> None:
    """Write ``starts.csv``."""
    tables = []
    for build in (hard_decoders, ring, digits):
        began = clock()
        table = build()
        tables.append(table)
        shares = " ".join(f"{name} {(table[name] <= GAP).mean():.0%}" for name in ("straight", "graph", "both"))
        print(f"{build.__name__}: {len(table)} pairs, at the best minimum: {shares}; {clock() - began:.0f} s")
    OUT.mkdir(parents=True, exist_ok=True)
    pd.concat(tables, ignore_index=True).to_csv(OUT / "starts.csv", index=False, float_format="%.4g")
    record(["starts"])


if __name__ == "__main__":
    main()
