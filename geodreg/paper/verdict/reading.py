"""What the tables say, in sentences, each of which is given up as soon as the tables no longer say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geodreg.paper.verdict.definitions import ClaimsError, Definitions
from geodreg.paper.verdict.effects import Effect, Outcome, effect_of
from geodreg.paper.weight import PAPER_WEIGHTS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OF_THE_LOSS", "READINGS", "Reading", "reading_markdown"]

FOR, AGAINST, UNDECIDED = Outcome.FOR, Outcome.AGAINST, Outcome.UNDECIDED
RING, GAN, VAE, YALE, FACES = "circle-gan", "mnist-gan", "mnist-vae", "yale-dcgan", "yale-faces"


OF_THE_LOSS = (
    "This holds for minimisers of the printed loss at unit-speed $T$, at that number; the printed algorithm at the "
    "same number does something else ({ref}`algorithm1`)."
)
"""What every sentence says that names a weight."""


@dataclass(frozen=True)
class Reading:
    """A conclusion, and the outcomes without which it must not be drawn.

    Attributes:
        conclusion: in a few words.
        text: the sentence, with a place for the effect of each number, in order, and for the weights ``mu``, ``strong``
            and ``lowest``; one that names a weight is followed by what that weight is of.
        rests_on: claim, test (from 0) and model of each number, and the outcome that the sentence takes for granted.
    """

    conclusion: str
    text: str
    rests_on: tuple[tuple[int, int, str, Outcome], ...]


READINGS = (
    Reading(
        "Believe that the model covers the hole, thinly.",
        "The latent plane covers {:.0%} of the ring's inside, and a point there has the higher NLL in {:.0%} of "
        "all pairs of one inside and one outside. On digits, where the holes are the samples that the judge "
        "rejects, that is {:.0%} (GAN) and {:.0%} (VAE), where chance has 50 %.",
        ((1, 0, RING, FOR), (1, 1, RING, FOR), (1, 1, GAN, FOR), (1, 1, VAE, FOR)),
    ),
    Reading(
        "Believe that the geodesic is the shortest, and goes through the hole.",
        "It is the shortest of the three in {:.0%} (circle), {:.0%} (GAN), {:.0%} (VAE) and {:.0%} (faces) of the"
        " pairs, and passes through the ring's inside in {:.0%}.",
        ((3, 0, RING, FOR), (3, 0, GAN, FOR), (3, 0, VAE, FOR), (3, 0, YALE, FOR), (2, 0, RING, FOR)),
    ),
    Reading(
        "Believe that the regularised path goes around, with a larger weight in the loss than the paper names.",
        "At mu = {mu:g}, the upper end of the paper's range, {:.0%} of the loss's minimisers go around the ring's "
        "hole; at mu = {strong:g}, {:.0%}.",
        ((2, 1, RING, AGAINST), (2, 2, RING, FOR)),
    ),
    Reading(
        "Believe the order of the densities on digits.",
        "The geodesic's NLL is higher than the straight line's by {:.2g} nats on the GAN, and GeodReg is the "
        "densest in {:.0%} (GAN) and {:.0%} (VAE) of the pairs, on faces in {:.0%}, which decides nothing.",
        ((4, 0, GAN, FOR), (5, 0, GAN, FOR), (5, 0, VAE, FOR), (5, 0, YALE, UNDECIDED)),
    ),
    Reading(
        "Believe that the images of the loss's minimiser are more realistic than the geodesic's, but at this weight "
        "not more than the straight line's.",
        "At mu = {mu:g} on the GAN the fraction of images that the judge accepts differs from Geod's by {:+.0%}, and "
        "from StraightZ's by {:+.0%}, undecided. On the VAE GeodReg's images are farther from real ones in the judge's"
        " features than StraightZ's, by {:.2g}, and their distribution is farther from that of the test images, "
        "by {:.0f} in the Frechet distance. So by judges other than the model, a path's density is not its "
        "realism.",
        ((6, 0, GAN, FOR), (6, 1, GAN, UNDECIDED), (6, 5, VAE, AGAINST), (6, 7, VAE, AGAINST)),
    ),
    Reading(
        "Believe that energy and length have the same minimisers, with a square that the paper leaves out.",
        "From the straight line on, both end at the same length in {:.0%} (circle) and {:.0%} (GAN) of the pairs. "
        "L squared is off from 2 (b - a) E by {:.1%} and {:.1%} with 35 points, which does not decide whether it is "
        "less than one per cent; L itself is off by {:.0%} and {:.0%}.",
        (
            (7, 0, RING, FOR),
            (7, 0, GAN, FOR),
            (7, 3, RING, UNDECIDED),
            (7, 3, GAN, UNDECIDED),
            (7, 4, RING, AGAINST),
            (7, 4, GAN, AGAINST),
        ),
    ),
    Reading(
        "Do not put the break-up of curves down to the number of points.",
        "It is the printed algorithm's: with 200 points {:.0%} of its curves are broken at twice the limit of its"
        " step, and still {:.0%} at 0.8 of it, where the default solver breaks {:.0%}.",
        ((8, 1, RING, FOR), (8, 2, RING, AGAINST), (8, 3, RING, FOR)),
    ),
    Reading(
        "Do not use the lower end of the paper's range as a weight in the loss.",
        "On the GAN, GeodReg is denser than the straight line in {:.0%} of the pairs at mu = {lowest:g} and in {:.0%} "
        "at mu = {mu:g}, where it is still no longer than that line in {:.0%}.",
        ((9, 0, GAN, AGAINST), (9, 1, GAN, FOR), (9, 2, GAN, FOR)),
    ),
    Reading(
        "Believe Figure 4, half of which is true by construction.",
        "GeodReg is closer to the true length than StraightZ in {:.0%} of the pairs of faces. Nine dimensions "
        "hold {:.1%} of the energy of a person's images.",
        ((10, 1, YALE, FOR), (11, 0, FACES, FOR)),
    ),
    Reading(
        "Do not believe that likelihood training makes the holes thin.",
        "The VAE's NLL separates rejected samples from accepted ones in {:.0%} of all pairs of one each, which differs "
        "from the GAN's by {:+.0%}.",
        ((12, 0, VAE, FOR), (12, 1, VAE, AGAINST)),
    ),
)
"""What we read in the tables."""


def reading_markdown(definitions: Definitions, tables: Mapping[str, pd.DataFrame]) -> str:
    """The readings as a list, each with its numbers and links to the claims that they come from.

    Raises:
        ClaimsError: if a number has not the outcome that a sentence rests on.
    """
    settings = definitions.settings
    weights = {"mu": settings.mu, "strong": settings.mu_strong, "lowest": PAPER_WEIGHTS[0]}
    lines = []
    for reading in READINGS:
        values = []
        for number, test, model, expected in reading.rests_on:
            effect = effect_of(definitions.claim(number).tests[test], model, tables, definitions.n_outcomes)
            _check(reading, number, effect, expected)
            values.append(effect.value)
        claims = dict.fromkeys(definitions.claim(number) for number, *_ in reading.rests_on)
        links = ", ".join(f"{{ref}}`{claim.number} <claim-{claim.name}>`" for claim in claims)
        text = reading.text.format(*values, **weights)
        whose = f" {OF_THE_LOSS}" if "mu = " in text else ""
        lines.append(f"- **{reading.conclusion}** {text}{whose} (Claim {links})")
    return "\n".join(lines)


def _check(reading: Reading, number: int, effect: Effect, expected: Outcome) -> None:
    if effect.outcome is not expected:
        raise ClaimsError(
            f"{reading.conclusion!r} rests on claim {number}, {effect.test.what!r} on the {effect.title}, counting as "
            f"{expected!s}, but the tables say {effect.outcome!s}; write it anew in geodreg/paper/verdict/reading.py."
        )
