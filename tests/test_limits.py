"""What memory a solve takes where nobody says how many GiB."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from geodreg.interpolation.limits import SHARE, _installed, _of_groups, memory_of
from tests.needs import needs_cuda

V1 = "35 31 0:32 {root} {point} rw,relatime - cgroup cgroup rw,memory"
V2 = "41 31 0:38 {root} {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
OTHER = "32 31 0:29 / {point} rw,relatime - cgroup cgroup rw,cpu"
NO_LIMIT_V1 = "9223372036854771712"  # what the kernel writes where there is none
LIMIT_V1 = "memory.limit_in_bytes"
GIB = 2**30


def laid_out(folder: Path, mounts: list[str], groups: str, limits: dict[str, str], *, root: str = "/") -> list[float]:
    """Limits that are read for a process, where the kernel's files are as given."""
    point = folder / "sys fs"
    for name, text in limits.items():
        (point / name).parent.mkdir(parents=True, exist_ok=True)
        (point / name).write_text(f"{text}\n")
    escaped = str(point).replace(" ", "\\040")
    (folder / "mountinfo").write_text("\n".join(mount.format(root=root, point=escaped) for mount in mounts))
    (folder / "cgroup").write_text(groups)
    return sorted(_of_groups(folder))


@pytest.mark.parametrize(
    ("mounts", "groups", "limits", "root", "expected"),
    [
        # a job of SLURM: its step has no limit of its own, the job has
        ([V2], "0::/job/step\n", {"job/step/memory.max": "max", "job/memory.max": "4096"}, "/", [4096]),
        # of two nested limits both are told
        ([V2], "0::/user/shell\n", {"user/shell/memory.max": "9000", "user/memory.max": "7000"}, "/", [7000, 9000]),
        # a container sees its own group at the mount point, whatever its name outside is
        ([V2], "0::/\n", {"memory.max": "512"}, "/", [512]),
        ([V2], "0::/../..\n", {"memory.max": "512"}, "/", [512]),
        # the first version: among other controllers, whose files are not read
        ([OTHER, V1], "4:cpu:/b\n3:memory,net:/a\n0::/\n", {f"a/{LIMIT_V1}": "77", f"b/{LIMIT_V1}": "1"}, "/", [77]),
        # a container of that version: the names outside are in both files
        ([V1], "3:memory:/docker/ab\n", {LIMIT_V1: "88"}, "/docker/ab", [88]),
        ([V1], "3:memory:/\n", {LIMIT_V1: NO_LIMIT_V1}, "/", [float(NO_LIMIT_V1)]),
        ([V2], "0::/a:b\n", {"a:b/memory.max": "5"}, "/", [5]),
        ([V2], "0::/\n", {}, "/", []),
        ([V2], "", {"memory.max": "5"}, "/", []),
        ([], "0::/\n", {}, "/", []),
    ],
)  # fmt: skip
def test_limits_of_control_groups_are_read(
    tmp_path: Path, mounts: list[str], groups: str, limits: dict[str, str], root: str, expected: list[float]
) -> None:
    assert laid_out(tmp_path, mounts, groups, limits, root=root) == expected


def test_lines_that_nobody_expects_are_passed_over(tmp_path: Path) -> None:
    strange = ["", "nonsense", "36 31 0:33 / /mnt/\udcff rw - fuse.sshfs a@b: rw", "37 31 0:34 / /x rw -"]
    (tmp_path / "memory.max").write_text("512\n")
    mounts = "\n".join([*strange, V2.format(root="/", point=tmp_path)])
    (tmp_path / "mountinfo").write_bytes(mounts.encode(errors="surrogateescape"))
    (tmp_path / "cgroup").write_text("\nnonsense\n0::/\n")
    assert _of_groups(tmp_path) == (512.0,)


def test_without_control_groups_there_is_no_limit_of_theirs(tmp_path: Path) -> None:
    assert _of_groups(tmp_path) == ()


def test_a_quarter_of_what_the_process_may_hold_is_taken() -> None:
    resource = pytest.importorskip("resource")
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    mapped = int(statm.read_text().split()[0]) * resource.getpagesize() if statm.is_file() else 0
    free = memory_of(torch.device("cpu"))
    assert 0 < free <= SHARE * _installed()
    limit = mapped + GIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    try:
        assert memory_of(torch.device("cpu")) == min(free, SHARE * limit)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


@needs_cuda
def test_what_others_hold_of_a_card_is_left_to_them() -> None:
    card = torch.device("cuda")
    free, total = torch.cuda.mem_get_info(card)
    held = torch.empty(max(0, free - total // 10), dtype=torch.uint8, device=card)
    assert memory_of(card) < 0.06 * total
    del held
    assert memory_of(card) > 0.06 * total  # PyTorch keeps it, for this process
