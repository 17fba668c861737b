"""Arguments of the front door: each is accepted, or refused with one sentence that says how to mend it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from geodreg.manifold import LatentManifold
from geodreg.solvers import Algorithm1, GraphStart, Newton, Solver

__all__ = ["check_ends", "check_init", "check_settings", "check_solver"]

METHODS = ("straight", "geodesic", "geodreg")
STARTS = ("straight", "graph")
SOLVERS: dict[str, Solver] = {"newton": Newton(), "algorithm1": Algorithm1()}


def check_settings(method: str, mu: float, n_points: int, interval: float | str) -> None:
    """Refuse an unknown method and numbers out of range.

    Raises:
        ValueError: always with the value given and the values allowed.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; choose one of {', '.join(map(repr, METHODS))}.")
    if not (isinstance(mu, int | float) and math.isfinite(mu) and mu >= 0):
        raise ValueError(f"mu is {mu!r}; pass a finite number, zero or positive (the paper uses 0.003 to 0.1).")
    if not (isinstance(n_points, int) and n_points >= 3):
        raise ValueError(f"n_points is {n_points!r}; a path needs a whole number of points, at least 3.")
    if interval != "unit-speed" and not (
        isinstance(interval, int | float) and math.isfinite(interval) and interval > 0
    ):
        raise ValueError(f"interval is {interval!r}; pass 'unit-speed' or a positive number.")


def check_solver(solver: str | Solver) -> Solver:
    """The solver that is meant.

    Raises:
        ValueError: if a name is unknown, or an object has no method ``solve``.
    """
    if isinstance(solver, str) and solver in SOLVERS:
        return SOLVERS[solver]
    if isinstance(solver, str) or not hasattr(solver, "solve"):
        names = ", ".join(map(repr, SOLVERS))
        raise ValueError(f"solver is {solver!r}; choose one of {names}, or pass an object with a method solve.")
    return solver


def check_init(init: str | GraphStart | Tensor, start: Tensor, end: Tensor, n_points: int) -> None:
    """Refuse start curves that are unknown, of another shape, or that do not join the ends.

    Raises:
        ValueError: in each of these cases.
    """
    if isinstance(init, Tensor):
        shape = (*start.shape[:-1], n_points, start.shape[-1])
        if init.shape != shape:
            raise ValueError(f"init has shape {tuple(init.shape)}; curves for these ends have shape {shape}.")
        if not (torch.allclose(init[..., 0, :], start) and torch.allclose(init[..., -1, :], end)):
            raise ValueError("init does not join the ends; its first points must be start and its last points end.")
    elif not (isinstance(init, GraphStart) or init in STARTS):
        raise ValueError(f"init is {init!r}; choose 'straight' or 'graph', or pass a GraphStart or curves (..., K, d).")


def check_ends(manifold: LatentManifold, start: Tensor, end: Tensor, needs_density: bool) -> None:
    """Refuse ends that do not match each other or the generator.

    Raises:
        TypeError: if an end is not a floating-point tensor.
        ValueError: if shapes, dtypes or devices differ, if an end is not finite, if the generator does not take the
            ends or returns something else than one finite data point for each, or if its density is minus infinity
            everywhere.
    """
    for name, value in (("start", start), ("end", end)):
        if not (isinstance(value, Tensor) and value.is_floating_point()):
            kind = f"a tensor of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise TypeError(f"{name} is {kind}; pass a floating-point tensor of latents (..., d).")
    for what in ("shape", "dtype", "device"):
        if getattr(start, what) != getattr(end, what):
            raise ValueError(
                f"start and end differ in {what}: {_of(start, what)} and {_of(end, what)}; pass two latents that match."
            )
    if start.ndim == 0 or start.numel() == 0:
        raise ValueError(f"start has shape {tuple(start.shape)}; pass at least one latent, (..., d).")
    if not (start.isfinite().all() and end.isfinite().all()):
        raise ValueError("start or end holds a NaN or an infinity; pass finite latents.")

    ends = torch.stack([start, end]).detach().reshape(-1, start.shape[-1])
    try:
        with torch.no_grad():
            x = manifold.generator(ends)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"The generator does not take latents of shape {tuple(ends.shape)}, {ends.dtype}, on {ends.device} "
            f"({reason}); pass ends of its latent size, dtype and device."
        ) from error
    if not isinstance(x, Tensor) or x.ndim < 2 or len(x) != len(ends):
        kind = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise ValueError(f"The generator returns {kind} for latents {tuple(ends.shape)}; it must return (n, ...).")
    if not x.isfinite().all():
        raise ValueError("The generator returns NaN or infinity at start or end; no path can be measured there.")
    if needs_density and manifold.noise == 0.0 and x[0].numel() < start.shape[-1]:
        raise ValueError(
            f"The generator takes {start.shape[-1]} latents to {x[0].numel()} numbers, so its density is singular "
            "everywhere; pass a LatentManifold with noise > 0."
        )


def _of(tensor: Tensor, what: str) -> object:
    value = getattr(tensor, what)
    return tuple(value) if what == "shape" else value
