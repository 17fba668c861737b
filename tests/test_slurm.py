"""A sweep on a real SLURM of one node, through the profile that the project ships."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from geodreg.book.sweeps.definition import slug_of
from tests.projects import BARE, make_project
from tests.slurm import cluster, missing

ROOT = Path(__file__).parent.parent
REASON = missing()
if REASON is None and shlex.quote(sys.executable) != sys.executable:
    REASON = "needs an environment whose path the scripts of jobs can name"


SWEEP = """what: A sweep on a cluster
notebook: small
list: [{x: 2.0}, {word: die with the worker}, {x: 3.0, word: b}]
results: {table: small.csv, by: method, columns: [y]}
resources: {minutes: 50, memory_mb: 1500, gpus: 1}
"""


@pytest.mark.slow
@pytest.mark.skipif(REASON is not None, reason=str(REASON))
def test_a_sweep_runs_on_slurm_and_a_worker_killed_there_is_tried_again(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", SWEEP, BARE)
    shutil.copytree(ROOT / "profiles", project / "profiles")
    with (project / "profiles" / "slurm" / "config.yaml").open("a") as profile:
        profile.write("slurm-init-seconds-before-status-checks: 1\n")  # a cluster would mind, this one does not
    (tmp_path / "slurm").mkdir()
    with cluster(tmp_path / "slurm") as environment:
        bin_folder = Path(sys.executable).parent
        run = subprocess.run(
            [sys.executable, "-m", "geodreg", "sweep", "small", "--profile", "profiles/slurm"],
            cwd=project, capture_output=True, text=True, check=False, timeout=500,
            env={**environment, "PYTHONPATH": str(project), "PATH": f"{bin_folder}:{environment['PATH']}"},
        )  # fmt: skip
        jobs = subprocess.run(["scontrol", "show", "job"], env=environment, capture_output=True, text=True, check=True)
    log = (tmp_path / "slurm" / "slurmd.log").read_text()
    print(log)  # shown by pytest -rP
    assert run.returncode == 0, run.stdout + run.stderr + log
    assert pd.read_csv(project / "runs" / "sweeps" / "small" / "results.csv")["y"].tolist() == [4.0, 1.0, 9.0]
    assert (project / "runs" / "sweeps" / "small" / slug_of({"word": "die with the worker"}) / "died").exists()
    assert len(re.findall(r"Launching batch job \d+", log)) == 4
    assert jobs.stdout.count("JobState=COMPLETED") == 3
    assert jobs.stdout.count("JobState=FAILED") == 1
    for asked in ("TimeLimit=00:50:00", "MinMemoryNode=1500M", "TresPerJob=gres:gpu:1"):  # by the sweep
        assert jobs.stdout.count(asked) == 4, jobs.stdout
