"""What a start or a solver returns, one of the user's own above all: accepted, or refused with one sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from geodreg.solvers import Solution, Solver, Start, Status
from geodreg.solvers.solution import TENSORS

__all__ = ["check_curves", "check_solution"]


def check_curves(init: Start, curves: object, start: Tensor, end: Tensor, n_points: int) -> Tensor:
    """A detached copy of start curves ``(P, K, d)``, whose endpoints are exactly those asked for.

    Args:
        init: what drew the curves.
        curves: what it returned.
        start: ``(P, d)``.
        end: ``(P, d)``.
        n_points: number of points ``K``.

    Raises:
        TypeError: if it returned no tensor.
        ValueError: if shape, dtype or device are others, or if a curve does not join its endpoints.
    """
    name = type(init).__name__
    shape = (len(start), n_points, start.shape[-1])
    drawn = _checked_paths(f"{name}.curves", curves, shape, start).detach().clone()
    if not (torch.allclose(drawn[:, 0], start) and torch.allclose(drawn[:, -1], end)):
        raise ValueError(
            f"{name}.curves returns curves that do not join the endpoints; their first points must be start and their "
            "last points end."
        )
    drawn[:, 0], drawn[:, -1] = start, end
    return drawn


def check_solution(solver: Solver, solution: object, start: Tensor) -> Solution:
    """A detached copy of what a solver made of start curves ``(P, K, d)``, which is written into later.

    Raises:
        TypeError: if it returned no :class:`~geodreg.solvers.Solution`, or one without tensors.
        ValueError: if the paths have another shape, dtype or device or other endpoints than the start curves, or if
            what is said of the pairs is not of as many pairs, or not in the terms of :class:`~geodreg.Status`.
    """
    name = f"{type(solver).__name__}.solve"
    if not isinstance(solution, Solution):
        raise TypeError(f"{name} returns a {type(solution).__name__}; it must return a geodreg.solvers.Solution.")
    _checked_paths(name, solution.z, tuple(start.shape), start)
    kinds: list[tuple[str, type]] = [*((what, Tensor) for what in TENSORS), ("status", np.ndarray)]
    for what, kind in kinds:
        if not isinstance(found := getattr(solution, what), kind):
            raise TypeError(f"{name} returns {what} as a {type(found).__name__}; it must be a {kind.__name__}.")
    if not torch.equal(solution.z[:, [0, -1]], start[:, [0, -1]]):
        raise ValueError(f"{name} moves the endpoints of paths; their first and last points must stay as they are.")
    for what in ("iterations", "evaluations", "gradient_norm", "status"):
        if (shape := tuple(getattr(solution, what).shape)) != (len(start),):
            raise ValueError(f"{name} returns {what} of shape {shape}; for {len(start)} pairs it must be one for each.")
    if solution.history.ndim != 2 or len(solution.history) != len(start) or solution.history.shape[1] == 0:
        raise ValueError(
            f"{name} returns a history of shape {tuple(solution.history.shape)}; "
            f"for {len(start)} pairs it must be a row for each, with at least one value."
        )
    unknown = [status for status in solution.status if status not in list(Status)]
    if unknown or solution.status.dtype != np.dtype(object):
        first = unknown[0] if unknown else str(solution.status.dtype)
        raise ValueError(f"{name} returns the status {first!r}; it must be an array of objects, each a geodreg.Status.")
    copies = {what: getattr(solution, what).detach().clone() for what in TENSORS}
    return replace(solution, **copies, status=solution.status.copy())


def _checked_paths(name: str, z: object, shape: tuple[int, ...], like: Tensor) -> Tensor:
    if not isinstance(z, Tensor):
        raise TypeError(f"{name} returns a {type(z).__name__}; it must return a tensor of shape {shape}.")
    if z.shape != shape or z.dtype != like.dtype or z.device != like.device:
        raise ValueError(
            f"{name} returns {tuple(z.shape)}, {z.dtype}, on {z.device}; "
            f"for these pairs it must be {shape}, {like.dtype}, on {like.device}."
        )
    return z
