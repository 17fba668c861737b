"""What memory this process may take: of a card, of the machine, and of the job or container that it runs in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch

__all__ = ["memory_of"]

GIB = 2**30
SHARE = 0.25  # of what there is
OF_FREE = 0.5  # of what other programs leave of a card
USUAL = 8.0  # GiB, where a machine does not say
PROCESS = Path("/proc/self")
LIMITS = {"cgroup": "memory.limit_in_bytes", "cgroup2": "memory.max"}


def memory_of(device: torch.device) -> float:
    """Bytes that a solve takes where nobody says how many.

    On a processor it is a quarter of what the process may hold: of the machine's memory, or of a limit that is lower,
    such as that of a job of SLURM or of a container (its control group), or of ``ulimit -v``. On a card it is a quarter
    of the card's memory, or half of what other programs leave free of it if that is less.

    Args:
        device: where the latents are.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by PyTorch, for this process
        return min(SHARE * total, OF_FREE * (free + kept))
    return SHARE * min([_installed(), *_of_groups(PROCESS), *_of_shell()])


def _installed() -> float:
    """Bytes of memory of the machine."""
    if not hasattr(os, "sysconf"):  # Windows
        return USUAL * GIB
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _of_shell() -> Iterator[float]:
    """The limit of ``ulimit -v``, if there is one, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield float(soft)


@cache  # a process stays in its groups, and some machines have thousands of mounts
def _of_groups(process: Path) -> tuple[float, ...]:
    """Limits of a process's control groups, and of the groups that hold these, in bytes (cgroups(7), both versions).

    Args:
        process: the folder of the process in ``/proc``; there is none but on Linux.
    """
    paths = {}
    for number, controllers, path in _fields(process / "cgroup", r"(\d+):([^:]*):(.*)"):
        if number == "0" or "memory" in controllers.split(","):
            paths["cgroup2" if number == "0" else "cgroup"] = Path(path)
    found = []
    for root, point, name, options in _fields(process / "mountinfo", r"\d+ \d+ \S+ (\S+) (\S+) .*- (\w+) \S+ (\S+)"):
        if name not in paths or (name == "cgroup" and "memory" not in options.split(",")):
            continue
        own = paths[name]  # where it is not below the root, a container sees its own group as the top
        inner = own.relative_to(root) if own.is_relative_to(root) else Path()
        for group in [inner, *inner.parents]:
            with suppress(OSError, ValueError):  # no such group here, as at the top; or "max"
                found.append(float((Path(point) / group / LIMITS[name]).read_text()))
    return tuple(found)


def _fields(file: Path, pattern: str) -> Iterator[list[str]]:
    """The fields of the lines of a file that are as expected, if there is such a file; blanks as blanks."""
    try:
        lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for found in filter(None, (re.fullmatch(pattern, line) for line in lines)):
        yield [field.replace("\\040", " ") for field in found.groups()]
