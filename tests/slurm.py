"""A real SLURM on this one machine, on loopback, set up for a test and taken down again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "sinfo", "sbatch")
PLACE = Path("/etc/slurm/slurm.conf")  # the only one that steps within a job find
GPUS = PLACE.with_name("gres.conf")
CONFIGURATION = """ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={other_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
GresTypes=gpu
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MinJobAge=600
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be no SLURM here, or None."""
    if os.geteuid() != 0:
        return "SLURM's daemons want to be started by root"
    absent = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if absent:
        return f"{', '.join(absent)} not found (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    if PLACE.exists():
        return f"this machine has a SLURM of its own ({PLACE})"
    return None


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A cluster of one node, its files below a folder but for its configuration; gives the environment for commands."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = socket.gethostname().split(".")[0]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 - 100
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    PLACE.write_text(
        CONFIGURATION.format(
            folder=folder, host=host, cpus=os.cpu_count(), memory=memory, port=_free_port(), other_port=_free_port()
        )
    )
    GPUS.write_text("Name=gpu File=/dev/null\n")  # to SLURM a GPU is a device file that it lends
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    environment = dict(os.environ)
    munge = ["munged", "--foreground", "--force", "--log-file=/dev/null"]
    places = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid", "seed-file": "munged.seed"}
    munge += [f"--{option}={folder}/{name}" for option, name in places.items()]
    daemons = []
    try:
        for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c"]):
            path = {**environment, "PATH": f"{environment['PATH']}:/usr/sbin"}
            with (folder / f"{command[0]}.out").open("w") as log:
                daemons.append(subprocess.Popen(command, env=path, stdout=log, stderr=log))
            time.sleep(1.0)
        _wait_until_idle(environment, folder)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(timeout=30)
        PLACE.unlink()
        GPUS.unlink()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    state = ""
    for _ in range(60):
        found = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True, check=False
        )
        state = found.stdout.strip() + found.stderr.strip()
        if state == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text() for path in (*folder.glob("*.log"), *folder.glob("*.out")))
    raise RuntimeError(f"The node is {state!r}.\n{logs}")
