"""What interpolation returns: paths, and what can be read off them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from geodreg.derivatives.calling import is_half, lifted
from geodreg.derivatives.modes import own_modes
from geodreg.geometry.curve import along, chord_norms, equal_length_positions, refine
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.training_mode import refuse_training_mode
from geodreg.interpolation.report import Report

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Paths", "Profile", "eighths", "join", "path_length", "sampled"]

CONTEXT = ("manifold", "method", "mu", "seconds", "curvature")  # what all paths of a batch share
PART = 2**25  # numbers in data space that are measured together
SWING = 0.01  # share by which a path may be longer than the polyline through its points
SUB_POINTS = 8  # cuts of a chord when length is measured along the path


def path_length(manifold: LatentManifold, z: Tensor) -> Tensor:
    """Length in data space of paths that are piecewise linear in latent space: ``(..., K, d)`` to ``(...)``.

    Every chord is cut in eight, so what lies between two points counts.
    """
    return eighths(manifold, z).sum(-1)


def eighths(manifold: LatentManifold, z: Tensor) -> Tensor:
    """Norms in data space of the eighths of the chords of paths: ``(..., K, d)`` to ``(..., 8 (K-1))``.

    Only some of the paths are in data space at a time.
    """
    batch, paths = z.shape[:-2], z.reshape(-1, *z.shape[-2:])
    with torch.no_grad():
        n_numbers = SUB_POINTS * z.shape[-2] * manifold.generate_flat(paths[0, :1]).shape[-1]  # of one path
        parts = paths.split(max(1, PART // n_numbers))
        norms = torch.cat([chord_norms(manifold.generate_flat(refine(part, SUB_POINTS))) for part in parts])
    return norms.reshape(*batch, -1)


@dataclass(frozen=True, eq=False)
class Profile:
    """Points at equal distances along paths; leading dimensions ``...`` are the batch of the paths.

    The density takes a Jacobian at every point, and the tangent a product with one; most images are looked at without
    either, so each is computed when it is first asked for, or when the points are pickled.

    Attributes:
        arc_length: distance from the start in data space, ``(..., n)``; NaN along a path without a finite length.
        z: latents, ``(..., n, d)``.
        x: data, ``(..., n, *data_shape)``.
    """

    arc_length: Tensor
    z: Tensor
    x: Tensor
    _measured_nll: Callable[[], Tensor] = field(repr=False)
    _measured_tangent: Callable[[], Tensor] = field(repr=False)

    @cached_property
    def nll(self) -> Tensor:
        """Negative log-density, ``(..., n)``, in nats."""
        return self._measured_nll()

    @cached_property
    def tangent(self) -> Tensor:
        """Unit tangent where lengths are measured, flattened, ``(..., n, D)``; zero where the path stands still."""
        return self._measured_tangent()

    def __getstate__(self) -> dict[str, Any]:
        """What is measured already, in place of the model that would measure it."""
        return {
            **self.__dict__,
            "nll": self.nll,
            "tangent": self.tangent,
            "_measured_nll": None,
            "_measured_tangent": None,
        }


@dataclass(frozen=True, eq=False)
class Paths:
    """Interpolations between pairs of latents; leading dimensions ``...`` are the batch of the endpoints.

    A path is piecewise linear in latent space between its ``K`` points. ``z``, ``x``, ``nll`` and the chords are those
    of the points; ``length`` and :meth:`resample` are of the path between them. Where the density played no part in the
    solve, ``nll`` is computed when it is first asked for, since it takes a Jacobian at every point; it is then that of
    the generator as it is at that time.

    Attributes:
        manifold: the model.
        method: ``"straight"``, ``"slerp"``, ``"geodesic"`` or ``"geodreg"``.
        mu: weight of the density, zero unless the method is ``"geodreg"``.
        seconds: that the whole batch took.
        z: latents, ``(..., K, d)``, or ``(..., K, *latent_shape)`` if the endpoints were given so.
        x: data, ``(..., K, *data_shape)``.
        known_nll: ``nll``, if it was known at the end of the solve.
        interval: length ``T`` of the parameter interval, ``(...)``.
        length: length of the path in data space, or under the manifold's ambient map, ``(...)``; as are all lengths.
        chord_length: length of the polyline through its points, ``(...)``. Where ``length`` is more than a hundredth
            longer, the path swings out between its points; it needs more of them.
        energy: chord energy, ``(...)``.
        objective: energy plus regulariser, ``(...)``.
        eighths: lengths of the path in order, an eighth of a chord each, whose sum is ``length``, ``(..., 8 (K-1))``;
            what is sampled along the path is placed by them.
        gap: longest chord over mean chord, ``(...)``; 1 is even spacing.
        converged: whether the solve came to rest at a minimum, a local one at least, ``(...)``.
        iterations: of the solver, ``(...)``.
        evaluations: of the objective, ``(...)``; one with fewer points counts for as much as its fraction of points.
        gradient_norm: norm of the objective's gradient with respect to the latents at the end of the solve, before the
            last step that a plain geodesic takes in double precision, ``(...)``; NaN where there was none.
        status: why the solver stopped, an array of the strings of :class:`~geodreg.Status`, ``(...)``.
        history: what the solver watched, after each iteration, ``(..., iterations + 1)``.
        curvature: what the solver knew of the energy's curvature, and why that; empty where nothing was solved.
    """

    manifold: LatentManifold
    method: str
    mu: float
    seconds: float
    z: Tensor
    x: Tensor
    known_nll: Tensor | None
    interval: Tensor
    length: Tensor
    chord_length: Tensor
    energy: Tensor
    objective: Tensor
    eighths: Tensor
    gap: Tensor
    converged: Tensor
    iterations: Tensor
    evaluations: Tensor
    gradient_norm: Tensor
    status: NDArray[np.object_]
    history: Tensor
    curvature: str = ""

    @cached_property
    @own_modes()
    def nll(self) -> Tensor:
        """Negative log-density at the points, ``(..., K)``, in nats."""
        if self.known_nll is not None:
            return self.known_nll
        z = lifted(self.flat_latents)
        if z.numel() == 0:
            return z.new_zeros(z.shape[:-1])
        refuse_training_mode(self.manifold.generator, self.manifold.ambient)
        with torch.no_grad():
            return self.manifold.nll(z)

    def __getitem__(self, index: Any) -> Paths:  # noqa: ANN401 - whatever NumPy takes
        """Some of the paths, by an index into the batch as NumPy has it; points and latents are not indexed.

        Raises:
            IndexError: if there are no such paths.
        """
        each = index if isinstance(index, tuple) else (index,)
        chosen = tuple(part.cpu().numpy() if isinstance(part, Tensor) else part for part in each)
        rows = np.arange(self.status.size).reshape(self.status.shape)[chosen]
        on_device = torch.from_numpy(np.array(rows)).to(self.z.device)
        return self.flatten()._each(
            lambda values: values[on_device] if isinstance(values, Tensor) else np.asarray(values[rows], dtype=object)
        )

    def flatten(self) -> Paths:
        """The same paths with one dimension of batch, ``(P,)``."""
        n = self.status.size
        return self._each(lambda values: values.reshape(n, *values.shape[self.status.ndim :]))

    def unflatten(self, batch: torch.Size) -> Paths:
        """The same paths, of batch ``(P,)``, with a batch of another shape."""
        return self._each(lambda values: values.reshape((*batch, *values.shape[1:])))

    @property
    def flat_latents(self) -> Tensor:
        """Latents as vectors, ``(..., K, d)``."""
        return self.z.flatten(self.status.ndim + 1)

    @property
    def measured(self) -> Tensor:
        """Points as vectors where lengths are measured, ``(..., K, D)``: data, or their images by the ambient map.

        Those of half precision are computed in single, since chords are small differences of them.
        """
        if self.manifold.ambient is None and not is_half(self.x.dtype):
            return self.x.flatten(self.status.ndim + 1)
        with torch.no_grad():
            return self.manifold.generate_flat(lifted(self.flat_latents))

    @property
    def swings(self) -> Tensor:
        """Whether a path is more than a hundredth longer than the polyline through its points, ``(...)``."""
        return self.length > (1.0 + SWING) * self.chord_length

    def with_flat_latents(self) -> Paths:
        """The same paths with latents as vectors."""
        return replace(self, z=self.flat_latents)

    def _each(self, change: Callable[[Any], Any]) -> Paths:
        parts = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in CONTEXT}
        parts["known_nll"] = vars(self).get("nll", self.known_nll)
        return replace(self, **{name: change(values) for name, values in parts.items() if values is not None})

    def report(self) -> Report:
        """What the solver says about each path, for reading: ``print(paths.report())``."""
        flat = self.flatten()
        chords = chord_norms(flat.measured)
        mean = chords.mean(-1, keepdim=True)
        weight = f", mu {self.mu:g}" if self.method == "geodreg" else ""
        n_paths, n_points = flat.z.shape[:2]
        columns = {
            "energy": flat.energy,
            "density": flat.objective - flat.energy,
            "objective": flat.objective,
            "gradient_norm": flat.gradient_norm,
            "gap": flat.gap,
            "chord_ratio": flat.length / flat.chord_length,
            "speed_variation": (chords - mean).square().mean(-1).sqrt() / mean.squeeze(-1).clamp_min(1e-300),
            "evaluations": flat.evaluations,
        }
        return Report(
            title=f"{n_paths} by {self.method}{weight}, {n_points} points, {self.seconds:.3g} s",
            **{name: values.double().cpu().numpy() for name, values in columns.items()},
            status=flat.status,
            derivatives=str(self.manifold.ladder.rung or "products with the Jacobian by reverse mode"),
            curvature=self.curvature,
        )

    @torch.no_grad()  # the graph of all points would be kept for nothing where weights ask for a gradient
    def resample(self, n: int = 100) -> Profile:
        """The paths at ``n`` points, evenly spaced by arc length in data space.

        A path that has no finite length, as its status says, is sampled evenly by the index of its points.

        Raises:
            ValueError: if ``n`` is below 2.
        """
        if n < 2:
            raise ValueError(f"n is {n}; a path is sampled at 2 points or more.")
        if self.status.size == 0:  # as of those that did not converge, where all did
            return self._profile_of_none(n)
        profile = sampled(self.manifold, lifted(self.flat_latents), n, norms=self.eighths)
        z = profile.z.reshape(*profile.z.shape[:-1], *self.z.shape[self.status.ndim + 1 :])
        return replace(profile, z=z.to(self.z.dtype), x=profile.x.to(self.x.dtype))

    def _profile_of_none(self, n: int) -> Profile:
        """What ``n`` points of no path at all are."""
        shape, after = (*self.status.shape, n), self.status.ndim + 1
        numbers, tangent = self.length.new_zeros(shape), self.z.new_zeros(*shape, self.measured.shape[-1])
        z, x = self.z.new_zeros(*shape, *self.z.shape[after:]), self.x.new_zeros(*shape, *self.x.shape[after:])
        return Profile(numbers, z, x, lambda: numbers, lambda: tangent)

    def to_frame(self, n: int | None = None) -> pd.DataFrame:
        """The paths as a table, one row a point: the solver's own points, or ``n`` points evenly spaced by arc length.

        Columns: ``method``, ``mu``, ``pair`` (running number in the batch), ``point``, ``nll``, the latents
        ``z0, z1, ...``, and ``arc_length`` for evenly spaced points.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        if n is None:
            z, nll = self.flat_latents, self.nll
        else:
            profile = self.with_flat_latents().resample(n)
            z, nll = profile.z, profile.nll
            columns["arc_length"] = profile.arc_length.flatten().cpu().numpy()
        n_points, d = z.shape[-2:]
        n_pairs = z.shape[:-2].numel()
        latents = lifted(z).reshape(-1, d).cpu().numpy()
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


@own_modes()
def sampled(manifold: LatentManifold, z: Tensor, n: int, is_loop: bool = False, norms: Tensor | None = None) -> Profile:
    """Paths ``(..., K, d)`` at ``n`` points, evenly spaced by arc length where lengths are measured.

    Args:
        manifold: the model.
        z: the paths, piecewise linear.
        n: number of points.
        is_loop: whether the last point is left out, since it is the first one again.
        norms: of the eighths of the chords, ``(..., 8 (K-1))``, if they are known.
    """
    fine = refine(z, SUB_POINTS)
    norms = eighths(manifold, z) if norms is None else norms
    positions = equal_length_positions(norms, n + is_loop)[..., :n]
    z = along(fine, positions)
    chord = positions.floor().clamp(max=norms.shape[-1] - 1)
    direction = along(fine, chord + 1) - along(fine, chord)  # of the chord of z that the point is on
    fractions = positions.new_tensor(range(n)) / (n - 1 + is_loop)
    length = norms.sum(-1, keepdim=True)
    arc_length = (torch.where(length.isfinite(), length, torch.nan) * fractions).to(z.dtype)

    @own_modes()
    @torch.no_grad()
    def nll() -> Tensor:
        refuse_training_mode(manifold.generator, manifold.ambient)
        return manifold.nll(z)

    @own_modes()
    @torch.no_grad()
    def tangent() -> Tensor:
        refuse_training_mode(manifold.generator, manifold.ambient)
        return normalize(manifold.pushed(z, direction), dim=-1)

    with torch.no_grad():
        return Profile(arc_length, z, manifold.generate(z), nll, tangent)


def join(groups: Sequence[Paths]) -> Paths:
    """Paths of several groups of pairs, ``(P,)`` each, as one batch; shorter histories repeat their last value."""
    if len(groups) == 1:
        return groups[0]
    n_columns = max(group.history.shape[1] for group in groups)
    joined: dict[str, Any] = {}
    for name in (each.name for each in fields(Paths) if each.name not in CONTEXT):
        parts = [getattr(group, name) for group in groups]
        if any(part is None for part in parts):
            continue
        if name == "history":
            parts = [torch.cat([part, part[:, -1:].expand(-1, n_columns - part.shape[1])], dim=1) for part in parts]
        joined[name] = np.concatenate(parts) if name == "status" else torch.cat(parts)
    return replace(groups[0], **joined)
