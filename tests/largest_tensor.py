"""The largest tensor that is made while something runs, where a peak of a whole process would tell less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["LargestTensor"]


class LargestTensor(TorchDispatchMode):
    """Remembers the bytes of the largest memory that an operation has taken for what it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.n_bytes = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        with torch._C.DisableTorchFunctionSubclass():  # rows of values and tangents are such tensors
            result = func(*args, **(kwargs or {}))
            given = {_memory(value)[0] for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)}
            for value in tree_leaves(result):
                place, n_bytes = _memory(value) if isinstance(value, Tensor) else (0, 0)
                if place not in given:  # a view takes none
                    self.n_bytes = max(self.n_bytes, n_bytes)
        return result


def _memory(tensor: Tensor) -> tuple[int, int]:
    """Where the numbers of a tensor are, and how many bytes they take; inside of a transform nobody can say."""
    with suppress(RuntimeError, NotImplementedError):
        return tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
    return 0, 0
