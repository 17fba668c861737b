"""Transforms of torch.func, inside of which nothing can be solved."""

from __future__ import annotations

import torch

__all__ = ["refuse_transforms"]


def refuse_transforms() -> None:
    """Refuse to solve inside of a transform, where a tensor stands for many and has no numbers to look at.

    Raises:
        RuntimeError: with what does the same.
    """
    if torch._C._are_functorch_transforms_active():
        raise RuntimeError(
            "Solves do not run inside torch.func (grad, vmap, jacrev and the like); take gradients of "
            "geodesic_distance by backward() or torch.autograd.grad, and pass a batch of latents instead of vmap."
        )
