"""More decoders on the encoder of a variational autoencoder: trained apart, and kept with the comparison of them."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from geodreg.models.mlp import VAE
from geodreg.models.store import ModelError, read_card
from geodreg.models.zoo import load_decoders, load_model
from geodreg.paper.trial.kept import load_kept
from geodreg.paper.which_density.candidates import Contest
from geodreg.paper.which_density.definitions import ENSEMBLES, SHELF, read_study
from geodreg.paper.which_density.measure import measured
from geodreg.paper.which_density.plan import CODES, jobs, kept_decoders, load_kept_decoders
from geodreg.training.decoders import train_decoders
from geodreg.training.settings import DecoderSettings

ROOT = Path(__file__).parent.parent
STUDY = read_study(ENSEMBLES)
SIZES = {"latent_dim": 2, "hidden": (6,), "activation": "SiLU"}


@pytest.fixture(scope="module")
def vae() -> VAE:
    torch.manual_seed(0)
    return VAE(2, (6,)).requires_grad_(False)


def images() -> torch.Tensor:
    return torch.rand(40, 28, 28, generator=torch.Generator().manual_seed(1))


def test_decoders_are_trained_apart_on_an_encoder_that_stays(vae: VAE) -> None:
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    settings = DecoderSettings(decoders=3, epochs=20, batch_size=10, learning_rate=0.02)
    ensemble, run = train_decoders(vae, SIZES, settings, images())
    assert run.curve["train"][-1] < 0.99 * run.curve["train"][0]
    for name, value in vae.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    first, second, third = (decoder(torch.zeros(1, 2)) for decoder in ensemble.members)
    assert not torch.allclose(first, second, atol=1e-3)
    assert not torch.allclose(second, third, atol=1e-3)


def test_the_same_seed_gives_the_same_decoders_and_a_run_goes_on_where_it_was(vae: VAE, tmp_path: Path) -> None:
    settings = DecoderSettings(decoders=2, epochs=3, batch_size=10)
    whole, _ = train_decoders(vae, SIZES, settings, images())
    checkpoint = tmp_path / "checkpoint"
    train_decoders(vae, SIZES, settings, images(), checkpoint)
    resumed, run = train_decoders(vae, SIZES, settings, images(), checkpoint)
    assert run.done == settings.epochs
    z = torch.randn(5, 2)
    torch.testing.assert_close(resumed(z), whole(z), rtol=0, atol=0)
    other, _ = train_decoders(vae, SIZES, replace(settings, seed=1), images())
    assert not torch.equal(other(z), whole(z))


def test_kept_decoders_are_those_of_their_card_and_fit_their_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ROOT / kept_decoders(STUDY)
    card = read_card("mnist-vae-decoders", folder)
    label = STUDY.sizes["mnist-vae"].labels[0]
    trained = load_kept("mnist-vae", label)
    assert card["precision"] == "float16"
    assert (card["settings"]["of"], card["settings"]["seed"]) == (label, int(label))
    assert card["data"]["mnist-vae/weights.safetensors"] == trained.card["files"]["weights.safetensors"]
    assert set(card["settings"]) == set(asdict(DecoderSettings()))
    monkeypatch.chdir(tmp_path)  # they are found from anywhere
    decoders = load_kept_decoders(STUDY)
    z = torch.randn(300, trained.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own, others = trained.generator(z), decoders(z)
    apart = (others - own.unsqueeze(1)).square().mean((0, 2, 3)).sqrt()
    unrelated = (own - own.roll(1, 0)).square().mean().sqrt()
    assert (apart < 0.6 * unrelated).all()  # one latent is one digit to all of them
    with pytest.raises(ModelError, match="load it with load_decoders"):
        load_model("mnist-vae-decoders", folder)


def test_pairs_and_trainings_were_not_looked_at_before() -> None:
    others = read_study(SHELF)
    assert STUDY.ends_seed not in {*STUDY.pilot_ends, *others.pilot_ends, others.ends_seed}
    assert set(STUDY.pilot_ends) >= {*others.pilot_ends, others.ends_seed}
    assert not set(STUDY.sizes["mnist-vae"].labels) & set(STUDY.pilots["mnist-vae"])
    shared = ("n_points", "along", "longer", "judges")
    assert all(getattr(STUDY, name) == getattr(others, name) for name in shared)
    assert not any(job.part == CODES for job in jobs(STUDY, ENSEMBLES))


def test_tables_are_whole_and_younger_than_their_definitions() -> None:
    made, rows = ENSEMBLES.provenance(), ENSEMBLES.tables()["paths"]
    assert made["missing"] == []
    assert (
        made["models"]["mnist-vae-decoders 105"]
        == (read_card("mnist-vae-decoders", ROOT / kept_decoders(STUDY))["files"]["weights.safetensors"])
    )
    (size,) = STUDY.sizes.values()
    methods = {"straight", "slerp", "geodesic"}.union(*(each.methods("mnist-vae") for each in STUDY.candidates))
    assert set(rows["method"]) == methods
    assert len(rows) == len(methods) * size.seeds * size.pairs
    command = ["git", "log", "-1", "--format=%H", "--"]
    definitions, tables = (
        subprocess.run(
            [*command, f"data/ensembles/{file}"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()
        for file in ("ensembles.yaml", "paths.csv")
    )
    if not (definitions and tables):
        pytest.skip("needs the history of a checkout")
    older = ["git", "merge-base", "--is-ancestor", definitions, tables]
    assert definitions != tables
    assert subprocess.run(older, cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("name", [each.name for each in STUDY.candidates if each.name != "push-forward"])
@pytest.mark.slow
def test_every_candidate_goes_through_the_front_door(name: str) -> None:
    label = STUDY.sizes["mnist-vae"].labels[0]
    contest = Contest(load_kept("mnist-vae", label), STUDY, 2, decoders=load_decoders(ROOT / kept_decoders(STUDY)))
    candidate = STUDY.candidate(name)
    rows = measured(contest, label, candidate)
    assert rows["method"].unique().tolist() == candidate.methods("mnist-vae")
    assert rows["length"].gt(0).all()
    assert rows["converged"].mean() > 0.7
