"""Kernels forked from one process that has imported what the pages import: the real kernel, without the wait for it."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from multiprocessing import get_context
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("IPython", "ipykernel.kernelapp", "matplotlib.pyplot", "pandas", "scipy.optimize", "scipy.stats", "seaborn"),
        *("nbformat", "torch", "torchvision", __name__),
    ]
)  # packages and this module alone: those of the project are imported by each kernel
AS_KERNEL = {"JPY_PARENT_PID": str(os.getpid()), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
"""What is in the environment of a kernel while it imports IPython and Matplotlib, which read it then."""


def become(command: list[str], environment: dict[str, str], folder: Path) -> None:
    """Run ``python -m MODULE ...``, as a new process would."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    python, flag, module, *words = command
    assert flag == "-m", command
    sys.argv = [python, *words]
    sys.path[0] = str(folder)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Fork:
    """A forked process, as far as Jupyter asks what it asks of a process that was started."""

    stdin = stdout = stderr = None

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.process = FORKS.Process(target=become, args=(command, environment, folder))
        self.process.start()
        assert self.process.pid is not None
        self.pid = self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class ForkedKernel(LocalProvisioner):
    """Starts the command of a kernel in a fork."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        self.cwd = Path(kwargs.get("cwd") or Path.cwd())
        fork = Fork(cmd, dict(kwargs["env"]), self.cwd)
        self.process, self.pid = fork, fork.pid  # type: ignore[assignment]  # it has what is asked of a Popen
        return self.connection_info


@contextmanager
def forked_kernels() -> Iterator[None]:
    """The kernels that this process starts are forked."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AS_KERNEL.items():
            patch.setenv(name, value)
        ensure_running()
    factory = KernelProvisionerFactory.instance()
    usual = factory.default_provisioner_name
    factory.provisioners["forked"] = EntryPoint("forked", f"{__name__}:ForkedKernel", factory.GROUP_NAME)
    factory.default_provisioner_name = "forked"
    try:
        yield
    finally:
        factory.default_provisioner_name = usual
        del factory.provisioners["forked"]
