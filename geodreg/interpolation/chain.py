"""One path through many latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Unpack

import torch
from torch import Tensor

from geodreg.derivatives.calling import lifted
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.interpolate import Settings, interpolate
from geodreg.interpolation.latent_shapes import as_given, flat_latents
from geodreg.interpolation.paths import Paths, Profile, sampled
from geodreg.interpolation.report import Report

__all__ = ["Chain", "chain"]


@dataclass(frozen=True, eq=False)
class Chain:
    """A path through ``n`` latents, made of segments between neighbours.

    Attributes:
        segments: the path between each latent and the next, a batch of ``n - 1``, or of ``n`` if it is closed.
        is_closed: whether the last segment leads back to the first latent.
    """

    segments: Paths
    is_closed: bool

    @property
    def z(self) -> Tensor:
        """Latents ``(K, d)``, or ``(K, *latent_shape)`` if they were given so; those in common occur once."""
        return self._joined(self.segments.z)

    @property
    def x(self) -> Tensor:
        """Data ``(K, *data_shape)``."""
        return self._joined(self.segments.x)

    @property
    def nll(self) -> Tensor:
        """Negative log-density ``(K,)``, in nats."""
        return self._joined(self.segments.nll)

    @property
    def length(self) -> Tensor:
        """Length of the whole, a scalar tensor."""
        return self.segments.length.sum()

    @property
    def stops(self) -> Tensor:
        """Arc length at which each of the latents is reached, ``(n,)``; the first one at zero."""
        reached = torch.cat([self.segments.length.new_zeros(1), self.segments.length.cumsum(0)])
        return reached[:-1] if self.is_closed else reached

    @property
    def converged(self) -> bool:
        """Whether the solve of every segment came to rest."""
        return bool(self.segments.converged.all())

    def report(self) -> Report:
        """What the solver says about each segment."""
        return self.segments.report()

    @torch.no_grad()
    def resample(self, n: int = 100) -> Profile:
        """The whole at ``n`` points, evenly spaced by arc length, the frames of a video for example.

        Those of a closed one go once around, so that the next point would be the first one again. The latents of the
        chain are on the path, and as a rule not among these points.

        Raises:
            ValueError: if ``n`` is below 2.
        """
        if n < 2:
            raise ValueError(f"n is {n}; a path is sampled at 2 points or more.")
        whole = lifted(self._joined(self.segments.flat_latents))
        if self.is_closed:
            whole = torch.cat([whole, whole[:1]])
        norms = self.segments.eighths.flatten()
        profile = sampled(self.segments.manifold, whole, n, is_loop=self.is_closed, norms=norms)
        z = profile.z.reshape(n, *self.segments.z.shape[2:])
        return replace(profile, z=z.to(self.segments.z.dtype), x=profile.x.to(self.segments.x.dtype))

    def _joined(self, values: Tensor) -> Tensor:
        whole = values[:, :-1].flatten(0, 1)  # each segment without its last point, which is the next one's first
        return whole if self.is_closed else torch.cat([whole, values[-1:, -1]])


def chain(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    latents: Tensor,
    method: str = "geodreg",
    *,
    closed: bool = False,
    **settings: Unpack[Settings],
) -> Chain:
    """One path through many latents, for a video or an animation: its segments are solved together.

    Each segment is what :func:`~geodreg.interpolate` makes of its endpoints, so the path is broken in direction where
    segments meet.

    Args:
        manifold: the model, or a bare generator.
        latents: ``(n, d)``, or ``(n, *latent_shape)`` if the manifold has a shape of latents; at least two.
        method: as for :func:`~geodreg.interpolate`.
        closed: whether the path goes back from the last latent to the first.
        settings: as for :func:`~geodreg.interpolate`.

    Returns:
        the path; look at ``.converged`` before using it.

    Raises:
        TypeError: if the latents are not a floating-point tensor.
        ValueError: if there are fewer than two, or as for :func:`~geodreg.interpolate`.

    Example:
        >>> corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
        >>> path = chain(lambda z: z, corners, "straight", n_points=3)
        >>> path.z.tolist()
        [[0.0, 0.0], [1.5, 0.0], [3.0, 0.0], [3.0, 0.5], [3.0, 1.0]]
        >>> path.resample(5).z.tolist()
        [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [3.0, 1.0]]
    """
    if not isinstance(manifold, LatentManifold):
        manifold = LatentManifold(manifold)
    if not isinstance(latents, Tensor) or not latents.is_floating_point():
        kind = f"a tensor of {latents.dtype}" if isinstance(latents, Tensor) else f"a {type(latents).__name__}"
        raise TypeError(f"latents is {kind}; pass a floating-point tensor of latents (n, d).")
    flat, is_shaped = flat_latents(manifold, "latents", latents, n_batch=1)
    if flat.ndim != 2 or len(flat) < 2:
        raise ValueError(f"latents has shape {tuple(latents.shape)}; a path leads through two or more of them, (n, d).")
    shaped = as_given(manifold, flat, is_shaped=True)
    following = shaped.roll(-1, dims=0)
    start, end = (shaped, following) if closed else (shaped[:-1], following[:-1])
    segments = interpolate(manifold, start, end, method, **settings)
    return Chain(segments if is_shaped else segments.with_flat_latents(), closed)
