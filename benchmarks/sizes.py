"""How much is measured: one place for all sizes, a part for a card, and a variant that only shows that all runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["GAP", "N_POINTS", "OUT", "SIZES", "Sizes"]

N_POINTS = 35
GAP = 1e-3
OUT = Path(os.environ.get("BENCH_OUT", "data/benchmarks"))


@dataclass(frozen=True)
class Sizes:
    """Numbers of problems, and limits of the peers' work.

    Attributes:
        name: of the variant; the tables say which one made them.
        gains: of the random decoders' weights.
        decoders: random decoders for each size and gain, one pair each, plain geodesics.
        decoders_regularised: as many for regularised paths.
        together: pairs that are solved together on one random decoder.
        digits: pairs of the MNIST GAN.
        digits_vae: pairs of the VAE.
        digits_plain: as many for plain geodesics, in double precision.
        faces: pairs of the Yale DCGAN.
        faces_plain: as many for plain geodesics.
        weights: of the density, on the MNIST GAN.
        lbfgs: limit of L-BFGS's iterations on a regularised objective.
        lbfgs_faces: the same on the Yale DCGAN, where each takes a second or two.
        adam: limit of Adam's iterations.
        adam_pairs: pairs that it is tried on, at most.
        adam_trial: iterations of the trial on the first pair by which its learning rate is chosen.
        rates: learning rates among which it is.
        algorithm1: pairs that Algorithm 1 is tried on, at most.
        algorithm1_steps: limit of its iterations.
        georce: limit of the iterations of GEORCE and ProbGEORCE.
        seconds: a run longer than this is timed once, a shorter one several times.
        cost_pairs: numbers of pairs of which the cost is measured.
        cost_points: numbers of points of a path.
        cost_latents: latent sizes.
        memory_pairs: numbers of pairs of which the peak of memory is measured.
        hard_decoders: random decoders for each gain and objective in the search for the best minimum.
        hard_pairs: pairs on each of them.
        restarts: start curves for each of those pairs.
        restarts_lbfgs: of those, the ones that L-BFGS starts from as well.
        ring_pairs: pairs of the circle GAN in the comparison of starts.
        gan_pairs: pairs of the MNIST GAN there.
        gan_restarts: start curves for each of those.
        face_pairs: pairs of the face DCGAN.
        face_points: numbers of points of their paths.
        weights_followed: of the density on the MNIST GAN, where the objective is followed over time.
        budget: seconds that every solver gets on a pair there.
    """

    name: str = "full"
    gains: tuple[float, ...] = (1.2, 2.0, 4.0)
    decoders: int = 5
    decoders_regularised: int = 2
    together: int = 64
    digits: int = 16
    digits_vae: int = 3
    digits_plain: int = 3
    faces: int = 1
    faces_plain: int = 1
    weights: tuple[float, ...] = (0.03, 0.1, 1.0, 3.0, 10.0)
    lbfgs: int = 500
    lbfgs_faces: int = 150
    adam: int = 600
    adam_pairs: int = 4
    adam_trial: int = 60
    rates: tuple[float, ...] = (0.003, 0.01, 0.03)
    algorithm1: int = 2
    algorithm1_steps: int = 150
    georce: int = 300
    seconds: float = 2.0
    cost_pairs: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    cost_points: tuple[int, ...] = (9, 17, 35, 69, 137, 273, 545)
    cost_latents: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    memory_pairs: tuple[int, ...] = (16, 64, 256)
    hard_decoders: int = 4
    hard_pairs: int = 9
    restarts: int = 20
    restarts_lbfgs: int = 2
    ring_pairs: int = 50
    gan_pairs: int = 50
    gan_restarts: int = 4
    face_pairs: int = 4
    face_points: tuple[int, ...] = (12, 35)
    weights_followed: tuple[float, ...] = (0.1, 3.0)
    budget: float = 60.0


SMALL = Sizes(
    name="small",
    gains=(1.2, 2.0),
    decoders=2,
    decoders_regularised=1,
    together=4,
    digits=2,
    digits_vae=1,
    digits_plain=1,
    faces=1,
    faces_plain=1,
    weights=(0.03, 0.1, 3.0),
    lbfgs=200,
    lbfgs_faces=30,
    adam=60,
    adam_pairs=1,
    adam_trial=20,
    rates=(0.01, 0.03),
    algorithm1=1,
    algorithm1_steps=40,
    georce=40,
    seconds=0.2,
    cost_pairs=(1, 4, 16),
    cost_points=(9, 35, 137),
    cost_latents=(2, 8, 32),
    memory_pairs=(4, 16),
    hard_decoders=2,
    hard_pairs=2,
    restarts=6,
    restarts_lbfgs=2,
    ring_pairs=6,
    gan_pairs=4,
    gan_restarts=3,
    face_pairs=1,
    face_points=(5,),
    weights_followed=(0.1,),
    budget=1.0,
)

# What a graphics card is compared by: problems of the full run, fewer of them, in about a quarter of an hour.
CARD = replace(
    Sizes(),
    name="card",
    gains=(2.0,),
    decoders=1,
    decoders_regularised=1,
    digits_vae=1,
    digits_plain=1,
    weights=(0.1, 3.0),
    lbfgs=200,
    lbfgs_faces=100,
    adam=200,
    adam_pairs=1,
    adam_trial=40,
    algorithm1=1,
    algorithm1_steps=60,
    georce=100,
    seconds=0.5,
    hard_decoders=1,
    hard_pairs=4,
    restarts=6,
    ring_pairs=6,
    gan_pairs=4,
    gan_restarts=3,
    face_pairs=2,
    weights_followed=(0.1,),
    budget=6.0,
)

VARIANTS = {"full": Sizes(), "card": CARD, "small": SMALL}
SIZES = VARIANTS[os.environ.get("BENCH_SIZE", "full")]
