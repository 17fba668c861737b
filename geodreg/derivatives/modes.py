"""What a caller, or a process, has set for the sake of speed must not reach what is computed here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import torch
from torch import backends

__all__ = ["Held", "full_precision", "own_modes", "times_entered"]

DEVICES = ("cpu", "cuda", "mps", "xpu")  # that have an autocast
REDUCED = ("tf32", "bf16", "high", "medium", True)
# Settings of releases before 2.9, what they are called by and the value that is exact. They still are what most people
# set, and raise where somebody has set the newer ones in a way that the older ones cannot tell.
OLDER: tuple[tuple[Callable[[], Any], Callable[[Any], object], Any], ...] = (
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
    (lambda: backends.cudnn.allow_tf32, lambda allowed: setattr(backends.cudnn, "allow_tf32", allowed), False),
)
# Places of the newer setting, each after the one that it falls back on.
PLACES: tuple[Any, ...] = tuple(
    place
    for place in (
        backends, backends.cudnn, backends.mkldnn,
        *(getattr(part, name, None) for part in (backends.cudnn, backends.mkldnn) for name in ("conv", "rnn")),
        backends.cuda.matmul, getattr(backends.mkldnn, "matmul", None),
    )
    if hasattr(place, "fp32_precision")
)  # fmt: skip
Undo = Callable[[], object]


class Held:
    """Settings of the whole process that are others while somebody needs them so: threads may, and calls within calls.

    The first who needs them changes them, the last one puts them back.

    Args:
        change: makes the change and gives what undoes it, in order.

    Attributes:
        times: how often they were changed; within one call of the library they are changed once.
    """

    def __init__(self, change: Callable[[], list[Undo]]) -> None:
        self._change = change
        self._lock = threading.Lock()
        self._users = 0
        self.times = 0
        self._undo: list[Undo] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The settings as they are needed."""
        with self._lock:
            if self._users == 0:
                self._undo = self._change()
                self.times += 1
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    for undo in self._undo:
                        undo()


def _make_exact() -> list[Undo]:
    """Products and convolutions of single precision as exact as they can be."""
    undo: list[Undo] = []
    before = [(place, place.fp32_precision) for place in PLACES]
    for get, put, exact in OLDER:
        with suppress(RuntimeError):
            was = get()
            if was in REDUCED:
                put(exact)
                undo.append(partial(put, was))
    for place in PLACES:
        if place.fp32_precision in REDUCED:
            place.fp32_precision = "ieee"
    return [*undo, *(partial(_put, place, was) for place, was in before)]


def _put(place: Any, was: str) -> None:  # noqa: ANN401 - a module, or an object of torch's
    if place.fp32_precision != was:  # a place that falls back on another one is left to do so
        place.fp32_precision = was


_exact = Held(_make_exact)


@contextmanager
def full_precision() -> Iterator[None]:
    """No autocast, and no TF32 or bfloat16 in the products and convolutions of single precision; then all as it was.

    Convolutions on a graphics card are in TF32 unless told otherwise, which has ten bits after the point: an energy is
    then right to three digits, and a descent stops where it sees no further. This is a decorator too.
    """
    with ExitStack() as stack:
        stack.enter_context(_exact())
        for kind in DEVICES:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def times_entered() -> int:
    """How often that was begun in this process: as often within a call of the library as at its beginning."""
    return _exact.times


@contextmanager
def own_modes() -> Iterator[None]:
    """The same, and no inference mode, for what takes gradients of its own and returns none."""
    with torch.inference_mode(False), full_precision():
        yield
