"""A generator, called in the one way in which it can be differentiated."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torch.backends import cuda, mha

from geodreg.derivatives.modes import Held, full_precision, times_entered

__all__ = ["DifferentiableCall", "differentiable", "is_half", "lifted", "needs_copy"]

HALF = (torch.float16, torch.bfloat16)
HOOKS = ("_forward_pre_hooks", "_forward_hooks")
PLAIN = (bool, int, float, str, torch.Size, type(None))  # attributes of a module that are compared
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
        self._seen: list[tuple[Tensor, torch.dtype]] | None = None  # the parameters, and their precision then
        self._is_copied = False  # whether parameters are such that a copy is needed
        self._copy: tuple[nn.Module, _Original] | None = None
        self._compared = 0  # with the original, when modes had been entered so often: once in a call of the library

    def __getstate__(self) -> dict[str, object]:
        """Without the copy, which is made again; conversions of parameters in it cannot be copied or pickled."""
        return {**self.__dict__, "_seen": None, "_copy": None}

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
        if not isinstance(self.generator, nn.Module):
            return self.generator
        if self._seen is None or any(value.dtype != dtype for value, dtype in self._seen):
            self._seen = [(value, value.dtype) for value in self.generator.parameters()]
            self._is_copied = needs_copy(self.generator)
        if not self._is_copied:
            return self.generator
        times = times_entered()
        if self._copy is None or (self._compared != times and not self._copy[1].is_current(self.generator)):
            self._copy = _copied(self.generator), _Original.of(self.generator)
        self._compared = times
        return self._copy[0]


@dataclass(frozen=True)
class _Original:
    """What a copy was made of.

    Counters of versions would not tell: they do not count what is done to ``.data``, or in inference mode.

    Attributes:
        settings: of each module in it, its class, its plain attributes and its hooks.
        state: parameters and buffers, each with whether it asks for a gradient.
    """

    settings: list[tuple[object, ...]]
    state: list[tuple[Tensor, bool]]

    @classmethod
    def of(cls, module: nn.Module) -> Self:
        """What a module is now."""
        with torch.inference_mode(False):
            return cls(_settings(module), [(value.detach().clone(), value.requires_grad) for value in _state(module)])

    def is_current(self, module: nn.Module) -> bool:
        """Whether a module still is that."""
        now = _state(module)
        return (
            len(now) == len(self.state)
            and all(_is_same(value, *before) for value, before in zip(now, self.state, strict=True))
            and _settings(module) == self.settings
        )


def _is_same(value: Tensor, before: Tensor, asked: bool) -> bool:
    return (
        (value.dtype, value.device, value.requires_grad) == (before.dtype, before.device, asked)
        and value.shape == before.shape
        and torch.equal(value, before)
    )


def _as_setting(value: object) -> object:
    """An attribute as it is compared: plain ones by their value, functions by what they are, all others not."""
    if isinstance(value, tuple | list) and all(isinstance(part, PLAIN) for part in value):
        return tuple(value)
    if isinstance(value, PLAIN):
        return value
    return id(value) if callable(value) else None


def _settings(module: nn.Module) -> list[tuple[object, ...]]:
    """Of each module in one its class, plain attributes and hooks."""
    return [
        (
            type(part),
            tuple((name, _as_setting(value)) for name, value in sorted(vars(part).items())),
            tuple(id(hook) for name in HOOKS for hook in getattr(part, name, {}).values()),
        )
        for part in module.modules()
    ]


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
