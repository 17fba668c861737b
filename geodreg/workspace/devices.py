"""Where to compute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from geodreg.errors import PlainError

if TYPE_CHECKING:
    import torch

__all__ = ["DeviceError", "find_device"]

DEVICE = re.compile(r"cpu|cuda(:\d+)?")


class DeviceError(PlainError, ValueError):
    """A device that this machine does not have; the message says which it has."""


def find_device(name: str) -> torch.device:
    """A device by its name.

    Args:
        name: such as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Raises:
        DeviceError: if this machine has no such device.

    Example:
        >>> find_device("cpu")
        device(type='cpu')
    """
    if not DEVICE.fullmatch(name):
        raise DeviceError(f"There is no device {name!r}; choose one of cpu, cuda, cuda:NUMBER.")
    import torch

    gpus = torch.cuda.device_count()
    known = ["cpu", *(["cuda"] if gpus else []), *(f"cuda:{index}" for index in range(gpus))]
    if name not in known:
        raise DeviceError(f"There is no device {name!r} here; choose one of {', '.join(known)}.")
    return torch.device(name)
