"""Arguments of the front door: each is accepted, or refused with one sentence that says how to mend it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from numbers import Integral, Real

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from geodreg.derivatives.calling import is_half
from geodreg.derivatives.ladder import MIXES_ROWS, DerivativeError, check_products, drops_rows
from geodreg.geometry.manifold import LatentManifold
from geodreg.geometry.stochastic_volume import MatrixFreeManifold
from geodreg.geometry.training_mode import refuse_training_mode
from geodreg.interpolation.density_checks import check_ambient, check_density
from geodreg.interpolation.latent_shapes import refuse_other_shape
from geodreg.interpolation.paths import Paths
from geodreg.solvers import Algorithm1, MatrixFree, Newton, Solver, Start

__all__ = ["check_endpoints", "check_generator", "check_init", "check_settings", "check_solver", "with_tolerance"]

SAME = 1e-3  # relative; a generator may compute in less precision than it returns
FEW = 16  # latents that a generator which may be none is tried on at first
METHODS = ("straight", "slerp", "geodesic", "geodreg")
STARTS = ("straight", "graph", "best")
SOLVERS: dict[str, Solver] = {"newton": Newton(), "algorithm1": Algorithm1(), "matrix-free": MatrixFree()}


def check_settings(method: object, mu: object, n_points: object, interval: object) -> None:
    """Refuse an unknown method and numbers out of range.

    Raises:
        ValueError: always with the value given and the values allowed.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; choose one of {', '.join(map(repr, METHODS))}.")
    if not (isinstance(mu, Real) and math.isfinite(mu) and float(mu) >= 0):
        raise ValueError(f"mu is {mu!r}; pass a finite number, zero or positive; 0.03 to 1 are usual.")
    if n_points != "auto" and not (isinstance(n_points, Integral) and int(n_points) >= 3):
        raise ValueError(f"n_points is {n_points!r}; a path needs a whole number of points, at least 3, or 'auto'.")
    if interval != "unit-speed" and not (
        isinstance(interval, Real) and math.isfinite(interval) and float(interval) > 0
    ):
        raise ValueError(f"interval is {interval!r}; pass 'unit-speed' or a positive number.")


def check_solver(solver: str | Solver) -> Solver:
    """The solver that is meant.

    Raises:
        ValueError: if a name is unknown, or an object has no method ``solve``.
    """
    if isinstance(solver, str) and solver in SOLVERS:
        return SOLVERS[solver]
    if isinstance(solver, str) or not _has_method(solver, "solve"):
        names = ", ".join(map(repr, SOLVERS))
        raise ValueError(f"solver is {solver!r}; choose one of {names}, or pass an object with a method solve.")
    return solver


def with_tolerance(solver: Solver, tolerance: object) -> Solver:
    """The solver with a tolerance, if one is given.

    Raises:
        ValueError: if it is not positive, or the solver has none.
    """
    if tolerance is None:
        return solver
    if isinstance(tolerance, bool) or not (isinstance(tolerance, Real) and 0.0 < float(tolerance) < math.inf):
        raise ValueError(f"tolerance is {tolerance!r}; pass a positive number, or None for the solver's own.")
    if isinstance(solver, Newton | MatrixFree | Algorithm1):
        return replace(solver, tolerance=float(tolerance))
    raise ValueError(
        f"tolerance is {tolerance!r} beside a {type(solver).__name__}; leave it out, and set it in your own solver."
    )


def check_init(init: str | Start | Tensor, start: Tensor, end: Tensor, n_points: int) -> None:
    """Refuse start curves that are unknown, of another shape, or that do not join the endpoints.

    Raises:
        ValueError: in each of these cases.
    """
    if isinstance(init, Tensor):
        shape = (*start.shape[:-1], n_points, start.shape[-1])
        if init.shape != shape:
            raise ValueError(f"init has shape {tuple(init.shape)}; curves for these endpoints have shape {shape}.")
        if init.dtype != start.dtype or init.device != start.device:
            raise ValueError(
                f"init is {init.dtype} on {init.device}; these endpoints are {start.dtype} on {start.device}, "
                "pass the same."
            )
        if not (torch.allclose(init[..., 0, :], start) and torch.allclose(init[..., -1, :], end)):
            raise ValueError(
                "init does not join the endpoints; its first points must be start and its last points end."
            )
    elif not (init in STARTS if isinstance(init, str) else _has_method(init, "curves")):
        raise ValueError(
            f"init is {init!r}; choose 'straight', 'graph' or 'best', or pass curves (..., K, d), a GraphStart or "
            "another object with a method curves."
        )


def _has_method(thing: object, name: str) -> bool:
    """Whether it is an object, not a class, with that method."""
    return not isinstance(thing, type) and callable(getattr(thing, name, None))


def check_geodesic(geodesic: Paths | None, start: Tensor, end: Tensor, n_points: int) -> None:
    """Refuse plain geodesics that are not what they are taken for.

    Raises:
        ValueError: if they are by another method, of another shape, or between other endpoints.
    """
    if geodesic is None:
        return
    shape = (*start.shape[:-1], n_points, start.shape[-1])
    if geodesic.method != "geodesic" or geodesic.z.shape != shape:
        raise ValueError(
            f"geodesic holds paths by {geodesic.method!r} of shape {tuple(geodesic.z.shape)}; "
            f"pass what method='geodesic' gave for these endpoints, of shape {shape}."
        )
    if not (torch.equal(geodesic.z[..., 0, :], start) and torch.equal(geodesic.z[..., -1, :], end)):
        raise ValueError("geodesic is between other endpoints; pass what method='geodesic' gave for these.")


def check_endpoints(manifold: LatentManifold, start: Tensor, end: Tensor, needs_density: bool) -> None:
    """Refuse endpoints that do not match each other, the generator or the prior.

    Raises:
        TypeError: if an end is not a floating-point tensor.
        ValueError: if shapes, dtypes or devices differ, if an end is not finite or outside of the prior's support, if
            the density is minus infinity everywhere, and as :func:`check_generator`.
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
    ends = torch.stack([start, end]).detach().clone().reshape(-1, start.shape[-1])
    ends = ends.float() if is_half(ends.dtype) else ends  # as they are solved
    pushed_forward = needs_density and manifold.density is None
    try:
        check_generator(manifold, ends, twice=pushed_forward)
    except ValueError as error:
        if error.__cause__ is not None:  # that the generator raised
            refuse_other_shape(manifold, start.shape, ends)
        raise
    n_numbers = manifold.data_size(ends)
    if pushed_forward and manifold.noise == 0.0 and n_numbers < start.shape[-1]:
        raise ValueError(
            f"The generator takes {start.shape[-1]} latents to {n_numbers} numbers, so its density is singular "
            "everywhere; pass a LatentManifold with noise > 0."
        )


def check_generator(manifold: LatentManifold, z: Tensor, twice: bool) -> None:
    """Refuse a generator or a prior that does not fit latents ``(n, d)``, of which a few are tried at a time.

    Args:
        manifold: the model.
        z: latents to try it on.
        twice: whether the log-volume will be differentiated too.

    Raises:
        ValueError: if the generator is in training mode and would change or draw at random, does not take the latents,
            does not return one finite data point for each, mixes them, or cannot be differentiated; if the prior has
            another size, or the latents are outside of its support.
    """
    refuse_training_mode(manifold.generator, manifold.ambient)
    _check_data(manifold, z[:FEW])
    if len(z) > FEW:
        for part in manifold.parts(z[FEW:], n_tangents=1):
            _check_data(manifold, part)
    _check_derivatives(manifold, z, twice)
    check_density(manifold, z)


def _check_data(manifold: LatentManifold, z: Tensor) -> None:
    """Refuse a generator or an ambient map that does not take latents ``(n, d)`` each to a finite data point."""
    try:
        with torch.no_grad():
            x = manifold.function(z)
            alone = manifold.function(z[:1]) if isinstance(x, Tensor) else x
    except Exception as error:  # whatever it is, it is the generator's, and the sentence quotes it
        hidden = ""
        if not isinstance(manifold.generator, nn.Module):  # which would be copied to the precision of the solve
            hidden = f" The weights behind a function must be in {z.dtype} themselves."
        raise ValueError(
            f"The generator does not take latents of shape {tuple(z.shape)}, {z.dtype}, on {z.device} "
            f"({_first_line(error)}); pass endpoints of its latent size, dtype and device, and "
            f"LatentManifold(generator, latent_shape=...) if it takes latents of another shape than (n, d).{hidden}"
        ) from error
    if not (isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 2 and len(x) == len(z)):
        raise ValueError(_wrong_data(x, z))
    if x.device != z.device:
        raise ValueError(
            f"The generator returns data on {x.device} for latents on {z.device}; pass latents on the device that it "
            "computes on."
        )
    if not x.isfinite().all():
        raise ValueError("The generator returns NaN or infinity at start or end; no path can be measured there.")
    rounding = max(SAME, torch.finfo(x.dtype).eps ** 0.5) * x.abs().max()
    if fault := drops_rows(alone, x):
        raise ValueError(fault)
    if (x[:1] - alone).abs().max() > rounding:
        raise ValueError(MIXES_ROWS)
    check_ambient(manifold, x, z)


def _wrong_data(x: object, z: Tensor) -> str:
    """What is wrong with the result of a generator for latents ``(n, d)``, and how to take the data out of it."""
    must = "it must return floating-point data of shape (n, D) or with more dimensions"
    if isinstance(x, Tensor):
        return f"The generator returns {x.dtype} of shape {tuple(x.shape)} for latents {tuple(z.shape)}; {must}."
    where = next((name for name, value in _parts(x) if isinstance(value, Tensor)), None)
    sentence = f"The generator returns a {type(x).__name__} for latents {tuple(z.shape)}; {must}"
    if where is None:
        return f"{sentence}."
    return f"{sentence}: pass a function that takes them out, such as lambda z: generator(z){where}."


def _parts(x: object) -> Iterator[tuple[str, object]]:
    """What a result is made of, and how Python writes that."""
    if isinstance(x, Distribution):
        yield ".mean", x.mean
    elif is_dataclass(x):  # a model's output may be a dictionary as well
        yield from ((f".{field.name}", getattr(x, field.name)) for field in fields(x))
    elif isinstance(x, Mapping):
        yield from ((f"[{key!r}]", value) for key, value in x.items())
    elif isinstance(x, tuple) and hasattr(x, "_fields"):
        yield from ((f".{name}", getattr(x, name)) for name in x._fields)
    elif isinstance(x, Sequence):
        yield from ((f"[{place}]", value) for place, value in enumerate(x))


def _check_derivatives(manifold: LatentManifold, z: Tensor, twice: bool) -> None:
    """Refuse a generator that cannot be differentiated, or whose derivatives are not those of its values."""
    try:
        if isinstance(manifold, MatrixFreeManifold):
            check_products(manifold.measured, z, twice)
        else:
            manifold.ladder.check(z, twice)
    except DerivativeError as error:
        raise ValueError(str(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _of(tensor: Tensor, what: str) -> object:
    value = getattr(tensor, what)
    return tuple(value) if what == "shape" else value
