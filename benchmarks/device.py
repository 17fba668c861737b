"""Where the benchmark computes, as the environment variable ``DEVICE`` says, and a clock that waits for it."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from geodreg.workspace.devices import DeviceError, find_device
from tests.peak_memory import peak_memory

__all__ = ["DEVICE", "card", "clock", "forget_peak", "peak_mib", "waiting"]


def _named() -> torch.device:
    """The device, or an end in a sentence."""
    try:
        return find_device(os.environ.get("DEVICE", "") or "cpu")
    except DeviceError as error:
        sys.exit(str(error))


DEVICE = _named()
if DEVICE.type == "cuda":
    torch.backends.cudnn.allow_tf32 = False  # ours never computes in TF32, and nobody else is to either


def card() -> str:
    """Name of the graphics card that computes, empty on a processor."""
    return torch.cuda.get_device_name(DEVICE) if DEVICE.type == "cuda" else ""


def clock() -> float:
    """Seconds, after all that was asked of the device is done."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize(DEVICE)
    return time.perf_counter()


def waiting(call: Callable[..., object]) -> Callable[..., object]:
    """The same call, over only when the device has done all that it asked for, for clocks that are not ours."""

    def waited(*args: object) -> object:
        result = call(*args)
        clock()
        return result

    return waited


def forget_peak() -> None:
    """Let the largest memory be counted from here on, where the system can do that: on Linux, and on a card."""
    gc.collect()
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats(DEVICE)
    elif sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back to the system; glibc has it
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets the high-water mark


def peak_mib() -> float:
    """Largest memory of this process so far, in MiB: that of the card's tensors, or what is resident."""
    if DEVICE.type == "cuda":
        return torch.cuda.max_memory_allocated(DEVICE) / 2**20
    return 1024 * peak_memory()
