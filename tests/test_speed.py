"""What is read off the benchmark's tables, and that its solvers minimise the same thing."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.contenders import Lbfgs, Ours
from benchmarks.problems import Problem, random_problem, regularised_problem
from benchmarks.race import hold
from benchmarks.tables import tables
from geodreg import LatentManifold
from geodreg.paper.speed.cards import card_in_short, card_table, card_times
from geodreg.paper.speed.claims import speed_claims, strong_claims
from geodreg.paper.speed.files import CARD
from geodreg.paper.speed.tables import (
    NONE_SLOWER,
    BenchmarkError,
    PowerLaw,
    fit_power,
    main_table,
    provenance,
    race_lbfgs,
    read_benchmark,
    share_at_best,
    share_within_gap,
    speedups,
    time_to_gap,
    where_slower,
    work_ratio,
)
from geodreg.paper.speed.trajectories import (
    at_times,
    left_point_table,
    sooner,
    sooner_table,
    trajectory_claims,
    where_behind,
)
from tests.generators import latents, random_decoder

SIZES = (2, 16, 8)


def problem(mu: float, n_pairs: int = 2) -> Problem:
    plain = random_problem(SIZES, 1.5, seed=0, n_pairs=n_pairs)
    return regularised_problem(plain, mu) if mu else plain


def races(**changes: Any) -> pd.DataFrame:
    row = {"kind": "plain", "problem": "a", "gain": 1.2, "mu": 0.0, "pairs": 2, "converged": 2, "evaluations": 9}
    row |= {"seconds_recorded": 2.0}
    found = [
        row | {"solver": "geodreg", "seconds": 0.2, "reached": 2},
        row | {"solver": "L-BFGS (SciPy)", "seconds": 0.6, "reached": 1},
        row | {"solver": "Adam", "seconds": None, "reached": 0},
    ]
    return pd.DataFrame(found).assign(**changes)


@pytest.mark.parametrize("mu", [0.0, 0.1])
def test_the_peers_minimise_the_objective_of_the_module(mu: float) -> None:
    given = problem(mu)
    z = given.line.clone()
    z[:, 1:-1] += 0.1 * torch.randn(z[:, 1:-1].shape, generator=torch.Generator().manual_seed(0), dtype=z.dtype)
    torch.testing.assert_close(given.function()(z[:, 1:-1]), given.objective.value(z), rtol=1e-7, atol=0.0)


@pytest.mark.parametrize("mu", [0.0, 0.1])
def test_a_run_cut_at_the_iterations_counted_ends_within_the_gap(mu: float) -> None:
    for entry in hold(problem(mu), (Ours(), Lbfgs())).values():
        cut, limits, reached = entry.cut()
        if not len(reached):
            continue
        values = cut.objective.value(entry.contender.solve(cut, limits).z).numpy()
        rows = np.arange(entry.problem.n_pairs) if cut is entry.problem else reached
        gaps = (values - entry.best[rows]) / entry.scale[rows]
        assert (gaps[np.isin(rows, reached)] <= 1.01e-3).all(), entry.contender.name


def test_pairs_that_are_never_solved_are_not_timed_and_are_counted() -> None:
    times = time_to_gap(races()).set_index("solver")
    assert times["seconds"]["geodreg"] == 0.1
    assert times["seconds"]["L-BFGS (SciPy)"] == 0.6  # one pair only
    assert times["reached"].to_dict() == {"geodreg": 1.0, "L-BFGS (SciPy)": 0.5, "Adam": 0.0}
    assert np.isnan(times["seconds"]["Adam"])
    shares = share_within_gap(time_to_gap(races())).set_index("Solver")
    expected = {"geodreg": "100 % of 2", "L-BFGS (SciPy)": "50 % of 2", "Adam": "0 % of 2"}
    assert shares["Plain, within the gap"].to_dict() == expected
    assert (shares["Regularised, within the gap"] == "").all()


def test_where_no_peer_is_done_when_it_is_stopped_the_ratio_is_a_bound() -> None:
    table = races()
    ratios = speedups(time_to_gap(table[table["solver"] != "L-BFGS (SciPy)"]))
    assert (ratios["ratio"].item(), ratios["bound"].item()) == (10.0, True)  # Adam: 2 s for 2 pairs
    assert main_table(time_to_gap(table), ratios)["Faster by"].item() == "> 10"
    assert not speedups(time_to_gap(table))["bound"].item()


def test_a_power_law_is_recovered_and_the_work_ratio_is_one_at_the_rate_of_the_products() -> None:
    sizes = np.array([1, 3, 10, 30])
    fit = fit_power(sizes, 0.2 * sizes**1.3)
    assert (fit.factor, fit.exponent) == pytest.approx((0.2, 1.3))
    machine = pd.DataFrame({"what": ["evaluation", "products"], "multiply_adds": [6e9, 2e9], "seconds": [3.0, 1.0]})
    assert work_ratio(machine) == pytest.approx(1.0)


def test_shares_count_pairs_within_the_gap_and_not_those_without_a_number() -> None:
    starts = pd.DataFrame(
        {"problem": "a", "gain": 0.0, "mu": 0.1, "pair": range(4), "straight": [0.0, 1e-4, 0.5, np.nan],
         "graph": [0.5, 0.5, 0.0, np.nan], "both": [0.0, 1e-4, 0.0, np.nan]}
    )  # fmt: skip
    row = share_at_best(starts).iloc[0]
    assert (row["Straight"], row["Graph"], row["Better of both"]) == ("50 %", "25 %", "75 %")


def test_claims_hold_or_fail_by_their_numbers() -> None:
    parts = [
        races(),
        races(kind="together"),
        races(kind="together", gain=2.0),
        *(races(kind="regularised", problem="mnist-gan", mu=mu) for mu in (0.03, 0.1)),
    ]
    times = time_to_gap(pd.concat(parts))
    fits = {"pairs": PowerLaw(1.0, 1.0, 0.0), "points": PowerLaw(1.0, 1.2, 0.0)}
    memory = pd.DataFrame({"pairs": [1, 4], "budget_gib": 0.25, "before_mib": [100, 100], "peak_mib": [200, 400]})
    starts = pd.DataFrame({"gain": [2.0, 4.0, 0.0], "both": [0.0, 0.1, 0.1]})
    rows = speed_claims(times, speedups(times), fits, 1.4, memory, starts)
    holds = {statement: outcome for statement, _, outcome in rows}
    assert len(rows) == len(holds) == 13
    assert rows[-2][1:] == ("at most 117 % of it", False)
    assert rows[-1][1:] == ("50 % of 2", False)
    assert [outcome for statement, outcome in holds.items() if "power 1.1" in statement] == [True, False]
    assert [outcome for statement, outcome in holds.items() if "5 times" in statement and "mean" in statement] == [True]
    assert [outcome for statement, outcome in holds.items() if "weight 0.1" in statement] == [False]


def test_the_run_becomes_tables_without_times_where_there_are_none() -> None:
    stats = {"median": 0.12345, "rounds": 5}
    run = {
        "benchmarks": [
            {"extra_info": {"table": "races", "reached": 0}, "stats": stats},
            {"extra_info": {"table": "cost", "size": 2}, "stats": stats},
        ]
    }
    found = tables(run)
    assert found["races"]["seconds"].isna().all()
    assert found["cost"]["seconds"].item() == 0.1235 or found["cost"]["seconds"].item() == 0.1234


def test_the_small_race_counts_fewer_iterations_than_lbfgs() -> None:
    start, end = latents(2, 2, seed=100)
    race = race_lbfgs(LatentManifold(random_decoder(SIZES, 1.5)), start, end)
    assert 0 < race.ours_iterations < race.lbfgs_iterations
    assert race.ratio > 0.0


def test_a_missing_table_is_named_with_the_command_that_makes_it() -> None:
    with pytest.raises(BenchmarkError, match=r"There is no absent\.csv .* make it with `make bench`"):
        read_benchmark("absent")


def test_a_table_of_the_benchmark_that_was_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(Path(__file__).parent.parent / "data" / "benchmarks", tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("GEODREG_BENCHMARKS", str(tmp_path))
    assert len(read_benchmark("cost")) > 0
    (tmp_path / "cost.csv").write_text((tmp_path / "cost.csv").read_text().replace("1", "2", 1))
    with pytest.raises(BenchmarkError, match=r"cost\.csv was changed: its sha256 is .*; restore it, or make it again"):
        read_benchmark("cost")


def timed(case: str, pairs: int, ours: float, peer: float, kind: str = "plain") -> list[dict[str, Any]]:
    """Rows of a table of races: the default solver and a peer, both at the gap on all pairs."""
    row = {"kind": kind, "case": case, "problem": case, "gain": 0.0, "mu": 0.0, "pairs": pairs, "reached": pairs}
    row |= {"converged": pairs, "evaluations": 9, "seconds_recorded": 1.0}
    return [row | {"solver": name, "seconds": value} for name, value in (("geodreg", ours), ("L-BFGS (SciPy)", peer))]


def test_a_card_is_compared_on_the_same_pairs_alone() -> None:
    here = pd.DataFrame(timed("a", 1, 0.02, 0.1) + timed("b", 64, 6.4, 64.0, "together") + timed("c", 3, 1.0, 9.0))
    card = pd.DataFrame(timed("a", 1, 0.05, 0.1) + timed("b", 64, 0.64, 32.0, "together") + timed("c", 1, 0.1, 0.9))
    times = card_times(here, card)
    assert times["problem"].tolist() == ["a", "b"]
    np.testing.assert_allclose(times["here"], [0.02, 0.1])
    np.testing.assert_allclose(times["card"], [0.05, 0.01])
    np.testing.assert_allclose(times["ratio"], [2.0, 50.0])
    table = card_table(times)
    assert table["Card faster by"].tolist() == ["0.4, slower", "10"]
    assert table["Ours faster by"].tolist() == ["2.0", "50"]
    assert card_in_short(times) == (
        "The processor is faster on 1 of 2 problems, each with a single pair; "
        "the card gains most with 64 pairs at once on b: 10 times."
    )
    assert card_in_short(times[1:]).startswith("The card is faster on all of these problems; ")
    assert card_in_short(times[:1]) == "The processor is faster on all of these problems, least so with one pair on a."


def test_the_tables_of_a_card_are_beside_those_of_the_processor_with_their_own_sums() -> None:
    assert provenance(CARD)["card"]
    assert not provenance()["card"]
    assert not read_benchmark("races", CARD).equals(read_benchmark("races"))
    assert len(card_times(read_benchmark("races"), read_benchmark("races", CARD))) > 0


def test_tables_of_another_folder_are_compared_with_the_card_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = read_benchmark("races", CARD)
    monkeypatch.setenv("GEODREG_BENCHMARKS", str(tmp_path))
    assert read_benchmark("races", CARD).equals(committed)
    with pytest.raises(BenchmarkError, match=r"There is no races\.csv"):
        read_benchmark("races")


def test_a_run_without_a_problem_in_common_with_the_card_is_told() -> None:
    here, card = pd.DataFrame(timed("a", 3, 0.02, 0.1)), pd.DataFrame(timed("a", 1, 0.05, 0.1))
    times = card_times(here, card)
    assert len(card_table(times)) == 0
    assert card_in_short(times) == "No problem was measured on both with as many pairs."


def trajectories(ours: float = 5.0) -> pd.DataFrame:
    """Two pairs; L-BFGS has 2.0 in hand at 40 s and less only after its time, ours has it at a time that is given."""
    steps = [
        ("L-BFGS (SciPy)", [(0, 0.0, 8.0), (1, 10.0, 4.0), (2, 40.0, 2.0), (3, 70.0, 1.0)]),
        ("geodreg", [(0, 0.0, 8.0), (1, ours, 1.5), (2, 2 * ours, 1.4)]),
        ("GEORCE", [(0, 0.0, 8.0), (1, 1.0, 9.0)]),
    ]
    rows = [
        {"problem": "faces, 12 points", "points": 12, "mu": 0.0, "pair": pair, "solver": solver, "iterations": number}
        | {"seconds": seconds, "objective": value, "before_mib": 100, "peak_mib": 150 + pair}
        | {"at_rest": solver == "geodreg"}
        for pair in range(2) for solver, found in steps for number, seconds, value in found
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_who_is_sooner_is_told_by_what_the_other_has_when_its_time_is_over() -> None:
    found = sooner(trajectories())
    assert (found["goal"] == 2.0).all()
    assert found["solver"].tolist() == 2 * ["L-BFGS (SciPy)", "geodreg", "GEORCE"]
    np.testing.assert_array_equal(found["ratio"], 2 * [1.0, 8.0, np.nan])
    assert sooner(trajectories(), patience=100.0).query("solver == 'geodreg'")["ratio"].isna().all()


def test_energies_a_little_above_are_had_sooner_or_at_all() -> None:
    found = trajectories()
    found.loc[found["solver"] == "geodreg", "objective"] = [8.0, 2.019, 2.001] * 2
    table = sooner_table(pd.concat([found, found.assign(problem="small decoder")]))
    assert table["Pair"].tolist() == [1, 2]
    assert table["Energy of L-BFGS after 60 s"].tolist() == ["2"] * 2
    assert table["Times sooner"].tolist() == ["not reached"] * 2
    assert table["to 0.1 %"].tolist() == ["4.0"] * 2
    assert table["to 1 %"].tolist() == ["8.0"] * 2


@pytest.mark.parametrize(("ours", "holds"), [(5.0, True), (10.0, False), (41.0, False)])
def test_the_claim_about_the_faces_holds_where_it_does(ours: float, holds: bool) -> None:
    ((statement, _, outcome),) = trajectory_claims(trajectories(ours))
    assert "12 points" in statement
    assert outcome is holds


def test_a_pair_where_ours_is_never_there_makes_the_claim_fail() -> None:
    table = trajectories()
    table.loc[(table["pair"] == 1) & (table["solver"] == "geodreg"), "objective"] = 3.0
    ((_, said, outcome),) = trajectory_claims(table)
    assert (said, outcome) == ("on 1 of 2 pairs", False)


def test_objectives_at_times_are_what_is_in_hand_then() -> None:
    table = at_times(trajectories(), (0.5, 10.0, 60.0))
    assert table.iloc[0].tolist() == ["faces, 12 points", "L-BFGS (SciPy)", "", "4", "2", "50"]
    assert table.iloc[1].tolist()[1:5] == ["geodreg", "", "1.4", "1.4"]
    assert table.iloc[2].tolist()[1:5] == ["GEORCE", "", "", ""]  # nobody saw what it had then


def test_objectives_at_times_are_of_the_pair_that_all_are_followed_on() -> None:
    table = trajectories()
    harder = table.assign(objective=table["objective"].where(table["pair"] == 0, 100.0))
    assert at_times(harder).equals(at_times(table))


def test_where_a_peer_is_ahead_is_said() -> None:
    assert (
        where_behind(trajectories())
        == "At none of these times is a peer ahead of the default solver by 0.1 % or more, on any pair."
    )
    late = trajectories(ours=20.0)  # which has only its start after 10 s
    assert where_behind(late).endswith("on faces, 12 points, after 10 s: L-BFGS (SciPy) (pairs 1 and 2).")
    assert where_behind(late[late["pair"] == 0]).endswith("on faces, 12 points, after 10 s: L-BFGS (SciPy).")
    second = trajectories()
    second.loc[(second["pair"] == 1) & (second["solver"] == "geodreg"), "objective"] = 3.0
    assert where_behind(second).endswith("on faces, 12 points, after 60 s: L-BFGS (SciPy) (pair 2).")
    cut = late.assign(at_rest=False)  # nobody knows what ours had after 60 s
    cut["objective"] = cut["objective"].where(cut["solver"] == "geodreg", cut["objective"] / 100.0)
    assert "60 s" not in where_behind(cut)
    assert "60 s" in where_behind(cut.assign(at_rest=True))


def test_left_point_sums_stand_beside_the_objective() -> None:
    own = {"own_start": 100.0, "own_end": 80.0, "objective_end": 950.0, "objective_best": 88.0}
    table = left_point_table(pd.concat([races(), races(solver="GEORCE", **own)]))
    assert table.iloc[0, 3:].tolist() == ["100", "80", "950", "88"]
    assert len(table) == 1
    large = {"own_start": 52103.4, "own_end": 9999.7, "objective_end": 9999.2, "objective_best": 27030.0}
    table = left_point_table(pd.concat([races(), races(solver="GEORCE", **large)]))
    assert table.iloc[0, 3:].tolist() == ["52103", "10000", "9999", "27030"]


@pytest.mark.parametrize("solver", ["Algorithm 1", "GEORCE", "ProbGEORCE"])
def test_who_minimises_something_else_is_no_peer_where_it_does_not_reach_the_gap(solver: str) -> None:
    table = races()
    other = table.iloc[[2]].assign(solver=solver, seconds_recorded=1e-3)
    assert speedups(time_to_gap(pd.concat([table, other])))["peer"].item() == "L-BFGS (SciPy)"
    assert speedups(time_to_gap(pd.concat([table, other.assign(seconds=1e-3, reached=2)])))["peer"].item() == solver
    in_passing = other.assign(seconds=1e-3, reached=1)
    assert speedups(time_to_gap(pd.concat([table, in_passing])))["peer"].item() == "L-BFGS (SciPy)"


def test_where_a_peer_is_faster_is_said() -> None:
    def ratios(seconds: float, **changes: Any) -> pd.DataFrame:
        table = races(**changes)
        table.loc[0, "seconds"] = seconds
        return speedups(time_to_gap(table))

    slow, fast = ratios(2.4, problem="mnist-gan", gain=0.0, mu=3.0, kind="regularised"), ratios(0.1)
    assert where_slower(fast) == NONE_SLOWER
    sentence = "A peer is faster on: MNIST GAN, weight 3: L-BFGS (SciPy), 2.0 times."
    assert where_slower(pd.concat([slow, fast])) == sentence
    assert "a, gain 1.2, plain, many pairs" in where_slower(ratios(3.0, kind="together"))


@pytest.mark.parametrize(
    ("converged", "unbounded", "seconds", "holds"),
    [(2, 0, 2.0, True), (1, 1, 2.0, True), (1, 0, 2.0, False), (2, 0, 2.1, False)],
)
def test_strong_weights_hold_if_every_pair_ends_in_time(
    converged: int, unbounded: int, seconds: float, holds: bool
) -> None:
    table = races(problem="mnist-gan", mu=3.0, converged=converged, unbounded=unbounded, seconds_recorded=seconds)
    weak = races(problem="mnist-gan", mu=0.1, converged=0, unbounded=0)
    ((statement, _, outcome),) = strong_claims(pd.concat([table, weak]))
    assert "Weight 3 " in statement
    assert outcome is holds
