"""The claims: definitions, effects and their intervals, tables that cannot be changed unnoticed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from geodreg.paper.verdict.definitions import ClaimsError, ClaimTest, read_definitions
from geodreg.paper.verdict.effects import Outcome, Verdict, effect_of, verdict_of, wide
from geodreg.paper.verdict.sensitivity import STATEMENTS, acceptance_by_nll, sensitivity
from geodreg.paper.verdict.store import read_tables

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "data" / "claims"
DEFINITIONS, _ = read_definitions()


def paths_table(shift: float, n_seeds: int = 5, n_pairs: int = 6) -> pd.DataFrame:
    """Two methods whose values differ by ``shift`` and a little that depends on seed and pair."""
    chance = np.random.default_rng(0)
    rows = [
        ("mnist-gan", str(seed), pair, method, base + (shift if method == "geodreg" else 0.0) + chance.normal(0, 0.01))
        for seed in range(n_seeds)
        for pair, base in enumerate(chance.normal(size=n_pairs))
        for method in ("geodreg", "straight")
    ]
    return pd.DataFrame(rows, columns=["model", "seed", "pair", "method", "length"])


def difference(**changes: object) -> ClaimTest:
    bound = {} if "below" in changes else {"above": 0.0}
    options = {"what": "d", "table": "paths", "models": ("mnist-gan",), "value": "length_geodreg - length_straight"}
    return ClaimTest(**{**options, **bound, **changes})  # type: ignore[arg-type]


def test_sizes_are_those_asked_for() -> None:
    for name, seeds, pairs in (
        ("mnist-gan", 5, 200),
        ("mnist-vae", 5, 200),
        ("circle-gan", 20, 200),
        ("yale-dcgan", 3, 50),
    ):
        size = DEFINITIONS.sizes[name]
        assert len(size.labels) >= seeds
        assert len(size.labels) * size.pairs >= pairs


def test_interval_is_that_of_the_seeds_means() -> None:
    table = paths_table(0.5)
    effect = effect_of(difference(), "mnist-gan", {"paths": table}, n_outcomes=10)
    by_hand = wide(table).assign(d=lambda t: t["length_geodreg"] - t["length_straight"]).groupby("seed")["d"].mean()
    interval = ttest_1samp(by_hand, 0.0).confidence_interval(0.95)
    assert effect.value == pytest.approx(by_hand.mean())
    assert effect.interval == pytest.approx((interval.low, interval.high))
    assert effect.corrected[0] < effect.interval[0] < effect.value < effect.interval[1] < effect.corrected[1]


@pytest.mark.parametrize(
    ("shift", "changes", "outcome"),
    [
        (0.5, {}, Outcome.FOR),
        (-0.5, {}, Outcome.AGAINST),
        (0.0, {}, Outcome.UNDECIDED),
        (-0.5, {"below": 0.0}, Outcome.FOR),
        (0.5, {"below": 0.0}, Outcome.AGAINST),
        (0.5, {"table": "other"}, Outcome.NO_DATA),
    ],
)
def test_outcome_follows_the_corrected_interval(shift: float, changes: dict[str, object], outcome: Outcome) -> None:
    assert effect_of(difference(**changes), "mnist-gan", {"paths": paths_table(shift)}, 10).outcome is outcome


def test_interval_of_a_share_ends_at_nothing_and_all() -> None:
    table = paths_table(0.0)
    value = "length_geodreg > length_straight"
    effect = effect_of(difference(value=value, above=0.5), "mnist-gan", {"paths": table}, 10)
    assert effect.corrected == (0.0, 1.0)
    assert effect.interval[0] >= 0.0
    assert effect.interval[1] <= 1.0


def test_few_seeds_have_a_range() -> None:
    effect = effect_of(difference(), "mnist-gan", {"paths": paths_table(0.5, n_seeds=3)}, 10)
    assert effect.is_range
    assert effect.interval == effect.corrected == (min(effect.seeds.values()), max(effect.seeds.values()))


def test_area_under_the_curve() -> None:
    rows = [
        (seed, nll, hole) for seed in "01234" for nll, hole in ((1.0, False), (2.0, True), (3.0, False), (4.0, True))
    ]
    table = pd.DataFrame(rows, columns=["seed", "nll", "hole"]).assign(model="mnist-gan")
    test = difference(table="samples", value="nll", positive="hole", statistic="auc")
    assert effect_of(test, "mnist-gan", {"samples": table}, 10).value == pytest.approx(0.75)
    both = pd.concat([table, table.assign(model="mnist-vae", nll=-table["nll"])])
    versus = difference(table="samples", value="nll", positive="hole", statistic="auc", versus="mnist-vae")
    assert effect_of(versus, "mnist-gan", {"samples": both}, 10).value == pytest.approx(0.5)


def test_verdict_of_outcomes() -> None:
    table = {"paths": paths_table(0.5)}
    good, bad, open_ = (
        effect_of(difference(**changes), "mnist-gan", table, 10)
        for changes in ({}, {"below": 0.0}, {"above": float(effect_of(difference(), "mnist-gan", table, 10).value)})
    )
    assert verdict_of([good]) is Verdict.HOLDS
    assert verdict_of([good, bad]) is verdict_of([good, open_]) is Verdict.IN_PART
    assert verdict_of([bad, open_]) is Verdict.FAILS
    assert verdict_of([open_]) is verdict_of([]) is Verdict.UNTESTED


def test_definitions_came_before_the_tables() -> None:
    def last_commit(file: str) -> str:
        command = ["git", "log", "-1", "--format=%H", "--", f"data/claims/{file}"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    defined, measured = last_commit("claims.yaml"), last_commit("provenance.json")
    if not defined or not measured:
        pytest.skip("needs the repository's history")
    order = ["git", "merge-base", "--is-ancestor", defined, measured]
    assert defined != measured
    assert subprocess.run(order, cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("file", ["paths.csv", "samples.csv"])
def test_a_table_that_was_changed_by_hand_is_refused(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FOLDER, tmp_path / "claims")
    monkeypatch.setenv("GEODREG_CLAIMS", str(tmp_path / "claims"))
    assert read_tables()
    changed = tmp_path / "claims" / file
    changed.write_text(changed.read_text().replace("1", "2", 1))
    with pytest.raises(ClaimsError, match=f"{file} was changed"):
        read_tables()


def test_tables_of_other_definitions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FOLDER, tmp_path / "claims")
    monkeypatch.setenv("GEODREG_CLAIMS", str(tmp_path / "claims"))
    definitions = tmp_path / "claims" / "claims.yaml"
    definitions.write_text(definitions.read_text().replace("above: 0.95", "above: 0.9"))
    with pytest.raises(ClaimsError, match=r"claims\.yaml has changed"):
        read_tables()


def test_sensitivity_has_every_value_and_agrees_with_the_claims() -> None:
    tables = read_tables()
    table = sensitivity(DEFINITIONS, tables)
    assert set(table["statement"]) == set(STATEMENTS)
    assert table["share"].between(0, 1).all()
    for each in DEFINITIONS.variations:
        own = table[(table["parameter"] == each.parameter) & (table["model"] == each.model)]
        assert set(own["value"]) > set(each.values)
    densest = effect_of(DEFINITIONS.claim(5).tests[0], "mnist-gan", tables, 1)
    usual = table.query("parameter == 'mu' and value == 0.1 and model == 'mnist-gan' and statement == 'densest'")
    assert usual["share"].item() == pytest.approx(densest.value, abs=0.03)  # solves of other batches


def test_acceptance_by_nll_of_a_density_that_knows() -> None:
    samples = pd.DataFrame({"model": "mnist-gan", "seed": "0", "nll": np.arange(100.0), "hole": np.arange(100) >= 70})
    assert acceptance_by_nll(samples)["accepted"].tolist() == [1.0] * 7 + [0.0] * 3


def test_definitions_that_make_no_sense_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "claims.yaml").write_text(json.dumps({"claims": []}))
    monkeypatch.setenv("GEODREG_CLAIMS", str(tmp_path))
    with pytest.raises(ClaimsError, match="makes no sense"):
        read_definitions()
    monkeypatch.setenv("GEODREG_CLAIMS", str(tmp_path / "nowhere"))
    with pytest.raises(ClaimsError, match="make claims"):
        read_definitions()
    with pytest.raises(ClaimsError, match="There is no claim 99"):
        DEFINITIONS.claim(99)
