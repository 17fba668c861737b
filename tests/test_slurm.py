"""A sweep on a real SLURM of one node, through the profile that the project ships."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.projects import make_project
from tests.slurm import cluster, missing

ROOT = Path(__file__).parent.parent
REASON = missing()


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
def test_a_sweep_runs_on_slurm_as_on_this_machine(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    shutil.copytree(ROOT / "profiles", project / "profiles")
    (tmp_path / "slurm").mkdir()
    with cluster(tmp_path / "slurm") as environment:
        bin_folder = Path(sys.executable).parent
        run = subprocess.run(
            [sys.executable, "-m", "geodreg", "sweep", "small", "--profile", "profiles/slurm"],
            cwd=project, capture_output=True, text=True, check=False, timeout=240,
            env={**environment, "PYTHONPATH": str(project), "PATH": f"{bin_folder}:{environment['PATH']}"},
        )  # fmt: skip
        jobs = subprocess.run(["scontrol", "show", "job"], env=environment, capture_output=True, text=True, check=True)
    log = (tmp_path / "slurm" / "slurmd.log").read_text()
    print(log)  # shown by pytest -rP
    assert run.returncode == 0, run.stdout + run.stderr + log
    assert pd.read_csv(project / "runs" / "sweeps" / "small" / "results.csv")["y"].tolist() == [1.0, 4.0, 9.0]
    assert len(re.findall(r"Launching batch job \d+", log)) == 3
    assert jobs.stdout.count("JobState=COMPLETED") == 3
    assert jobs.stdout.count("TimeLimit=01:00:00") == 3  # what the sweep asked for
