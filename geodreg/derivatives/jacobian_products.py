"""Products with the Jacobian of a generator and with its transpose, without the Jacobian, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from geodreg.derivatives.modes import own_modes

__all__ = [
    "GIB",
    "Allocated",
    "JacobianProducts",
    "Linearization",
    "bytes_of",
    "bytes_of_row",
    "check_memory",
    "rows_within",
]

GIB = 2**30
INDEX = 8  # bytes of a place of a sparse tensor, at most
LEAST_ROWS, CACHE = 16, 2**26  # on a processor more rows, or more bytes, at once are no faster


class Linearization:
    r"""A row-wise function at points, ready for many products with its Jacobian :math:`J` and its transpose.

    The graph of the function and, from the first forward product on, that of its reverse pass are kept, so a product
    costs one pass and no more. Forward products are the derivative of :math:`u \mapsto J^\top u`, which is linear, so
    they are exact.

    Args:
        function: takes ``(n, d)`` to ``(n, D)``, each row independently of the others; twice differentiable in reverse
            mode.
        z: points ``(n, d)``.
    """

    @own_modes()
    def __init__(self, function: Callable[[Tensor], Tensor], z: Tensor) -> None:
        with torch.enable_grad():
            self._z = z.detach().clone().requires_grad_()
            self._x = function(self._z)

    @cached_property
    def _reverse(self) -> tuple[Tensor, Tensor]:
        """A cotangent, and what it is pulled back to."""
        with torch.enable_grad():
            cotangent = torch.zeros_like(self._x, requires_grad=True)
            (pulled,) = torch.autograd.grad(self._x, self._z, cotangent, create_graph=True)
        return cotangent, pulled

    @own_modes()
    def push(self, tangents: Tensor) -> Tensor:
        """Products :math:`J v`, ``(n, d)`` to ``(n, D)``."""
        cotangent, pulled = self._reverse
        (pushed,) = torch.autograd.grad(pulled, cotangent, tangents.to(pulled), retain_graph=True)
        return pushed

    @own_modes()
    def pull(self, cotangents: Tensor) -> Tensor:
        r"""Products :math:`J^\top u`, ``(n, D)`` to ``(n, d)``."""
        (pulled,) = torch.autograd.grad(self._x, self._z, cotangents.to(self._x), retain_graph=True)
        return pulled

    @own_modes()
    def metric_gradient(self, tangents: Tensor) -> Tensor:
        r"""Gradient of the squared length of tangents, ``(n, d)`` to ``(n, d)``.

        .. math:: \nabla_z |J(z) v|^2 = 2 \langle J v, (\nabla_z J) v \rangle,

        with one forward product, and one reverse pass differentiated in reverse with :math:`J v` held fixed.
        """
        pushed = self.push(tangents)
        with torch.enable_grad():
            (pulled,) = torch.autograd.grad(self._x, self._z, pushed, create_graph=True)
        if not pulled.requires_grad:  # the function is linear
            return torch.zeros_like(self._z)
        (gradient,) = torch.autograd.grad(
            pulled, self._z, 2.0 * tangents.to(pulled), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return gradient


class JacobianProducts:
    """Products with the Jacobian at many points, some rows at a time.

    Args:
        function: as for :class:`Linearization`.
        z: points ``(n, d)``.
        n_rows: rows at a time.
        keep: whether the graphs of all rows are kept between products; otherwise each product makes them again.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], z: Tensor, n_rows: int, keep: bool) -> None:
        self._function, self._parts, self._n_rows = function, z.split(n_rows), n_rows
        self._kept = [Linearization(function, part) for part in self._parts] if keep else None

    def push(self, tangents: Tensor) -> Tensor:
        """Products :math:`J v`, ``(n, d)`` to ``(n, D)``."""
        parts = enumerate(tangents.split(self._n_rows))
        return torch.cat([self._linearization(i).push(part) for i, part in parts])

    def pull(self, cotangents: Tensor) -> Tensor:
        r"""Products :math:`J^\top u`, ``(n, D)`` to ``(n, d)``."""
        parts = enumerate(cotangents.split(self._n_rows))
        return torch.cat([self._linearization(i).pull(part) for i, part in parts])

    def _linearization(self, i: int) -> Linearization:
        return Linearization(self._function, self._parts[i]) if self._kept is None else self._kept[i]


def bytes_of(tensor: Tensor) -> int:
    """Bytes that the numbers of a tensor take; of a sparse one, those that are not zero and their places."""
    if tensor.layout == torch.strided:
        return tensor.numel() * tensor.element_size()
    return tensor._nnz() * (tensor.element_size() + INDEX * tensor.ndim)


def _place_of(tensor: Tensor) -> int:
    """Where its numbers are in memory; a sparse one has no single place, and stands for itself."""
    return tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided else id(tensor)


class Allocated(TorchDispatchMode):
    """Counts the bytes of all that operations return, but for views of what they were given.

    Attributes:
        n_bytes: of all of it together.
        largest: of the largest single tensor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.n_bytes = self.largest = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        with torch._C.DisableTorchFunctionSubclass():  # what a rule keeps for its reverse pass is dual rows
            result = func(*args, **(kwargs or {}))
            given = {_place_of(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
            for tensor in tree_leaves(result):
                if isinstance(tensor, Tensor) and _place_of(tensor) not in given:
                    n_bytes = bytes_of(tensor)
                    self.n_bytes, self.largest = self.n_bytes + n_bytes, max(self.largest, n_bytes)
        return result


def bytes_of_row(function: Callable[[Tensor], Tensor], z: Tensor) -> int:
    """Bytes that one row takes through a function, its products and the gradient of the metric, at most.

    It is measured on the first row: the sum over all operations, as if none of their results were freed.

    Args:
        function: as for :class:`Linearization`.
        z: points ``(n, d)``.
    """
    with Allocated() as allocated:
        Linearization(function, z[:1]).metric_gradient(torch.ones_like(z[:1]))
    return allocated.n_bytes


def rows_within(memory: float, n_bytes: int, device: torch.device, cache: int = CACHE) -> int:
    """Rows that may be computed together in half of a budget; the other half is for what is held meanwhile.

    Args:
        memory: in GiB.
        n_bytes: of one row.
        device: on a processor no more rows are taken than its cache is good for.
        cache: bytes up to which a processor gains by more rows.

    Raises:
        ValueError: if not even one row fits.
    """
    n_rows = int(0.5 * memory * GIB / n_bytes)
    if n_rows == 0:
        raise ValueError(
            f"memory is {memory:.3g} GiB, half of it for the generator, and one latent alone takes {n_bytes / GIB:.3g} "
            "GiB through it and its derivatives; pass more memory."
        )
    return min(n_rows, max(LEAST_ROWS, cache // n_bytes)) if device.type == "cpu" else n_rows


def check_memory(memory: object) -> None:
    """Refuse a memory budget that is none.

    Raises:
        ValueError: if it is not a positive, finite number.
    """
    if isinstance(memory, bool) or not isinstance(memory, int | float) or not 0.0 < memory < float("inf"):
        raise ValueError(f"memory is {memory!r}; pass the memory to work in, in GiB, positive and finite.")
