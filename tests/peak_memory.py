"""The largest resident memory of a process, its own and not that of the process which started it."""

import re
import resource
import sys
from pathlib import Path

KIB_IN_GIB = 2**20


def peak_memory() -> float:
    """Largest resident memory of this process so far, in GiB.

    On Linux ``ru_maxrss`` survives ``exec``: a process started by a larger one would report the larger one's peak. The
    high-water mark of ``/proc`` belongs to the memory of this program alone.
    """
    if sys.platform == "linux":
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found[1]) / KIB_IN_GIB
    unit = KIB_IN_GIB * 1024 if sys.platform == "darwin" else KIB_IN_GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
