"""What interpolation returns: paths, and what can be read off them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from geodreg.curve import along, chord_norms, equal_length_positions, refine
from geodreg.manifold import LatentManifold

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Paths", "Profile", "path_length"]

CONTEXT = ("manifold", "method", "mu")  # what all paths of a batch share
PART = 2**25  # numbers in data space that are measured together
SUB_POINTS = 8  # cuts of a chord when length is measured along the path


def path_length(manifold: LatentManifold, z: Tensor) -> Tensor:
    """Length in data space of paths that are piecewise linear in latent space: ``(..., K, d)`` to ``(...)``.

    Every chord is cut in eight, so what lies between two points counts. Only some of the paths are in data space at a
    time.
    """
    batch, paths = z.shape[:-2], z.reshape(-1, *z.shape[-2:])
    with torch.no_grad():
        n_numbers = SUB_POINTS * z.shape[-2] * manifold.generate_flat(paths[0, :1]).shape[-1]  # of one path
        lengths = [
            chord_norms(manifold.generate_flat(refine(part, SUB_POINTS))).sum(-1)
            for part in paths.split(max(1, PART // n_numbers))
        ]
    return torch.cat(lengths).reshape(batch)


@dataclass(frozen=True)
class Profile:
    """Points at equal distances along paths; leading dimensions ``...`` are the batch of the paths.

    Attributes:
        arc_length: distance from the start in data space, ``(..., n)``.
        z: latents, ``(..., n, d)``.
        x: data, ``(..., n, *data_shape)``.
        nll: negative log-density, ``(..., n)``, in nats.
        tangent: unit tangent in data space, flattened, ``(..., n, D)``; zero where the path stands still.
    """

    arc_length: Tensor
    z: Tensor
    x: Tensor
    nll: Tensor
    tangent: Tensor


@dataclass(frozen=True)
class Paths:
    """Interpolations between pairs of latents; leading dimensions ``...`` are the batch of the ends.

    A path is piecewise linear in latent space between its ``K`` points. ``z``, ``x``, ``nll`` and the chords are those
    of the points; ``length`` and :meth:`resample` are of the path between them.

    Attributes:
        manifold: the model.
        method: ``"straight"``, ``"geodesic"`` or ``"geodreg"``.
        mu: weight of the density, zero unless the method is ``"geodreg"``.
        z: latents, ``(..., K, d)``.
        x: data, ``(..., K, *data_shape)``.
        nll: negative log-density at the points, ``(..., K)``, in nats.
        interval: length ``T`` of the parameter interval, ``(...)``.
        length: length of the path in data space, ``(...)``.
        chord_length: length of the polyline through ``x``, ``(...)``.
        energy: chord energy, ``(...)``.
        objective: energy plus regulariser, ``(...)``.
        gap: longest chord over mean chord, ``(...)``; 1 is even spacing.
        converged: whether the solve came to rest at a minimum, a local one at least, ``(...)``.
        iterations: of the solver, ``(...)``.
        status: why the solver stopped, an array of the strings of :class:`~geodreg.Status`, ``(...)``.
        history: what the solver watched, after each iteration, ``(..., iterations + 1)``.
    """

    manifold: LatentManifold
    method: str
    mu: float
    z: Tensor
    x: Tensor
    nll: Tensor
    interval: Tensor
    length: Tensor
    chord_length: Tensor
    energy: Tensor
    objective: Tensor
    gap: Tensor
    converged: Tensor
    iterations: Tensor
    status: NDArray[np.object_]
    history: Tensor

    def __getitem__(self, index: int | slice) -> Paths:
        """Some of the paths, by the first dimension of the batch."""
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in CONTEXT}
        return replace(self, **{name: values[index] for name, values in parts.items()})

    @torch.no_grad()  # the graph of all points would be kept for nothing where weights ask for a gradient
    def resample(self, n: int = 100) -> Profile:
        """The paths at ``n`` points, evenly spaced by arc length in data space.

        Raises:
            ValueError: if ``n`` is below 2.
        """
        if n < 2:
            raise ValueError(f"n is {n}; a path is sampled at 2 points or more.")
        fine = refine(self.z, SUB_POINTS)
        norms = chord_norms(self.manifold.generate_flat(fine).detach())
        positions = equal_length_positions(norms, n)
        z = along(fine, positions)
        chord = positions.floor().clamp(max=norms.shape[-1] - 1)
        direction = along(fine, chord + 1) - along(fine, chord)  # of the chord of z that the point is on
        _, pushed, *_ = torch.func.jvp(self.manifold.generate_flat, (z,), (direction,))
        fractions = positions.new_tensor(range(n)) / (n - 1)
        return Profile(
            arc_length=(norms.sum(-1, keepdim=True) * fractions).to(z.dtype),
            z=z,
            x=self.manifold.generate(z).detach(),
            nll=self.manifold.nll(z).detach(),
            tangent=normalize(pushed.detach(), dim=-1),
        )

    def to_frame(self, n: int | None = None) -> pd.DataFrame:
        """The paths as a table, one row a point: the solver's own points, or ``n`` points evenly spaced by arc length.

        Columns: ``method``, ``mu``, ``pair`` (running number in the batch), ``point``, ``nll``, the latents
        ``z0, z1, ...``, and ``arc_length`` for evenly spaced points.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        if n is None:
            z, nll = self.z, self.nll
        else:
            profile = self.resample(n)
            z, nll = profile.z, profile.nll
            columns["arc_length"] = profile.arc_length.flatten().cpu().numpy()
        n_points, d = z.shape[-2:]
        n_pairs = z.shape[:-2].numel()
        latents = z.reshape(-1, d).cpu().numpy()
        return pd.DataFrame(
            {
                "method": self.method,
                "mu": self.mu,
                "pair": np.repeat(np.arange(n_pairs), n_points),
                "point": np.tile(np.arange(n_points), n_pairs),
                **columns,
                "nll": nll.flatten().cpu().numpy(),
                **{f"z{i}": latents[:, i] for i in range(d)},
            }
        )
