"""The tables of the benchmark are of one commit, or it is said which are not."""

import json
from pathlib import Path

import pytest

from benchmarks import provenance
from benchmarks.provenance import COMMITTED, TablesError, begin, publish
from geodreg.paper.speed.commits import disagreement
from geodreg.workspace.files import sha256_of

NAMES = ("cost", "memory", "starts")


def run_of(folder: Path, **commits: str) -> Path:
    """What a run leaves behind."""
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / f"{name}.csv").write_text(f"{name}\n", encoding="utf-8")
    sums = {name: sha256_of(folder / f"{name}.csv") for name in NAMES}
    content = {"sizes": "full", "commits": {**dict.fromkeys(NAMES, "a1"), **commits}, "sums": sums}
    (folder / "provenance.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("commits", "words"),
    [
        ({"starts": "b2"}, ["cost, memory at commit `a1`; starts at commit `b2`", "not all of one commit"]),
        ({"memory": "a1-dirty"}, ["memory was measured with changes that no commit has", "`a1-dirty`"]),
        (dict.fromkeys(NAMES, "a1-dirty"), ["Of the tables of the benchmark, cost, memory, starts were measured with"]),
        (dict(zip(NAMES, "xyz", strict=True)), ["cost at commit `x`; memory at commit `y`; starts at commit `z`"]),
    ],
)
def test_tables_that_are_not_of_one_commit_are_named_and_not_published(
    commits: dict[str, str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_of(COMMITTED)
    before = {path.name: path.read_bytes() for path in COMMITTED.iterdir()}
    source = run_of(tmp_path / "run", **commits)
    (source / "cost.csv").write_text("measured anew\n", encoding="utf-8")
    with pytest.raises(TablesError) as refused:
        publish(COMMITTED, source)
    for each in words:
        assert each in str(refused.value)
    assert {path.name: path.read_bytes() for path in COMMITTED.iterdir()} == before


def test_a_run_at_one_commit_is_published_whole_and_what_it_did_not_measure_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_of(COMMITTED, cost="z9")
    (COMMITTED / "abandoned.csv").touch()
    source = run_of(tmp_path / "run")
    publish(COMMITTED, source)
    assert {path.name: path.read_bytes() for path in COMMITTED.iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }
    assert disagreement(json.loads((COMMITTED / "provenance.json").read_text(encoding="utf-8"))["commits"]) is None
    (source / "cost.csv").write_text("by hand\n", encoding="utf-8")
    with pytest.raises(TablesError, match=r"cost in .* changed after being measured"):
        publish(COMMITTED, source)


def test_nothing_is_measured_for_committing_in_a_checkout_with_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "OUT", tmp_path / "run")
    with pytest.raises(TablesError, match="The checkout has changes since a1, so nobody could measure"):
        begin(COMMITTED, "a1-dirty")
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "earlier.csv").touch()
    begin(COMMITTED, "a1")
    assert not list((tmp_path / "run").iterdir())
    begin(tmp_path / "elsewhere", "a1-dirty")


def test_the_page_says_which_tables_differ() -> None:
    page = (Path(__file__).parent.parent / "notebooks" / "speed.md").read_text(encoding="utf-8")
    assert 'disagreement(made["commits"])' in page
    assert "{differing}" in page
