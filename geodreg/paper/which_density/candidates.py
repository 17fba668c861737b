"""Each candidate through the front door: paths over its weight, from the plain geodesic on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Normal

from geodreg.datasets.circle import ring
from geodreg.geometry.ambient import fisher_rao_logits
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.paths import Paths, sampled
from geodreg.models.mlp import DecoderEnsemble
from geodreg.models.zoo import TrainedModel, load_denoiser, load_discriminator
from geodreg.paper.densities import (
    agreement,
    denoising_bound,
    kernel_density,
    mean_and_disagreement,
    realism_logit,
    with_features,
)
from geodreg.paper.trial.subject import RING, endpoints_of
from geodreg.paper.which_density.codes import density_of_codes
from geodreg.paper.which_density.definitions import Candidate, Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Contest", "Everywhere", "flat"]

N_DATA, N_SAMPLES = 300, 64  # points of the ring in the density of data; images whose spread a discriminator is told
FEATURE_NOISE = 0.1  # that the denoiser is told of when it is asked for features
SEED = 7  # of the points and of the images


@dataclass(frozen=True)
class Everywhere:
    """A prior that is the same everywhere, so that the volume is all of the density; draws are standard normal.

    Attributes:
        latent_dim: latent size ``d``.
    """

    latent_dim: int

    def log_prob(self, z: Tensor) -> Tensor:
        """Zero at all latents, ``(..., d)`` to ``(...)``."""
        return torch.zeros_like(z[..., 0])

    def sample(self, shape: Sequence[int]) -> Tensor:
        """Draws to start from, ``(*shape, d)``."""
        return torch.randn(*shape, self.latent_dim)


@dataclass(frozen=True)
class Contest:
    """A trained model, and what the candidates make of the same pairs of its latents.

    Attributes:
        model: with its weights.
        study: the definitions.
        n_pairs: of its latents.
        codes: latents of real data, from :func:`~geodreg.paper.which_density.codes.codes_table`.
        decoders: others on the model's encoder.
    """

    model: TrainedModel
    study: Study
    n_pairs: int
    codes: pd.DataFrame | None = None
    decoders: DecoderEnsemble | None = None

    @cached_property
    def generator(self) -> torch.nn.Module:
        """The ring's in double precision."""
        return deepcopy(self.model.generator).double() if self.model.name == RING else self.model.generator

    @cached_property
    def manifold(self) -> LatentManifold:
        """With the paper's density: what all paths are measured by."""
        return LatentManifold(self.generator, noise=self.study.noise[self.model.name])

    @cached_property
    def endpoints(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start and end, ``(P, d)`` each, and whether a pair is of two classes, ``(P,)``."""
        return endpoints_of(self.model, self.manifold, self.n_pairs, self.study.ends_seed)

    @cached_property
    def geodesic(self) -> Paths:
        """Where every curve over a weight begins."""
        start, end, _ = self.endpoints
        return interpolate(self.manifold, start, end, "geodesic", n_points=self.study.n_points)

    def baselines(self) -> Iterator[tuple[str, Paths]]:
        """Straight line, slerp and plain geodesic, by name."""
        start, end, _ = self.endpoints
        for name in ("straight", "slerp"):
            yield name, interpolate(self.manifold, start, end, name, n_points=self.study.n_points)
        yield "geodesic", self.geodesic

    def paths(self, candidate: Candidate) -> Iterator[tuple[str, float, Paths]]:
        """Name, weight and paths of a candidate, each from those of the weight before, on the ring from a graph."""
        start, end, _ = self.endpoints
        path, n_points = self.geodesic, self.study.n_points
        model = self.model.name
        if candidate.kind == "metric":
            for name, weight in zip(candidate.methods(model), candidate.weights[model], strict=True):
                metric = self.with_metric(candidate.name, weight)
                path = interpolate(metric, start, end, "geodesic", n_points=n_points, init=path.z)
                yield name, weight, path
            return
        manifold = self.with_density(candidate.density or candidate.name)
        if candidate.kind == "latent":
            manifold = flat(manifold)
            path = interpolate(manifold, start, end, "geodesic", n_points=n_points)
        geodesic = path
        for name, weight in zip(candidate.methods(model), candidate.weights[model], strict=True):
            init = "graph" if model == RING else path.z
            path = interpolate(manifold, start, end, mu=weight, n_points=n_points, init=init, geodesic=geodesic)
            yield name, weight, path

    def along(self, z: Tensor, n: int) -> Tensor:
        """Data at equal distances along paths ``(P, K, d)``, whatever they follow: ``(P, n, *data_shape)``."""
        with torch.no_grad():
            return sampled(self.manifold, z, n).x

    def with_density(self, name: str) -> LatentManifold:
        """The generator's manifold with one of the densities."""
        generator = self.generator
        if name == "push-forward":
            return self.manifold
        if name == "volume":
            noise = self.study.noise[self.model.name]
            return LatentManifold(generator, Everywhere(self.model.latent_dim), noise)
        if name == "prior":
            return LatentManifold(generator, density=Normal(0.0, 1.0, validate_args=False))
        if name == "codes":
            assert self.codes is not None  # noqa: S101 - whoever asks for them has measured them
            like = next(generator.parameters())
            posterior = density_of_codes(self.codes, like.dtype)
            return LatentManifold(generator, Normal(0.0, 1.0), density=posterior.log_prob)
        if name == "agreement":
            assert self.decoders is not None  # noqa: S101 - whoever asks for it has them
            return LatentManifold(generator, density=agreement(self.decoders))
        of_data = {"data": self.data_density, "discriminator": self.discriminator_logit}[name]()
        return LatentManifold(generator, density=of_data)

    def with_metric(self, name: str, weight: float) -> LatentManifold:
        """The manifold with the metric of data space and a multiple of another one, or that of several decoders."""
        if name.startswith("ensemble"):
            assert self.decoders is not None  # noqa: S101 - whoever asks for it has them
            disagreement = 0.0 if name == "ensemble-mean" else weight
            return LatentManifold(self.decoders, ambient=lambda images: mean_and_disagreement(images, disagreement))
        if name == "fisher-rao":

            def both(logits: Tensor) -> Tensor:
                return with_features(lambda _: fisher_rao_logits(logits), weight)(logits.sigmoid())

            return LatentManifold(self.generator.logits, ambient=both)  # type: ignore[arg-type]
        denoiser = load_denoiser()
        return LatentManifold(
            self.generator, ambient=with_features(lambda x: denoiser.features(x, FEATURE_NOISE), weight)
        )

    def data_density(self) -> Callable[[Tensor], Tensor]:
        """A density of data at the image of each latent: of kernels on the ring, of the denoiser on digits."""
        generator = self.generator
        if self.model.name == RING:
            chance = torch.Generator().manual_seed(SEED)
            data = ring(N_DATA, self.model.card["settings"]["spread"], chance)
            density = kernel_density(data.to(next(generator.parameters()).dtype))
            return lambda z: density.log_prob(generator(z))
        bound = denoising_bound(load_denoiser())
        return lambda z: bound(generator(z))

    def discriminator_logit(self) -> Callable[[Tensor], Tensor]:
        """The logit of the discriminator that the generator was trained against."""
        chance = torch.Generator().manual_seed(SEED)
        with torch.no_grad():
            images = self.generator(torch.randn(N_SAMPLES, self.model.latent_dim, generator=chance))
        return realism_logit(self.generator, load_discriminator(self.model), images)


def flat(manifold: LatentManifold) -> LatentManifold:
    """A manifold's density over latent space with its own metric, in which straight lines are the geodesics."""
    return LatentManifold(lambda z: 1.0 * z, manifold.prior, density=lambda z: -manifold.nll(z))
