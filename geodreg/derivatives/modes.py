"""What a caller, or a process, has set for the sake of speed must not reach what is computed here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import torch
from torch import backends

__all__ = ["full_precision", "own_modes"]

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


class _Settings:
    """The process's settings, exact while somebody needs them so: threads may, and calls within calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._put_back: list[Callable[[], object]] = []

    def hold(self) -> None:
        """Make products and convolutions exact, until as many have let go as hold."""
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            before = [(place, place.fp32_precision) for place in PLACES]
            for get, put, exact in OLDER:
                with suppress(RuntimeError):
                    was = get()
                    if was in REDUCED:
                        put(exact)
                        self._put_back.append(partial(put, was))
            for place in PLACES:
                if place.fp32_precision in REDUCED:
                    place.fp32_precision = "ieee"
            self._put_back += [partial(_put, place, was) for place, was in before]

    def let_go(self) -> None:
        """Put everything as it was, if nobody else needs it."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for put_back in self._put_back:
                    put_back()
                self._put_back.clear()


def _put(place: Any, was: str) -> None:  # noqa: ANN401 - a module, or an object of torch's
    if place.fp32_precision != was:  # a place that falls back on another one is left to do so
        place.fp32_precision = was


SETTINGS = _Settings()


@contextmanager
def full_precision() -> Iterator[None]:
    """No autocast, and no TF32 or bfloat16 in the products and convolutions of single precision; then all as it was.

    Convolutions on a graphics card are in TF32 unless told otherwise, which has ten bits after the point: an energy is
    then right to three digits, and a descent stops where it sees no further. This is a decorator too.
    """
    SETTINGS.hold()
    try:
        with ExitStack() as stack:
            for kind in DEVICES:
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        SETTINGS.let_go()


@contextmanager
def own_modes() -> Iterator[None]:
    """The same, and no inference mode, for what takes gradients of its own and returns none."""
    with torch.inference_mode(False), full_precision():
        yield
