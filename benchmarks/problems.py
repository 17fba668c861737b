"""The problems: pairs of a generator and the objective between them, the same for every solver."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from benchmarks.device import DEVICE
from benchmarks.sizes import N_POINTS
from geodreg import LatentManifold, interpolate
from geodreg.geometry.curve import straight
from geodreg.models import load_face_dcgan, load_model
from geodreg.objectives.dense import PathObjective
from geodreg.paper.endpoints import choose_endpoints
from tests.generators import latents, random_decoder

__all__ = [
    "NOISE",
    "Problem",
    "face_problem",
    "model_problem",
    "plain_problem",
    "random_problem",
    "regularised_problem",
]

NOISE = 0.1  # standard deviation of the density's noise, in the units of the data
SEED = 1000  # of the endpoints; the figures have another one
AT_ONCE = 2**26  # numbers of the tangents that are pushed forward together


@dataclass(frozen=True)
class Problem:
    """Pairs of one generator, with all that a solver may know.

    Attributes:
        name: of the generator.
        gain: of a random decoder's weights, else zero.
        manifold: the model.
        start: ``(P, d)``.
        end: ``(P, d)``.
        mu: weight of the density; zero for the plain geodesic.
        interval: ``(P,)``, in double precision.
        reference: objective of the plain geodesics, ``(P,)``, if there is a density.
        n_points: points ``K`` of a path.
        curve: start curves ``(P, K, d)``; the straight lines if none are given.
    """

    name: str
    gain: float
    manifold: LatentManifold
    start: Tensor
    end: Tensor
    mu: float
    interval: Tensor
    reference: Tensor | None = None
    n_points: int = N_POINTS
    curve: Tensor | None = None

    @property
    def n_pairs(self) -> int:
        """Number of pairs ``P``."""
        return len(self.start)

    @property
    def objective(self) -> PathObjective:
        """The objective as our solvers take it."""
        return PathObjective(self.manifold, self.mu, self.interval)

    @cached_property
    def line(self) -> Tensor:
        """The start curves ``(P, K, d)``, the same for every solver."""
        return straight(self.start, self.end, self.n_points) if self.curve is None else self.curve

    def pair(self, index: int) -> Problem:
        """One of the pairs as a problem of its own."""
        return self.select([index])

    def first(self, number: int) -> Problem:
        """The first pairs."""
        return self.select(range(number))

    def select(self, rows: Sequence[int]) -> Problem:
        """Some of the pairs."""
        index = torch.tensor(list(rows), dtype=torch.long)
        reference = None if self.reference is None else self.reference[index]
        start, end, interval = self.start[index], self.end[index], self.interval[index]
        curve = None if self.curve is None else self.curve[index]
        return replace(self, start=start, end=end, interval=interval, reference=reference, curve=curve)

    def function(self) -> Callable[[Tensor], Tensor]:
        r"""The same objective as a peer has it: interior points ``(P, K-2, d)`` to values ``(P,)``, for autograd.

        Written apart from the module: the chord energy, and minus the log-density by ``d`` forward-mode tangents at
        once and the Cholesky factor of :math:`g + \mathrm{noise}^2 I`, which reverse mode runs through.
        """
        step = self.interval / (self.n_points - 1)
        with torch.no_grad():
            x_ends = self.generated(torch.stack([self.start, self.end], dim=1))

        def energy(x: Tensor) -> Tensor:
            curve = torch.cat([x_ends[:, :1], x, x_ends[:, 1:]], dim=1)
            return (curve[:, 1:] - curve[:, :-1]).square().sum(dim=(1, 2)).double() / (2.0 * step)

        def plain(z: Tensor) -> Tensor:
            return energy(self.generated(z))

        def regularised(z: Tensor) -> Tensor:
            x, jacobian = self._pushed(z)
            return energy(x) + self.mu * step * self.nll(z, jacobian.mT @ jacobian).sum(-1)

        return plain if self.mu == 0.0 else regularised

    def generated(self, z: Tensor) -> Tensor:
        """Data points as vectors, ``(..., d)`` to ``(..., D)``, in one call of the generator."""
        return self.manifold.generator(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:-1], -1)

    def jacobian(self, z: Tensor) -> Tensor:
        """Jacobians in double precision, ``(..., d)`` to ``(..., D, d)``."""
        return self._pushed(z)[1]

    def nll(self, z: Tensor, metric: Tensor) -> Tensor:
        """Minus the log-density at points, ``(..., d)`` and the metrics there to ``(...)``."""
        d = z.shape[-1]
        factor = torch.linalg.cholesky(
            metric + self.manifold.noise**2 * torch.eye(d, dtype=metric.dtype, device=metric.device)
        )
        log_volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return log_volume + 0.5 * z.double().square().sum(-1) + 0.5 * d * math.log(2.0 * math.pi)

    def _pushed(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Data points and Jacobians, by ``d`` forward-mode tangents, as many at once as memory allows."""
        d = z.shape[-1]

        def push(direction: Tensor) -> tuple[Tensor, Tensor]:
            result = torch.func.jvp(self.generated, (z,), (direction.expand_as(z),))
            return result[0], result[1]

        number = self.n_numbers * z[..., 0].numel()
        x, tangents = torch.func.vmap(push, chunk_size=max(1, AT_ONCE // number))(
            torch.eye(d, dtype=z.dtype, device=z.device)
        )
        return x[0], tangents.movedim(0, -1).double()

    @cached_property
    def n_numbers(self) -> int:
        """Numbers ``D`` of a data point."""
        with torch.no_grad():
            return self.generated(self.start[:1]).numel()


def plain_problem(name: str, gain: float, manifold: LatentManifold, start: Tensor, end: Tensor) -> Problem:
    """Plain geodesics between pairs, on the unit interval; the gap does not depend on it."""
    return Problem(name, gain, manifold, start, end, 0.0, torch.ones(len(start), dtype=torch.float64).to(start.device))


def regularised_problem(problem: Problem, mu: float, n_points: int = N_POINTS) -> Problem:
    """The same pairs with a density, on the interval of unit speed.

    That interval is the length of the plain geodesic, so that is known, and every solver starts from it.
    """
    geodesic = interpolate(problem.manifold, problem.start, problem.end, "geodesic", n_points=n_points)
    interval = geodesic.interval.double()
    reference = PathObjective(problem.manifold, mu, interval).value(geodesic.z)
    curve = geodesic.z
    return replace(problem, mu=mu, interval=interval, reference=reference, n_points=n_points, curve=curve)


def random_problem(sizes: tuple[int, ...], gain: float, seed: int, n_pairs: int = 1) -> Problem:
    """Plain geodesics on a random decoder, in double precision."""
    manifold = LatentManifold(random_decoder(sizes, gain, seed).to(DEVICE), noise=NOISE)
    start, end = latents(2 * n_pairs, sizes[0], seed=SEED + seed).to(DEVICE).split(n_pairs)
    return plain_problem("-".join(map(str, sizes)), gain, manifold, start, end)


def model_problem(name: str, n_pairs: int, dtype: torch.dtype = torch.float32) -> Problem:
    """Plain geodesics on one of the book's models, between ends chosen as on its pages."""
    model = load_model(name)
    start, end = (z.to(DEVICE, dtype) for z in choose_endpoints(model, n_pairs, SEED))
    return plain_problem(name, 0.0, LatentManifold(model.generator.to(DEVICE, dtype), noise=NOISE), start, end)


def face_problem(n_pairs: int, n_points: int) -> Problem:
    """Plain geodesics on the face DCGAN that somebody else trained, between prior samples, in single precision."""
    generator = load_face_dcgan().to(DEVICE)
    chance = torch.Generator().manual_seed(SEED)
    pairs = [torch.randn(2, generator.latent_dim, generator=chance) for _ in range(n_pairs)]  # more begin with these
    z = torch.stack(pairs).to(DEVICE)
    plain = plain_problem("face-dcgan", 0.0, LatentManifold(generator, noise=NOISE), z[:, 0], z[:, 1])
    return replace(plain, n_points=n_points)
