"""How many pairs can be solved together within a memory budget."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from geodreg.manifold import LatentManifold
from geodreg.objective import PathObjective

__all__ = ["bytes_per_pair", "pairs_at_once"]

GIB = 2**30
SHARE = 0.25  # of the machine's memory, where no budget is given
SUB_POINTS = 8  # of a chord, when the length of the path is measured


def pairs_at_once(manifold: LatentManifold, mu: float, line: Tensor, n_pairs: int, memory: float | None) -> int:
    """Number of pairs whose solve fits the budget.

    Args:
        manifold: the model.
        mu: weight of the density; with zero no graph is kept.
        line: a path of the size that will be solved, ``(1, K, d)``.
        n_pairs: number of pairs that there are.
        memory: the budget in GiB, or None for a quarter of the memory of the machine or the device.

    Raises:
        ValueError: if the budget is not positive, or not even one pair fits it.
    """
    if memory is not None and not memory > 0:
        raise ValueError(f"memory is {memory}; pass a positive number of GiB, or None for a quarter of the machine's.")
    budget = _available(line.device) * SHARE if memory is None else memory * GIB
    one = bytes_per_pair(manifold, mu, line)
    if one > budget:
        raise ValueError(
            f"One path of {line.shape[1]} points takes about {one / GIB:.2g} GiB and the budget is {budget / GIB:.2g} "
            "GiB; pass a larger memory=, fewer n_points, or solver='matrix-free', which holds no Jacobian."
        )
    return max(1, min(n_pairs, int(budget / one)))


def bytes_per_pair(manifold: LatentManifold, mu: float, line: Tensor) -> float:
    """Bytes that the solve of a path like ``line (1, K, d)`` holds at a time, from what one point's graph saves.

    Counted are that graph, once in use and once about to be freed; the Jacobian in single and double precision and as
    a cotangent; and the data points between the points, along which the length is measured.
    """
    n_points, d = line.shape[1:]
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        try:
            saved[storage.data_ptr()] = storage.nbytes()
        except RuntimeError:  # inside of torch.func, where one direction stands for a batch of d
            saved[id(tensor)] = d * tensor.nbytes
        return tensor

    short = line[:, [0, n_points // 2, -1]]
    objective = PathObjective(manifold, mu, torch.ones(1, dtype=torch.float64, device=line.device))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        x = objective.trial(short).x
    data_point = x[0, 0].numel() * x.element_size()
    per_point = 2 * sum(saved.values()) + 4 * d * data_point + SUB_POINTS * 2 * data_point
    return float(per_point * n_points)


def _available(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
