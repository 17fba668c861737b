"""Words of the definitions that lean on the line before them, or say more than the paper, as they read here.

The definitions are older than the results and stay as they were written; what is measured, and the bounds, are theirs.
"""

from __future__ import annotations

__all__ = ["COUNTS_FOR", "SENTENCES", "TESTS"]

SENTENCES: dict[int, str] = {
    8: "Too many points sometimes break the smoothness of the curve up, because of the approximation noise.",
}
"""Of what a claim says, by its number."""

BOTH = "denser than StraightZ and no longer than twice its length"
CURVE = "area under the ROC curve of"
TESTS: dict[tuple[int, int], str] = {
    (1, 1): f"{CURVE} the NLL",
    (1, 2): f"{CURVE} the NLL",
    (2, 5): "loss without noise: minimum within reach, mu = 1, from the graph start (added later)",
    (7, 0): "length and energy, each minimised from the straight line: lengths within 1 %",
    (9, 2): f"{BOTH}, mu = 0.02",
    (9, 3): f"{BOTH}, mu = 0.003",
    (9, 4): f"{BOTH}, mu = 1",
    (10, 2): "GeodReg before StraightZ, mu = 0.003",
    (11, 1): "fraction of the worst image's energy in nine components",
    (12, 0): f"{CURVE} the NLL's bound",
    (12, 1): f"{CURVE} the NLL's bound less the entropy of the pixels",
    (12, 2): f"{CURVE} the entropy of the pixels",
    (12, 3): f"{CURVE} the push-forward density's NLL, which the paper's method uses",
    (12, 4): f"{CURVE} the push-forward density's NLL, VAE minus GAN",
}
"""Of tests, by the number of the claim and the test's place in it."""

COUNTS_FOR: dict[int, str] = {
    2: (
        "In more than half of the pairs, more than 120 degrees apart, the geodesic comes within radius 0.5 of the "
        "ring's centre, and the regularised path, measured along the path and not at its points, does not. For the "
        "loss: with the weight 1 and noise in the density; besides, without noise and with the weight 0.1, the loss "
        "has a minimum within reach. For Algorithm 1: with the weight 0.1."
    ),
    6: (
        "By three judges that are not the model: at the length of the straight line in latent space, so that no path "
        "gains by being longer or shorter, less of the regularised path's length is rejected than of the straight "
        "line's."
    ),
    7: (
        "In more than half of the pairs, minimising the length, starting from the straight line, leads to within one "
        "per cent of the length that the minimiser of the energy has."
    ),
}
"""Of what counts for a claim, by its number."""
