"""Sweeps: what they run, what they refuse, and what they leave behind when something goes wrong."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
import yaml

from geodreg.book.parameters import PageError, checked, declared
from geodreg.book.sweeps.definition import Sweep, SweepError, read_sweep, slug_of, sweep_names
from geodreg.workspace.files import has_its_sum
from tests.conftest import Command
from tests.projects import BARE, BUILD, SWEEP, call, hold, kill_when, make_project, start

ROOT = Path(__file__).parent.parent
LIST = """what: A list
notebook: small
list: [{x: 1.0}, {word: raise}, {word: die once}, {word: die with the worker}]
results: {table: small.csv, columns: [y]}
"""


@pytest.fixture
def sweep_in(geodreg_in: Command) -> Command:
    return lambda project: geodreg_in(project, "sweep", "small", "--cores", "2")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be told to a process here")
def test_as_many_runs_at_a_time_as_there_are_processors_for_this_process() -> None:
    one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    code = f"{one}; from geodreg.commands.pages import CORES; print(CORES)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


def executed(output: str) -> list[str]:
    return sorted(re.findall(r"Running small: (\S+)", output))


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "sweeps").glob("*.yaml"))])
def test_every_sweep_of_the_project_can_be_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sweep = read_sweep(name)
    runs = sweep.runs()
    assert len({run.slug for run in runs}) == len(runs) > 1
    assert f'"{sweep.results.table}"' in sweep.source.read_text()


def test_a_grid_has_all_combinations_and_a_list_what_it_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    common = {"name": "s", "what": "w", "notebook": "fig2-circle", "results": {"table": "t.csv", "columns": ["y"]}}
    grid = Sweep.model_validate({**common, "parameters": {"noise": 0.2}, "grid": {"mu": [0.1, 1], "seed": [0, 1, 2]}})
    assert [run.slug for run in grid.runs()][:2] == ["mu=0.1+seed=0", "mu=0.1+seed=1"]
    assert len(grid.runs()) == 6
    assert grid.runs()[0].parameters == {"noise": 0.2, "mu": 0.1, "seed": 0}
    listed = Sweep.model_validate({**common, "list": [{"mu": 0.1}, {"seed": 4, "mu": 0.1}]})
    assert [run.slug for run in listed.runs()] == ["mu=0.1", "seed=4+mu=0.1"]
    twice = Sweep.model_validate({**common, "list": [{"mu": 0.1}, {"mu": 0.1}]})
    with pytest.raises(SweepError, match=r"two runs mu=0\.1"):
        twice.runs()


def test_names_of_runs_are_names_of_files() -> None:
    assert re.fullmatch(
        r"path=\.\.-\.\.-etc-passwd-rm--rf~[0-9a-f]{10}", slug_of({"path": "../../etc/passwd; rm -rf /"})
    )
    long = [slug_of({"path": f"{'a' * 300}{end}"}) for end in "bc"]
    assert long[0] != long[1]
    assert {len(slug) for slug in long} == {200}


@pytest.mark.filterwarnings("ignore")  # of Snakemake's modules
@pytest.mark.parametrize(
    "values", [{"mu": 0.1, "seed": 0}, {"mu": -1e-3, "big": 1e300, "word": "a+b"}, {"word": "a,b='c'", "seed": 0}, {}]
)
def test_a_job_of_a_cluster_is_asked_for_the_run_that_it_is(values: dict[str, object]) -> None:
    """Snakemake writes a job's wildcards into the script of the job, and reads them there."""
    parse = pytest.importorskip("snakemake.target_jobs").parse_target_jobs_cli_args
    utils = pytest.importorskip("snakemake_interface_executor_plugins.utils")
    target = utils.TargetSpec("run", {"slug": slug_of(values)})
    (read,) = parse(utils.encode_target_jobs_cli_args([target]))
    assert read.wildcards_dict == {"slug": slug_of(values)}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"moo": 0.1}, r"fig2-circle\.md has no parameter moo; did you mean mu \(float\)\?"),
        ({"mu": "abc"}, r"parameter mu is 'abc', but it must be of type float, such as its default 1\.0"),
        ({"mu": float("nan")}, "parameter mu is nan, but it must be of type float"),
        ({"n_pairs": 2.5}, r"parameter n_pairs is 2\.5, but it must be of type int"),
        ({"n_pairs": True}, "parameter n_pairs is True, but it must be of type int"),
        ({"qqq": 1}, r"it has seed \(int\), mu \(float\)"),
    ],
)
def test_wrong_names_and_types_are_refused_with_the_right_ones(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(PageError, match=sentence):
        checked(ROOT / "notebooks" / "fig2-circle.md", given)


def test_words_of_a_command_line_become_values_of_the_declared_types() -> None:
    source = ROOT / "notebooks" / "fig3-yale.md"
    given = {"mu": "1e-3", "n_pairs": "4", "retrain": "true", "subject": "yaleB20"}
    assert checked(source, given) == {"mu": 0.001, "n_pairs": 4, "retrain": True, "subject": "yaleB20"}
    assert declared(source)["mu"].help


@pytest.mark.parametrize("parameters", [{"moo": 0.1}, {"x": "abc"}])
def test_a_sweep_with_a_wrong_parameter_runs_nothing(
    parameters: dict[str, object], tmp_path: Path, sweep_in: Command
) -> None:
    project = make_project(tmp_path, yaml.safe_dump({**yaml.safe_load(SWEEP), "parameters": parameters}), BARE)
    code, output = sweep_in(project)
    assert code == 1
    assert "x" in output
    assert "float" in output
    assert "Traceback" not in output
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grid": None}, "either a grid or a list"),
        ({"gird": {}}, "gird"),
        ({"grid": {"x": []}}, "has no run"),
        ({"grid": None, "list": []}, "has no run"),
        ({"notebook": "smal"}, "there is no notebook 'smal'"),
        ({"results": {"table": "other.csv", "columns": ["y"]}}, "small writes no table other.csv; it has small.csv"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused_in_a_sentence(
    change: dict[str, object], sentence: str, tmp_path: Path, sweep_in: Command
) -> None:
    changed = {key: value for key, value in {**yaml.safe_load(SWEEP), **change}.items() if value is not None}
    code, output = sweep_in(make_project(tmp_path, yaml.safe_dump(changed), BARE))
    assert code == 1
    assert sentence in output


@pytest.mark.slow
def test_a_sweep_is_killed_and_goes_on_with_what_is_missing_and_ends_as_an_undisturbed_one(
    tmp_path: Path, sweep_in: Command
) -> None:
    undisturbed, disturbed = (make_project(tmp_path / name, page=BARE) for name in ("one", "other"))
    code, output = sweep_in(undisturbed)
    assert code == 0, output
    assert executed(output) == ["x=1.0", "x=2.0", "x=3.0"]
    process = start(disturbed, "geodreg", "sweep", "small", "--cores", "1")
    kill_when(process, lambda: len(list(disturbed.glob("runs/sweeps/small/*/started"))) == 2)
    done = [path.parent.name for path in disturbed.glob("runs/sweeps/small/*/results.csv.sha256")]
    code, output = sweep_in(disturbed)
    assert code == 0, output
    assert executed(output) == sorted({"x=1.0", "x=2.0", "x=3.0"} - set(done))
    one, other = (project / "runs" / "sweeps" / "small" for project in (undisturbed, disturbed))
    for file in ("results.csv", "index.md", "x=3.0/results.csv", "x=3.0/small.csv", "y.svg"):
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    assert pd.read_csv(one / "results.csv")["y"].tolist() == [1.0, 4.0, 9.0]
    assert "x = 2.0" in (one / "x=2.0" / "x=2.0.ipynb").read_text()
    changed = disturbed / "sweeps" / "small.yaml"
    changed.write_text(SWEEP.replace("3.0", "5.0"))
    code, output = sweep_in(disturbed)
    assert (code, executed(output)) == (0, ["x=5.0"])
    assert pd.read_csv(other / "results.csv")["y"].tolist() == [1.0, 4.0, 25.0]
    damaged = other / "x=1.0" / "results.csv"
    damaged.write_text(damaged.read_text().replace("1.0", "7.0", 1))
    (other / "x=2.0" / "x=2.0.ipynb").unlink()
    edited = other / "x=5.0" / "x=5.0.ipynb"
    edited.write_text(f"{edited.read_text()} ")
    code, output = sweep_in(disturbed)
    assert (code, executed(output)) == (0, ["x=1.0", "x=2.0", "x=5.0"])
    for name in ("results.csv", "x=5.0.ipynb"):
        assert f"{name} is not what its run wrote (its sha256 differs); it is made again" in output
    assert pd.read_csv(damaged)["x"].tolist() == [1.0]
    assert pd.read_csv(damaged.with_name("results.changed.csv"))["x"].tolist() == [7.0]


def state(project: Path) -> dict[Path, tuple[bytes, int]]:
    """Every file of a project with its date, but for what Snakemake writes for itself."""
    files = [path for path in project.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_run_and_changes_nothing(tmp_path: Path, geodreg_in: Command) -> None:
    project = make_project(tmp_path, page=BARE)
    everything = {"x=1.0", "x=2.0", "x=3.0"}

    def planned() -> set[str]:
        before = state(project)
        code, output = geodreg_in(project, "sweep", "small", "--cores", "2", "--dry-run")
        assert code == 0, output
        assert state(project) == before
        return set(executed(output))

    assert planned() == everything
    assert not (project / "runs").exists()
    assert geodreg_in(project, "sweep", "small", "--cores", "2")[0] == 0
    assert planned() == set()
    damaged = project / "runs" / "sweeps" / "small" / "x=2.0" / "results.csv"
    damaged.write_text(damaged.read_text().replace("2.0", "7.0", 1))
    assert planned() == {"x=2.0"}
    (project / "sweeps" / "small.yaml").write_text(f"{SWEEP}parameters: {{seed: 1}}\n")
    assert planned() == everything


@pytest.mark.slow
def test_a_workflow_that_ends_before_its_runs_shows_nothing_of_other_parameters(
    tmp_path: Path, sweep_in: Command
) -> None:
    project = make_project(tmp_path, page=BARE)
    assert sweep_in(project)[0] == 0
    folder = project / "runs" / "sweeps" / "small"
    kept = (folder / "x=1.0" / "results.csv").read_bytes()
    (project / "sweeps" / "small.yaml").write_text(f"{SWEEP}parameters: {{word: b}}\n")
    (project / "sweep.smk").write_text("raise OSError('a file system that went away')\n")
    code, output = sweep_in(project)
    assert code != 0
    assert "3 runs: 3 not run." in output
    page = (folder / "index.md").read_text()
    assert "with `word` = 'b'" in page
    assert "none yet." in page
    assert ".ipynb" not in page
    assert not (folder / "results.csv").exists()
    assert (folder / "x=1.0" / "results.csv").read_bytes() == kept


@pytest.mark.slow
def test_an_edit_while_jobs_wait_mixes_no_values(tmp_path: Path, sweep_in: Command) -> None:
    project = make_project(tmp_path, page=BARE)
    folder = project / "runs" / "sweeps" / "small"
    held = [hold(folder / slug_of({"x": x})) for x in (1.0, 2.0, 3.0)]
    first = start(project, "geodreg", "sweep", "small", "--cores", "1")
    while not list(folder.glob("*/started")):
        assert first.poll() is None
        time.sleep(0.05)
    (project / "sweeps" / "small.yaml").write_text(f"{SWEEP}parameters: {{word: b}}\n")
    for each in held:
        each.unlink()
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 1
    assert re.search(r"sweeps/small\.yaml has changed since this sweep was started, and x=\d\.0 is not run", output)
    assert "Traceback" not in output
    assert pd.read_csv(folder / "results.csv")["word"].tolist() == ["a"]
    code, output = sweep_in(project)
    assert (code, executed(output)) == (0, ["x=1.0", "x=2.0", "x=3.0"])
    assert pd.read_csv(folder / "results.csv")["word"].tolist() == ["b"] * 3


@pytest.mark.slow
def test_a_node_with_a_slow_clock_dates_nothing(tmp_path: Path, sweep_in: Command) -> None:
    project = make_project(tmp_path, SWEEP.replace("[1.0, 2.0, 3.0]", "[1.0]"), BARE)
    assert sweep_in(project)[0] == 0
    ahead = project / "runs" / "sweeps" / "small" / "x=1.0" / "results.csv.sha256", project / "notebooks" / "small.md"
    tomorrow = int(time.time()) + 86400
    for path in ahead:
        os.utime(path, (tomorrow, tomorrow))
    job = ("snakemake", "--snakefile", "sweep.smk", "--config", "sweep=sweeps/small.yaml", "--nolock", "--cores", "1")
    code, output = call(project, *job, "--dry-run")
    assert code == 0, output
    assert [path.stat().st_mtime for path in ahead] == [tomorrow, tomorrow]
    code, output = sweep_in(project)  # the one process that runs the sweep
    assert code == 0, output
    assert all(path.stat().st_mtime < tomorrow for path in ahead)


@pytest.mark.slow
def test_a_rerun_that_fails_keeps_the_earlier_one(tmp_path: Path, sweep_in: Command) -> None:
    project = make_project(tmp_path, SWEEP.replace("[1.0, 2.0, 3.0]", "[1.0, 2.0]"), BARE)
    assert sweep_in(project)[0] == 0
    run = project / "runs" / "sweeps" / "small" / "x=1.0"
    before = {name: (run / name).read_bytes() for name in ("x=1.0.ipynb", "results.csv")}
    (project / "notebooks" / "small.md").write_text(BARE.replace('word == "raise"', "x == 1.0"))
    code, output = sweep_in(project)
    assert code == 1
    assert "2 runs: 1 failed, 1 done." in output
    assert {name: (run / name).read_bytes() for name in before} == before
    assert pd.read_csv(run.parent / "results.csv")["x"].tolist() == [2.0]


@pytest.mark.slow
def test_a_summary_becomes_a_chapter_of_the_book(tmp_path: Path, sweep_in: Command) -> None:
    project = make_project(tmp_path, SWEEP.replace("[1.0, 2.0, 3.0]", "[2.0]"))
    for name in ("_config.yml", "vendor"):
        (project / name).unlink(missing_ok=True)
        (project / name).symlink_to(ROOT / name)
    for file in ("_static", "_templates", "references.bib"):
        (project / "book" / file).symlink_to(ROOT / "book" / file)
    (project / "book" / "intro.md").write_text("# A small book\n")
    build = (*BUILD, "site", "--config", "sweeps=small")
    code, output = call(project, *build)
    assert code == 1
    assert "The sweep small has no summary runs/sweeps/small/index.md; call `make sweep SWEEP=small` first." in output
    assert sweep_in(project)[0] == 0
    code, output = call(project, *build)
    assert code == 0, output
    site = project / "_build" / "html"
    chapter = (site / "sweeps" / "small" / "index.html").read_text()
    for pattern in (r'src="([^"]*y\.svg)"', r'href="([^"]*results\.csv)"', r'href="([^"]*x%?3?D?=?2\.0\.ipynb)"'):
        found = re.search(pattern, chapter)
        assert found, pattern
        assert (site / "sweeps" / "small" / unquote(found[1])).is_file()
    assert "sweeps/small/index.html" in (site / "intro.html").read_text()
    assert call(project, *BUILD, "site")[0] == 0
    assert "sweeps/small" not in (site / "intro.html").read_text()


@pytest.mark.slow
def test_a_worker_that_dies_is_tried_again_and_a_page_that_fails_harms_no_other(
    tmp_path: Path, sweep_in: Command
) -> None:
    project = make_project(tmp_path, LIST, BARE)
    code, output = sweep_in(project)
    assert code == 1
    assert "4 runs: 3 done, 1 failed." in output
    assert "failed: word=raise" in output
    assert "RuntimeError: a cell that fails" in output
    assert re.search(r"small\.md with word = 'raise' failed in cell \d", output)
    assert "jupyter lab runs/sweeps/small/word=raise/word=raise.failed.ipynb" in output
    folder = project / "runs" / "sweeps" / "small"
    for dead in ("die once", "die with the worker"):
        run = folder / slug_of({"word": dead})
        assert (run / "died").exists()
        assert has_its_sum(run / "results.csv")
    page = (folder / "index.md").read_text()
    assert "[word=raise](word=raise/word=raise.failed.ipynb)" in page
    assert "[x=1.0](x=1.0/x=1.0.ipynb)" in page


@pytest.mark.slow
def test_two_sweeps_of_one_name_at_once_leave_one(tmp_path: Path, sweep_in: Command) -> None:
    project = make_project(tmp_path, SWEEP.replace("[1.0, 2.0, 3.0]", "[1.0]"), BARE)
    held = hold(project / "runs" / "sweeps" / "small" / slug_of({"x": 1.0}))
    first = start(project, "geodreg", "sweep", "small", "--cores", "2")
    while not held.with_name("started").exists():
        assert first.poll() is None
        time.sleep(0.05)
    code, output = sweep_in(project)
    assert code == 1
    assert re.search(r"Process \d+ on \S+ runs the sweep small already; wait until it is done, or stop it\.", output)
    held.unlink()
    first.communicate(timeout=120)
    assert first.returncode == 0


def test_names_of_sweeps_are_those_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert {"mu", "n_points", "noise", "seed", "subject"} <= set(sweep_names())
    with pytest.raises(SweepError, match="did you mean n_points"):
        read_sweep("n_point")
