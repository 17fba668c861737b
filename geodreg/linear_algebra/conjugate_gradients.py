"""Preconditioned conjugate gradients for a batch of independent systems."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["conjugate_gradients"]


def conjugate_gradients(
    product: Callable[[Tensor, Tensor], Tensor],
    right_hand_side: Tensor,
    precondition: Callable[[Tensor, Tensor], Tensor],
    tolerance: float,
    max_iterations: int,
) -> Tensor:
    """Solutions of symmetric positive definite systems, each with its own stop; those that have stopped cost nothing.

    A system stops when the residual, in the norm of the preconditioner, has fallen by the tolerance, at the limit, or
    where rounding has made its matrix indefinite; what it has by then is a descent direction in each case.

    Args:
        product: of the matrices of some systems, given by their indices ``(R,)``, with vectors: ``(R, m)`` to same.
        right_hand_side: ``(P, m)``.
        precondition: product with approximate inverses, with the arguments of ``product``.
        tolerance: relative.
        max_iterations: limit of iterations.

    Returns:
        solutions ``(P, m)``.

    Example:
        >>> scale = torch.tensor([[1.0, 4.0]])
        >>> conjugate_gradients(lambda i, v: scale[i] * v, torch.ones(1, 2), lambda i, r: r, 1e-6, 10)
        tensor([[1.0000, 0.2500]])
    """
    solution = torch.zeros_like(right_hand_side)
    at_work = torch.arange(len(solution), device=solution.device)
    residual = right_hand_side.clone()
    scaled = precondition(at_work, residual)
    direction, size = scaled, (residual * scaled).sum(-1)
    target = tolerance**2 * size
    for _ in range(max_iterations):
        going = size > target
        if not going.any():
            break
        at_work, residual, direction = at_work[going], residual[going], direction[going]
        size, target = size[going], target[going]
        image = product(at_work, direction)
        curvature = (direction * image).sum(-1)
        definite = curvature > 0
        length = torch.where(definite, size / torch.where(definite, curvature, 1.0), 0.0)
        solution[at_work] += length.unsqueeze(-1) * direction
        residual = residual - length.unsqueeze(-1) * image
        scaled = precondition(at_work, residual)
        new_size = torch.where(definite, (residual * scaled).sum(-1), 0.0)  # zero: stops here
        direction = scaled + (new_size / size).unsqueeze(-1) * direction
        size = new_size
    return solution
