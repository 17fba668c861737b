"""How many pairs can be solved together within a memory budget."""

from __future__ import annotations

import torch
from torch import Tensor

from geodreg.derivatives.jacobian_products import bytes_of
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.limits import GIB, memory_of
from geodreg.interpolation.paths import SUB_POINTS
from geodreg.objectives.dense import PathObjective
from geodreg.solvers.by_gradients import needs_no_jacobian
from geodreg.solvers.newton import FEW

__all__ = ["bytes_per_pair", "pairs_at_once"]

SCATTERED = 1.15  # an allocator's blocks that are free but not whole; up to 1.08 was measured


def pairs_at_once(manifold: LatentManifold, mu: float, line: Tensor, n_pairs: int, memory: float | None) -> int:
    """Number of pairs whose solve fits the budget.

    Args:
        manifold: the model.
        mu: weight of the density.
        line: a path of the size that will be solved, ``(1, K, d)``.
        n_pairs: number of pairs that there are.
        memory: the budget in GiB, or None for :func:`~geodreg.interpolation.limits.memory_of`.

    Raises:
        ValueError: if the budget is not positive, or not even one pair fits it.
    """
    if memory is not None and not (isinstance(memory, int | float) and memory > 0):
        raise ValueError(
            f"memory is {memory}; pass a positive number of GiB, or None for a quarter of what this process may take."
        )
    budget = memory_of(line.device) if memory is None else float(memory) * GIB
    one = bytes_per_pair(manifold, mu, line)
    if memory is not None and one > budget:
        raise ValueError(
            f"One path of {line.shape[1]} points takes about {one / GIB:.2g} GiB and the budget is {budget / GIB:.2g} "
            "GiB; pass a larger memory=, fewer n_points, or solver='matrix-free', which holds no Jacobian."
        )
    return max(1, int(min(n_pairs, budget / one)))


def bytes_per_pair(manifold: LatentManifold, mu: float, line: Tensor) -> float:
    """Bytes that the solve of a path like ``line (1, K, d)`` holds at a time.

    Counted are the graph of a point, by what a second point adds to that of one, once in use and once about to be
    freed; the Jacobian in single and double precision and as a cotangent; the data points, in double precision a few
    times; and those between the points, along which the length is measured. What L-BFGS remembers is not: 0.6 kB
    for each number of a path's latents once it has taken 40 iterations, and 1.6 kB where gradients are enough and it
    remembers 100. Some is added for what lies scattered.
    """
    n_points, d = line.shape[1:]
    with torch.no_grad():
        manifold.pushforward(line[0, :1])  # what it finds out once is not to be counted
    one, size = _bytes_saved(manifold, mu, line[:, [0, n_points // 2, -1]])
    two, _ = _bytes_saved(manifold, mu, line[:, [0, n_points // 2, n_points // 2, -1]])
    return float(SCATTERED * (2 * (two - one) + 4 * d * size + (2 * SUB_POINTS + 8) * size) * n_points)


def _bytes_saved(manifold: LatentManifold, mu: float, line: Tensor) -> tuple[int, int]:
    """Bytes that the graph of a path ``(1, K, d)`` saves, and bytes of a data point."""
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        if tensor.layout != torch.strided:
            saved[id(tensor)] = bytes_of(tensor)
            return tensor
        storage = tensor.untyped_storage()
        try:
            saved[storage.data_ptr()] = storage.nbytes()
        except RuntimeError:  # inside of torch.func, where one direction stands for a batch of d
            saved[id(tensor)] = line.shape[-1] * tensor.nbytes
        return tensor

    objective = PathObjective(manifold, mu, torch.ones(1, dtype=torch.float64, device=line.device))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        trial = objective.trial(line)
        if needs_no_jacobian(objective) and line.shape[-1] >= FEW:  # the graph may be that of the gradient
            with torch.enable_grad():
                manifold.generate_flat(line[:, 1:-1].detach().requires_grad_())
    return sum(saved.values()), trial.x[0, 0].numel() * trial.x.element_size()
