"""The comparison of densities and metrics: definitions, what is measured, what decides, what is said."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ttest_1samp, ttest_ind
from typer.testing import CliRunner

from geodreg import interpolate
from geodreg.commands.densities_job import app
from geodreg.models.store import read_card
from geodreg.models.zoo import load_model
from geodreg.paper.shelf import ShelfError
from geodreg.paper.trial.parts import outdated, write_part
from geodreg.paper.which_density.candidates import Contest, flat
from geodreg.paper.which_density.codes import codes_table, density_of_codes
from geodreg.paper.which_density.definitions import ENSEMBLES, SHELF, read_study
from geodreg.paper.which_density.measure import measured
from geodreg.paper.which_density.outcomes import Outcome, at_length, between, compared, estimate, of_models
from geodreg.paper.which_density.plan import CODES, Job, jobs
from geodreg.paper.which_density.prices import costs, price_curves
from geodreg.paper.which_density.reading import better_in_short, found_in_short, outcomes_table, recommendation
from geodreg.plotting import plot_candidate_strips, plot_candidates

ROOT = Path(__file__).parent.parent
STUDY = read_study()
SHELF_FOLDER = ROOT / "data" / "densities"


def table_of(effects: dict[str, float], spread: float = 0.002) -> pd.DataFrame:
    """Paths of 10 to 14 long on a straight line of 10, on which a candidate changes what is rejected by a fraction."""
    chance = np.random.default_rng(0)
    rows = []
    for model in ("mnist-gan", "mnist-vae"):
        size = STUDY.sizes[model]
        curves = STUDY.curves(model)
        for seed in size.labels:
            for pair in range(4):
                methods = [
                    ("straight", 0.0, 10.0, 0.0),
                    ("slerp", 0.0, 10.5, 0.0),
                    ("geodesic", 0.0, 9.0, 0.0),
                ]
                for name, along in curves.items():
                    for step, method in enumerate(along[1:]):
                        change = effects.get(name, 0.0) + chance.normal(0, spread)
                        methods.append((method, 0.1 * (step + 1), 12.0 + step, change))
                for method, weight, length, change in methods:
                    judged = {f"rejected_{judge}": 4.0 + 10.0 * change for judge in STUDY.judges}
                    judged |= {f"worst_{judge}": 1.0 + change for judge in STUDY.judges}
                    rows.append(
                        {
                            "model": model, "seed": seed, "method": method, "pair": pair, "apart": pair % 2 == 1,
                            "weight": weight, "length": length, "seconds": 1.0, "nll_mean": 0.0, "converged": True,
                            **judged,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def test_no_training_and_no_pair_had_been_looked_at_before() -> None:
    assert STUDY.ends_seed not in STUDY.pilot_ends
    for model, size in STUDY.sizes.items():
        assert not set(size.labels) & set(STUDY.pilots[model])
        assert (size.seeds, size.pairs) == (5, 12)


def test_enough_candidates_on_enough_models() -> None:
    on = {model: [each.name for each in STUDY.candidates if model in each.weights] for model in STUDY.sizes}
    assert sum(len(names) >= 6 for names in on.values()) >= 3
    for each in STUDY.candidates:
        assert all(list(weights) == sorted(set(weights)) for weights in each.weights.values())
        assert (each.density is not None) == (each.kind == "latent")


def test_parts_that_need_latents_of_data_name_them() -> None:
    every = jobs(STUDY)
    assert len(set(every)) == len(every)
    for job in every:
        needed = job.codes(STUDY)
        assert (needed is not None) == (job.part in ("codes", "latent-codes"))
        assert needed is None or (needed.part == CODES and needed in every)


def test_estimate_of_one_model_is_the_t_test_and_of_two_is_welchs() -> None:
    one, other = [-0.3, -0.1, -0.4, -0.2], [0.1, 0.3, 0.2, 0.25, 0.0]
    alone, reference = estimate([one]), ttest_1samp(one, 0.0, alternative="less")
    assert alone.p_below == pytest.approx(reference.pvalue)
    assert alone.interval == pytest.approx(ttest_1samp(one, 0.0).confidence_interval(0.95))
    both = estimate([one, [-value for value in other]])  # half the difference of the two
    welch = ttest_ind(one, other, equal_var=False, alternative="less")
    assert both.value == pytest.approx((np.mean(one) - np.mean(other)) / 2)
    assert both.p_below == pytest.approx(welch.pvalue)
    assert both.p_below + both.p_above == pytest.approx(1.0)


def test_one_seed_says_nothing() -> None:
    found = estimate([[-0.3], [-0.1, -0.12, -0.11]])
    assert (found.p_below, found.p_above) == (1.0, 1.0)
    same = estimate([[0.0, 0.0], [0.0, 0.0]])
    assert (same.p_below, same.p_above) == (1.0, 1.0)


def test_a_better_candidate_names_the_models_on_which_alone_it_is_not_certain() -> None:
    table = table_of({"prior": -0.3})
    on_vae = (table["model"] == "mnist-vae") & table["method"].str.startswith("prior_")
    table.loc[on_vae, "rejected_sharp"] = 4.0
    found = {each.candidate.name: each for each in compared(table, STUDY)}["prior"]
    assert found.unsure_on == ("mnist-vae",)
    unsure = [replace(found, outcome=Outcome.BETTER)]
    assert "not certain by all judges for prior alone on the MNIST VAE." in found_in_short(unsure, STUDY)
    assert "(taken one model at a time, none on every model)" in better_in_short(unsure, STUDY)
    assert of_models(table, STUDY, 1.1).groupby(["model", "candidate"]).size().eq(3).all()


def test_at_equal_length_paths_are_cut_between_two_weights() -> None:
    rows = at_length(table_of({"prior": -0.3}, spread=0.0), STUDY, 1.1)
    prior = rows[rows["method"] == "prior"]
    # from 9 long without change to 12 long with all of it, 11 is two thirds of the way
    assert prior["rejected_judge"].to_numpy() == pytest.approx(-0.3 * 2 / 3)
    assert prior["reached"].all()
    latent = rows[rows["method"] == "latent-data"]
    assert latent["rejected_judge"].to_numpy() == pytest.approx(0.0)  # from the straight line on
    beyond = at_length(table_of({"prior": -0.3}, spread=0.0), STUDY, 3.0)
    assert not beyond["reached"].any()
    ends = beyond[beyond["method"] == "prior"].groupby("model")["relative_length"].first()
    assert ends["mnist-gan"] == pytest.approx(1.2 + 0.1 * (len(STUDY.candidate("prior").weights["mnist-gan"]) - 1))


def test_outcomes_turn_with_the_effects_and_so_do_the_sentences() -> None:
    table = table_of({"prior": -0.3, "volume": 0.3})
    found = {each.candidate.name: each for each in compared(table, STUDY)}
    assert found["prior"].outcome is Outcome.BETTER
    assert found["volume"].outcome is Outcome.WORSE
    assert {each.outcome for name, each in found.items() if name not in ("prior", "volume")} == {Outcome.UNDECIDED}
    assert "discriminator" not in found  # whose model has not been measured
    said = found_in_short(list(found.values()), STUDY)
    assert said.startswith("✔ More realistic than the straight line in latent space")
    assert "prior alone" in said.split("\n")[0]
    assert "✘ Less realistic: volume alone." in said
    in_short = better_in_short(list(found.values()), STUDY)
    assert "over all models together: prior alone (taken one model at a time, prior alone on every model)." in in_short
    assert "Taken one model at a time" not in said
    turned = found_in_short(compared(table_of({"prior": 0.3}), STUDY), STUDY)
    assert "No candidate is decided to be more realistic" in turned
    cost = costs(table, STUDY)
    assert recommendation(list(found.values()), STUDY, cost, 40).startswith("Take the prior alone")
    none = compared(table_of({}), STUDY)
    assert "none is more realistic" in better_in_short(none, STUDY)
    assert recommendation(none, STUDY, cost, 40).startswith("Take the straight line")
    assert len(outcomes_table(none, cost)) == len(none)
    assert cost["time"].dropna().to_numpy() == pytest.approx(1.0)


def test_all_judges_must_agree() -> None:
    table = table_of({"prior": -0.3})
    table["rejected_neighbours"] = 4.0
    found = {each.candidate.name: each for each in compared(table, STUDY)}
    assert found["prior"].outcome is Outcome.UNDECIDED
    assert found["prior"].least[0] == "neighbours"


def test_difference_of_two_candidates_is_that_of_their_effects() -> None:
    found = between(table_of({"prior": -0.3, "volume": 0.3}, spread=0.0), STUDY, "prior", "volume", 1.1)
    assert found["judge"].value == pytest.approx(-0.4)


def test_price_curves_are_against_the_straight_line_of_the_same_pair() -> None:
    curves = price_curves(table_of({"prior": -0.2}, spread=0.0), STUDY)
    first = curves[(curves["candidate"] == "prior") & (curves["weight"] > 0)].iloc[0]
    assert (first["relative_length"], first["rejected"]) == pytest.approx((1.2, -0.2))
    assert set(curves["candidate"]) == {*STUDY.curves("mnist-vae"), *STUDY.curves("mnist-gan"), "slerp"}


@pytest.fixture(scope="module")
def contest() -> Contest:
    model = load_model("circle-gan")
    return Contest(model, STUDY, 4, codes_table(model, 50))


@pytest.mark.parametrize("name", [each.name for each in STUDY.candidates if "circle-gan" in each.weights])
@pytest.mark.slow
def test_every_candidate_goes_through_the_front_door(contest: Contest, name: str) -> None:
    rows = measured(contest, "0", STUDY.candidate(name))
    assert rows["method"].unique().tolist() == STUDY.candidate(name).methods("circle-gan")
    assert len(rows) == 4 * len(STUDY.candidate(name).weights["circle-gan"])
    assert rows["length"].gt(0).all()
    assert rows["converged"].mean() > 0.7


def test_in_latent_space_a_path_without_weight_is_straight(contest: Contest) -> None:
    manifold = flat(contest.manifold)
    start, end, _ = contest.endpoints
    path = interpolate(manifold, start, end, "geodesic", n_points=9)
    line = interpolate(contest.manifold, start, end, "straight", n_points=9)
    torch.testing.assert_close(path.z, line.z)
    torch.testing.assert_close(path.length, (end - start).norm(dim=-1))
    torch.testing.assert_close(manifold.nll(line.z[0]), contest.manifold.nll(line.z[0]))


def test_a_density_of_the_data_leads_around_the_hole(contest: Contest) -> None:
    rows = measured(contest, "0", STUDY.candidate("latent-data"))
    straight = measured(contest, "0", None).query("method == 'straight'")
    strongest = rows[rows["weight"] == rows["weight"].max()]
    assert strongest["rejected_ring"].mean() < straight["rejected_ring"].mean()


def test_latents_of_data_lie_where_the_data_are(contest: Contest) -> None:
    codes = codes_table(load_model("circle-gan"), 50)
    assert contest.codes is not None
    pd.testing.assert_frame_equal(codes, contest.codes)
    assert codes["residual"].median() < 1e-3
    density = density_of_codes(codes)
    z = torch.tensor(codes[["z0", "z1"]].to_numpy(), dtype=torch.float32)
    assert density.log_prob(z).median() > density.log_prob(z + 3.0).median()


def test_definitions_that_make_no_sense_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "densities.yaml").write_text("candidates: 3")
    monkeypatch.setenv("GEODREG_DENSITIES", str(tmp_path))
    with pytest.raises(ShelfError, match="makes no sense"):
        read_study()
    monkeypatch.setenv("GEODREG_DENSITIES", str(tmp_path / "nowhere"))
    with pytest.raises(ShelfError, match="make densities"):
        read_study()


def test_tables_of_other_definitions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SHELF_FOLDER, tmp_path / "densities")
    monkeypatch.setenv("GEODREG_DENSITIES", str(tmp_path / "densities"))
    assert SHELF.tables()
    definitions = tmp_path / "densities" / "densities.yaml"
    definitions.write_text(definitions.read_text().replace("longer: 1.1", "longer: 1.2"))
    with pytest.raises(ShelfError, match=r"densities\.yaml has changed .* `make densities`"):
        SHELF.tables()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["neither", "circle-gan", "100"], "There is no candidate 'neither'; choose one of push-forward"),
        (["prior", "circle-gan", "7"], "There is no model 'circle-gan' in"),
        (["prior", "yale-dcgan", "100"], "There is no model 'yale-dcgan' in"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["measure", *arguments])
    assert result.exit_code == 1
    assert said in result.output
    assert not (tmp_path / "runs").exists()


def test_definitions_came_before_the_tables() -> None:
    def commit_of(*files: str) -> str:
        command = ["git", "log", "-1", "--format=%H", "--", *files]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    definitions = commit_of("data/densities/densities.yaml")
    tables = commit_of("data/densities/paths.csv", "data/densities/provenance.json")
    if not (definitions and tables):
        pytest.skip("needs the history of a checkout")
    command = ["git", "merge-base", "--is-ancestor", definitions, tables]
    assert definitions != tables
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_tables_are_whole() -> None:
    made, tables = SHELF.provenance(), SHELF.tables()
    rows, codes = tables["paths"], tables["codes"]
    for model, size in STUDY.sizes.items():
        if model in made["missing"]:
            continue
        methods = {"straight", "slerp", "geodesic"}.union(
            *(each.methods(model) for each in STUDY.candidates if model in each.weights)
        )
        for label in size.labels:
            own = rows[(rows["model"] == model) & (rows["seed"] == label)]
            assert set(own["method"]) == methods
            assert len(own) <= len(methods) * size.pairs
            assert len(set(own.groupby("method").size())) == 1
            assert len(codes[(codes["model"] == model) & (codes["seed"] == label)]) == STUDY.codes
            card = read_card(model, ROOT / Job("prior", model, label).models)
            assert made["models"][f"{model} {label}"] == card["files"]["weights.safetensors"]
    assert json.loads((SHELF_FOLDER / "provenance.json").read_text())["definitions"] == SHELF.sum_of_definitions()


def test_each_candidate_has_a_panel_with_a_line_for_each_model_and_what_is_far_away_does_not_set_the_scale() -> None:
    curves = price_curves(table_of({"volume": 40.0, "prior": 0.2}), STUDY)
    titles = {each.name: each.title for each in STUDY.candidates}
    models = ["mnist-gan", "mnist-vae"]
    figure = plot_candidates(curves, "rejected", "rejected", titles, models, 1.1)
    panels = [ax for ax in figure.axes if ax.axison]
    candidates = set(curves.loc[curves["model"].isin(models), "candidate"])
    assert {ax.get_title().replace("\n", " ") for ax in panels} == {titles.get(name, name) for name in candidates}
    for ax in panels:
        name = next(name for name in candidates if titles.get(name, name) == ax.get_title().replace("\n", " "))
        shown = [model for model in models if name == "slerp" or name in STUDY.curves(model)]
        assert len(ax.lines) == 2 * len(shown) + 3  # pairs of one class and of two, and three of reference
        assert ax.get_ylim()[1] < 30.0
        styles = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines[:-3]}
        assert len(styles) == 2 * len(shown)  # each can be told from the others


def test_strips_say_how_many_judges_agree() -> None:
    images = {name: torch.rand(4, 28, 28) for name in ("one", "other")}
    agreed = {"one": torch.tensor([0, 1, 2, 3]), "other": torch.tensor([3, 3, 3, 3])}
    axes = plot_candidate_strips(images, agreed, 3).axes
    assert [ax.get_xlabel() for ax in axes] == ["0", "1", "2", "3", "3", "3", "3", "3"]
    assert [axes[0].get_ylabel(), axes[4].get_ylabel()] == ["one", "other"]


@pytest.mark.parametrize(
    ("part", "model", "used"),
    [
        (CODES, "mnist-gan", set()),
        ("prior", "mnist-gan", {"judges"}),
        ("latent-data", "mnist-gan", {"judges", "mnist-denoiser"}),
        ("features", "mnist-gan", {"judges", "mnist-denoiser"}),
        ("latent-data", "circle-gan", set()),
    ],
)
def test_a_part_is_measured_from_its_own_models_alone(
    part: str, model: str, used: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    label = STUDY.sizes[model].labels[0]
    expected = {model, *(used - {"judges"}), *(STUDY.judges.values() if "judges" in used else [])}
    assert set(Job(part, model, label).origin(STUDY).models) == expected


def test_a_part_of_several_decoders_is_measured_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    study = read_study(ENSEMBLES)
    label = study.sizes["mnist-vae"].labels[0]
    assert "mnist-vae-decoders" in Job("agreement", "mnist-vae", label, ENSEMBLES).origin(study).models
    assert "mnist-vae-decoders" not in Job("push-forward", "mnist-vae", label, ENSEMBLES).origin(study).models


def test_a_part_of_other_weights_is_not_signed_but_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    job = jobs(STUDY)[0]
    origin = job.origin(STUDY)
    write_part(job.file, b"seed\n", origin, {})
    assert outdated([(job.file, lambda: job.origin(STUDY))]) == []
    other = replace(origin, models={**origin.models, job.model: {"weights.safetensors": "0" * 64}})
    write_part(job.file, b"seed\n", other, {})
    result = CliRunner().invoke(app, ["collect"])
    assert result.exit_code == 1
    assert f"{job.file} was measured from other definitions or weights than those of now" in result.output
    assert "call `make densities` again" in result.output
    assert outdated([(job.file, lambda: job.origin(STUDY))]) == [job.file]
