"""A generator, called in the one way in which it can be differentiated."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.backends import cuda, mha

__all__ = ["DifferentiableCall", "differentiable", "is_half"]

HALF = (torch.float16, torch.bfloat16)
Switch = tuple[Callable[[], bool], Callable[[bool], object]]
# Attention in one kernel, which has no forward mode and no second derivative.
FUSED: tuple[Switch, ...] = (
    (cuda.flash_sdp_enabled, cuda.enable_flash_sdp),
    (cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp),
    (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp),
    (mha.get_fastpath_enabled, mha.set_fastpath_enabled),
)


@contextmanager
def differentiable() -> Iterator[None]:
    """Attention by plain products, no fast paths of evaluation mode, nothing compiled; then everything as it was.

    Fused kernels have no rule for forward mode, and some of them no derivative at all.
    """
    before = [enabled() for enabled, _ in FUSED]
    plain = cuda.math_sdp_enabled()
    with ExitStack() as stack:
        if "torch._dynamo" in sys.modules:  # what was compiled would be compiled again for every kind of derivative
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        try:
            for _, enable in FUSED:
                enable(False)
            cuda.enable_math_sdp(True)
            yield
        finally:
            for (_, enable), was in zip(FUSED, before, strict=True):
                enable(was)
            cuda.enable_math_sdp(plain)


def is_half(dtype: torch.dtype) -> bool:
    """Whether a precision is too low to solve in."""
    return dtype in HALF


class DifferentiableCall:
    """A generator that is always called so that it can be differentiated.

    It gets a copy of the latents, which it may change in place, attention without fused kernels, and at least single
    precision: a module with parameters in half precision is copied to single precision, and latents in half precision
    are taken to single precision and the data back.

    Args:
        generator: takes ``(n, d)`` to ``(n, *data_shape)``.
    """

    def __init__(self, generator: Callable[[Tensor], Tensor]) -> None:
        self.generator = generator
        self._is_half: bool | None = None  # whether there are parameters in half precision, found out at the first use
        self._single: tuple[nn.Module, list[tuple[int, int]]] | None = None  # a copy, and of what

    def __call__(self, z: Tensor) -> Tensor:
        """Data of latents, both in the precision of the latents; whatever else the generator returns is returned."""
        with differentiable():
            if not is_half(z.dtype):
                return self._at_least_single()(z.clone())
            x = self._at_least_single()(z.float())
            return x.to(z.dtype) if isinstance(x, Tensor) else x

    def in_double(self) -> DifferentiableCall | None:
        """The same function in double precision, if it is a module, or can be told to be in another way."""
        if not isinstance(self.generator, nn.Module):
            return None
        if all(value.dtype == torch.float64 for value in _state(self.generator)):
            return self
        try:
            return DifferentiableCall(copy.deepcopy(self.generator).double())
        except Exception:  # noqa: BLE001 - some modules cannot be copied, some devices have no double precision
            return None

    def _at_least_single(self) -> Callable[[Tensor], Tensor]:
        if self._is_half is None:
            self._is_half = isinstance(self.generator, nn.Module) and any(
                is_half(value.dtype) for value in _state(self.generator)
            )
        if not self._is_half or not isinstance(self.generator, nn.Module):
            return self.generator
        now = [(id(value), value._version) for value in _state(self.generator)]
        if self._single is None or self._single[1] != now:
            self._single = copy.deepcopy(self.generator).float(), now
        return self._single[0]


def _state(module: nn.Module) -> list[Tensor]:
    """Parameters and buffers that are floating-point numbers."""
    both = [*module.parameters(), *module.buffers()]
    return [value for value in both if value.is_floating_point()]
