"""A generator, called in the one way in which it can be differentiated."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.backends import cuda, mha

from geodreg.derivatives.modes import Held, full_precision

__all__ = ["DifferentiableCall", "differentiable", "is_half", "lifted", "needs_copy"]

HALF = (torch.float16, torch.bfloat16)
Switch = tuple[Callable[[], bool], Callable[[bool], object]]
# Attention in one kernel, which has no forward mode and no second derivative.
FUSED: tuple[Switch, ...] = (
    (cuda.flash_sdp_enabled, cuda.enable_flash_sdp),
    (cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp),
    (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp),
    (mha.get_fastpath_enabled, mha.set_fastpath_enabled),
)


def _make_plain() -> list[Callable[[], object]]:
    """Attention by plain products, no fast paths of evaluation, nothing compiled."""
    undo: list[Callable[[], object]] = []
    for enabled, enable in (*FUSED, (cuda.math_sdp_enabled, cuda.enable_math_sdp)):
        undo.append(partial(enable, enabled()))
        enable(enable is cuda.enable_math_sdp)
    if "torch._dynamo" in sys.modules:  # what was compiled would be compiled again for every kind of derivative
        stack = ExitStack()
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        undo.append(stack.close)
    return undo


_plain = Held(_make_plain)


@contextmanager
def differentiable() -> Iterator[None]:
    """Full precision, attention by plain products, no fast paths of evaluation, nothing compiled; then all as it was.

    Fused kernels have no rule for forward mode, and some of them no derivative at all.
    """
    with full_precision(), _plain():
        yield


def is_half(dtype: torch.dtype) -> bool:
    """Whether a precision is too low to solve in."""
    return dtype in HALF


def lifted(z: Tensor) -> Tensor:
    """Latents as they are computed with: those of half precision in single."""
    return z.float() if is_half(z.dtype) else z


def needs_copy(module: nn.Module) -> bool:
    """Whether a module cannot be differentiated as it is: in half precision, or made in inference mode."""
    return any(is_half(value.dtype) or value.is_inference() for value in _state(module))


class DifferentiableCall:
    """A generator that is always called so that it can be differentiated.

    It gets a copy of the latents, which it may change in place, attention without fused kernels, and at least single
    precision: a module with parameters in half precision is copied to single precision, and latents in half precision
    are taken to single precision and the data back. One whose parameters were made in inference mode is copied as well,
    since nothing can be differentiated through those.

    Args:
        generator: takes ``(n, d)`` to ``(n, *data_shape)``.
    """

    def __init__(self, generator: Callable[[Tensor], Tensor]) -> None:
        self.generator = generator
        self._is_copied: bool | None = None  # whether parameters are such that a copy is needed, known at the first use
        self._copy: tuple[nn.Module, list[tuple[int, int]], list[bool]] | None = None  # the copy, and of what

    def __call__(self, z: Tensor) -> Tensor:
        """Data of latents, both in the precision of the latents; whatever else the generator returns is returned."""
        with differentiable():
            if not is_half(z.dtype):
                return self._usable()(z.clone())
            x = self._usable()(z.float())
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

    def _usable(self) -> Callable[[Tensor], Tensor]:
        if self._is_copied is None:
            self._is_copied = isinstance(self.generator, nn.Module) and needs_copy(self.generator)
        if not self._is_copied or not isinstance(self.generator, nn.Module):
            return self.generator
        now = [(id(value), 0 if value.is_inference() else value._version) for value in _state(self.generator)]
        modes = [part.training for part in self.generator.modules()]
        if self._copy is None or self._copy[1:] != (now, modes):
            self._copy = _copied(self.generator), now, modes
        return self._copy[0]


@torch.inference_mode(False)
def _copied(module: nn.Module) -> nn.Module:
    """A copy that can be differentiated, in single precision where it was in half.

    A parameter that asks for a gradient still gets it: its place in the copy is taken by a conversion of it.
    """
    copied = copy.deepcopy(module)
    if not any(is_half(value.dtype) for value in _state(copied)):
        return copied
    copied = copied.float()
    converted: dict[int, Tensor] = {}  # once each, where several layers share one
    for ours, theirs in zip(copied.modules(), module.modules(), strict=True):
        for name, parameter in list(theirs._parameters.items()):
            if parameter is None or not (parameter.requires_grad and is_half(parameter.dtype)):
                continue
            with torch.enable_grad():
                value = converted.setdefault(id(parameter), parameter.float())
            delattr(ours, name)
            setattr(ours, name, value)
    return copied


def _state(module: nn.Module) -> list[Tensor]:
    """Parameters and buffers that are floating-point numbers."""
    both = [*module.parameters(), *module.buffers()]
    return [value for value in both if value.is_floating_point()]
