"""Every door of the library, each tried on small generators: what must hold behind all of them is asserted once."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geodreg import (
    Algorithm1,
    GraphStart,
    LatentManifold,
    chain,
    exponential_map,
    frechet_mean,
    geodesic_distance,
    geodesic_distances,
    interpolate,
    invert,
    log_volume_estimate,
    log_volume_gradient_estimate,
    logarithm_map,
    parallel_transport,
)
from tests.generators import latents, random_convolutional, random_decoder

__all__ = ["DOORS", "Given"]


class Given:
    """Generators, which know nothing of an earlier call, and latents.

    Args:
        device: where all of it is.
        dtype: its precision.
    """

    def __init__(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        products, images = random_decoder([3, 16, 12], gain=1.5), random_convolutional([4], 3)
        self.model, self.images = (LatentManifold(net.to(device, dtype), noise=0.2) for net in (products, images))
        self.z, self.tangents = (latents(4, 3, seed).to(device, dtype) for seed in (0, 1))


Door = Callable[[Given], tuple[Tensor, ...]]


def solved(method: str = "geodreg", **settings: Any) -> Door:
    def door(given: Given) -> tuple[Tensor, ...]:
        paths = interpolate(given.model, given.z[:2], given.z[2:], method, mu=0.1, n_points=9, **settings)
        profile = paths.resample(20)
        return paths.z, paths.x, paths.nll, paths.length, profile.z, profile.nll

    return door


def convolved(given: Given) -> tuple[Tensor, ...]:
    paths = interpolate(given.images, given.z[0], given.z[1], mu=0.1, n_points=5)
    return paths.z, paths.length, paths.nll


def in_space(given: Given) -> tuple[Tensor, ...]:
    model, z = given.model, given.z
    estimates = (*log_volume_estimate(model, z, n_probes=2), *log_volume_gradient_estimate(model, z, n_probes=2))
    return (model.pushed(z, given.tangents), model.metric(z), model.nll(z), model.jacobian(z), *estimates)


def chained(given: Given) -> tuple[Tensor, ...]:
    whole = chain(given.model, given.z[:3], "geodesic", n_points=5)
    return whole.z, whole.resample(15).x


def inverted(given: Given) -> tuple[Tensor, ...]:
    found = invert(given.model, given.model.generate(given.z[:1]).detach(), 3, n_candidates=50, n_starts=2)
    return found.z, found.residual


def measured(given: Given) -> tuple[Tensor, ...]:
    z = given.z.clone().requires_grad_()
    distance = geodesic_distance(given.model, z[0], z[1], n_points=9)
    with torch.autocast("cpu", enabled=False):  # reverse passes are not for autocast, says torch
        (gradient,) = torch.autograd.grad(distance, z)
    return distance.detach(), gradient


def mapped(given: Given) -> tuple[Tensor, ...]:
    model, z = given.model, given.z
    curve = interpolate(model, z[0], z[1], "geodesic", n_points=5).z
    mean = frechet_mean(model, z[:2], n_points=5)
    distances = geodesic_distances(model, z[:3], n_points=5)
    return (
        logarithm_map(model, z[0], z[1], n_points=5),
        exponential_map(model, z[0], 0.1 * given.tangents[0]),
        parallel_transport(model, curve, given.tangents[0]),
        mean.point,
        distances.matrix,
    )


DOORS: dict[str, Door] = {
    "geodreg": solved(),
    "geodesic": solved("geodesic"),
    "from a graph": solved(init=GraphStart(n_samples=50)),
    "matrix-free": solved(solver="matrix-free"),
    "Algorithm 1": solved(solver=Algorithm1(max_iterations=20)),
    "convolutions": convolved,
    "in space": in_space,
    "chain": chained,
    "invert": inverted,
    "distances": measured,
    "maps": mapped,
}
