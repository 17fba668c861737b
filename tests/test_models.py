"""Trained models on disk: found, checked, and as good as their cards say."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_model as load_weights
from typer.testing import CliRunner

from geodreg import LatentManifold
from geodreg.commands.cli import app
from geodreg.datasets import read_mnist, read_yale
from geodreg.models import JUDGES, VAE, Denoiser, ModelError, load_judge, load_model, model_folder, read_card
from geodreg.models.convolutional import DigitDiscriminator
from geodreg.models.store import model_path, write_model
from geodreg.paper.endpoints import choose_endpoints, codes_of
from geodreg.paper.folds import folded_share
from geodreg.paper.metrics import condition_numbers, high_frequency_ratios
from geodreg.training import recipes
from geodreg.training.names import MODELS, OTHERS
from geodreg.training.settings import SETTINGS
from geodreg.training.vae import negative_elbo
from tests.needs import needs_mnist, needs_yale
from tests.projects import ROOT

GENERATORS = [name for name in recipes.RECIPES if name not in (*JUDGES, "mnist-denoiser", "mnist-vae-decoders")]


@pytest.mark.parametrize("name", GENERATORS)
def test_weights_are_those_of_the_card_and_are_found_from_anywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = load_model(name)
    x = model.generator(torch.zeros(3, model.latent_dim))
    assert x.isfinite().all()
    assert len(x) == 3
    assert model.card["command"].startswith(f"geodreg train {name}")
    assert "losses.svg" in model.card["files"]
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


@pytest.mark.parametrize("file", ["weights.safetensors", "test-codes.csv"])
def test_one_flipped_byte_is_noticed(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(model_folder("mnist-vae"), tmp_path / "mnist-vae")
    monkeypatch.setenv("GEODREG_MODELS", str(tmp_path))
    load_model("mnist-vae").table("test-codes.csv")
    content = bytearray((tmp_path / "mnist-vae" / file).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "mnist-vae" / file).write_bytes(content)
    with pytest.raises(
        ModelError, match=rf"{file} is damaged: its sha256 is .* retrain with `geodreg train mnist-vae`"
    ):
        load_model("mnist-vae").table("test-codes.csv")


def test_a_missing_model_and_a_missing_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ModelError, match=r"There is no model 'mnist-flow' .* known are circle-gan, lambert-dcgan, .*, yale-dcgan"
    ):
        load_model("mnist-flow")
    shutil.copytree(model_folder("circle-gan"), tmp_path / "circle-gan")
    monkeypatch.setenv("GEODREG_MODELS", str(tmp_path))
    (tmp_path / "circle-gan" / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"weights.safetensors is missing; restore it, or retrain"):
        load_model("circle-gan")


SIZES: list[Any] = [
    None, [], {}, {"latent_dim": "8"}, {"latent_dim": -8}, {"latent_dim": 8, "depth": 3},
    {"latent_dim": 8, "hidden": 5}, {"latent_dim": 8, "activation": "Step"},
]  # fmt: skip
ARCHITECTURES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "Flow"}, r"card\.json is damaged: its architecture is of the kind 'Flow', which is none of Circle"),
    *(
        ({"kind": "VAE", "sizes": sizes}, r"card\.json is damaged: no VAE has the sizes of its architecture \(.+\);")
        for sizes in SIZES
    ),
    ({"kind": "ConvolutionalDigitGenerator", "sizes": {"latent_dim": 8, "channels": [4]}}, r"no Convolutional.* has"),
    ({"kind": "VAE", "sizes": {"latent_dim": 9}}, r"weights\.safetensors holds no weights of this architecture"),
]  # fmt: skip


@pytest.mark.parametrize(("architecture", "sentence"), ARCHITECTURES)
def test_a_card_of_an_unknown_kind_or_of_sizes_that_there_are_not_is_refused_in_a_sentence(
    architecture: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    shutil.copytree(model_folder("mnist-vae"), tmp_path / "mnist-vae")
    card = tmp_path / "mnist-vae" / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "architecture": architecture}))
    with pytest.raises(ModelError, match=sentence) as refused:
        load_model("mnist-vae", tmp_path)
    assert str(refused.value).endswith("; restore it, or retrain with `geodreg train mnist-vae`.")
    assert "\n" not in str(refused.value)


def test_a_model_is_replaced_as_a_whole(tmp_path: Path) -> None:
    weights = {"a": torch.ones(2)}
    write_model("m", weights, {"seed": 0}, {"old.csv": b"1"}, tmp_path)
    folder = write_model("m", weights, {"seed": 1}, {"new.csv": b"2"}, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "new.csv", "weights.safetensors"]
    assert json.loads((folder / "card.json").read_text())["seed"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m"]  # no scratch left


def test_circle_gan_folds_as_little_as_its_card_says() -> None:
    model = load_model("circle-gan")
    z = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(5))
    claimed = model.card["measures"]["folded share of the prior"]
    assert folded_share(LatentManifold(model.generator), z) == pytest.approx(claimed, abs=0.005)
    assert claimed < 0.05


def test_training_twice_with_one_seed_gives_the_same_weights(tmp_path: Path) -> None:
    folders = [recipes.train("circle-gan", tmp_path / str(run), steps=30) for run in range(2)]
    first, second = ((folder / "weights.safetensors").read_bytes() for folder in folders)
    other = recipes.train("circle-gan", tmp_path / "other", steps=30, seed=1)
    assert first == second
    assert first != (other / "weights.safetensors").read_bytes()


def test_vae_card_claims_the_bound_it_must_reach() -> None:
    measures = read_card("mnist-vae")["measures"]
    assert measures["test negative ELBO, grey values, nats"] < 104
    assert "test negative ELBO, sampled binary pixels, nats" in measures


def test_convolutional_gan_is_good_enough_and_keeps_what_it_was_trained_against() -> None:
    model = load_model("mnist-dcgan")
    measures = model.card["measures"]
    real = measures["real test digits accepted by the judge"]
    assert measures["samples accepted by the judge"] >= 0.85 * real
    assert measures["share of the rarest class among samples"] >= 0.04
    discriminator = DigitDiscriminator()
    load_weights(discriminator, model_path("mnist-dcgan", "discriminator.safetensors"))
    images = model.generator(torch.randn(64, model.latent_dim, generator=torch.Generator().manual_seed(0)))
    ink = torch.rand(64, 28, 28, generator=torch.Generator().manual_seed(0))
    assert discriminator(images).mean() > discriminator(ink).mean() + 1.0


@needs_mnist
def test_vae_on_the_real_test_digits_is_as_its_card_says() -> None:
    model, test = load_model("mnist-vae"), read_mnist("test")
    assert isinstance(model.module, VAE)
    table = model.table("test-codes.csv")
    codes = torch.tensor(table.filter(regex=r"^z\d").to_numpy(), dtype=torch.float32)
    assert torch.allclose(recipes.encode(model.module, test.images[: len(codes)]), codes, atol=1e-4)
    assert table["label"].tolist() == test.labels[: len(codes)].tolist()
    elbo = negative_elbo(model.module, test.images, model.card["seed"])
    assert elbo == pytest.approx(model.card["measures"]["test negative ELBO, grey values, nats"], abs=0.01)
    assert elbo < 104


def test_every_list_of_the_models_has_each_of_them_in_one_order() -> None:
    names = list(MODELS)
    assert [*names, *OTHERS] == list(recipes.RECIPES) == list(SETTINGS)
    assert set(names) == {folder.parent.name for folder in (ROOT / "data" / "models").glob("*/card.json")}
    trained = re.findall(r"^geodreg train (\S+)", (ROOT / "book" / "rerun.md").read_text(), re.MULTILINE)
    assert trained[: len(names)] == names
    (line,) = (line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("geodreg train "))
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)+", line)) == set(names)


def test_unknown_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no recipe 'mnist-flow'; choose one of circle-gan, mnist-judge, .*"):
        recipes.train("mnist-flow", tmp_path)


@pytest.mark.parametrize("name", ["yale-dcgan", "lambert-dcgan", "lambert-dcgan-linear"])
def test_faces_are_clean_and_their_metric_is_well_conditioned(name: str) -> None:
    model = load_model(name)
    measures = model.card["measures"]
    for part in ("lit", "shadowed"):
        assert 1 / 1.5 < measures[f"high-frequency energy of samples over real, {part}"] < 1.5
    z = torch.randn(300, model.latent_dim, generator=torch.Generator().manual_seed(8))
    conditions = condition_numbers(LatentManifold(model.generator), z)
    claimed = measures["condition number of the metric, median"]
    assert conditions.median().item() == pytest.approx(claimed, rel=0.5)  # of fewer samples
    assert claimed < 250  # VAEs with unused coordinates had 4e5


@needs_yale
def test_codes_and_singular_values_of_the_faces_are_those_of_the_photographs() -> None:
    model = load_model("yale-dcgan")
    faces, table = read_yale("yaleB22"), model.table("codes.csv")
    assert table["azimuth"].tolist() == faces.azimuth.tolist()
    residual = (model.generator(codes_of(model, "codes.csv")) - faces.images).flatten(1).norm(dim=1)
    assert residual.tolist() == pytest.approx(table["residual"].tolist(), rel=1e-3)
    values = torch.linalg.svdvals(faces.images.flatten(1).double())
    kept = model.table("singular-values.csv")["singular_value"].to_numpy()
    assert values.numpy() == pytest.approx(kept, rel=1e-4)
    samples = torch.randn(1000, model.latent_dim, generator=torch.Generator().manual_seed(9))
    ratios = high_frequency_ratios(model.generator(samples), faces.images)
    assert max(ratios.values()) < 1.5


@pytest.mark.parametrize(
    ("name", "shadows", "low"), [("lambert-dcgan", True, 0.0), ("lambert-dcgan-linear", False, -1.0)]
)
def test_codes_of_the_rendered_faces_are_those_of_the_renderer(name: str, shadows: bool, low: float) -> None:
    model, faces = load_model(name), recipes.lambert_faces(shadows)
    assert model.card["architecture"]["sizes"]["low"] == low
    images = model.generator(codes_of(model, "codes.csv"))
    residual = (images - faces.images).flatten(1).norm(dim=1)
    assert residual.tolist() == pytest.approx(model.table("codes.csv")["residual"].tolist(), rel=1e-3)
    assert images.min() >= low


def test_ends_are_random_but_the_same_for_a_seed_and_more_pairs_begin_with_the_same() -> None:
    for name in ("mnist-vae", "mnist-gan", "yale-dcgan"):
        model = load_model(name)
        few, many = choose_endpoints(model, 3, seed=0), choose_endpoints(model, 9, seed=0)
        assert torch.equal(few[0], many[0][:3])
        assert torch.equal(few[1], many[1][:3])
        assert not torch.equal(few[0], choose_endpoints(model, 3, seed=1)[0])
    judge, model = load_judge(), load_model("mnist-gan")
    start, end = (model.generator(z) for z in choose_endpoints(model, 9, seed=0))
    assert judge.accepts(start).all()
    assert (judge.classify(start) != judge.classify(end)).all()


def test_the_command_line_lists_the_models_and_names_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = CliRunner().invoke(app, ["models"])
    assert good.exit_code == 0
    assert [line.split(":")[0] for line in good.output.splitlines()] == list(MODELS)
    models = tmp_path / "models"
    shutil.copytree(model_folder("mnist-gan").parent, models)
    monkeypatch.setenv("GEODREG_MODELS", str(models))
    weights = models / "mnist-gan" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    bad = CliRunner().invoke(app, ["models"])
    assert bad.exit_code == 1
    assert f"mnist-gan: {weights} is damaged: its sha256 is " in bad.output
    assert len(bad.output.splitlines()) == len(MODELS)  # the others are listed all the same
    assert "Traceback" not in bad.output


def test_training_with_a_truncated_data_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"truncated")
    out = tmp_path / "models"
    run = CliRunner().invoke(app, ["train", "mnist-gan", "--data-root", str(tmp_path), "--out", str(out)])
    assert run.exit_code == 1
    assert re.fullmatch(
        r"\S+train-images-idx3-ubyte.gz is damaged: its sha256 is \w+, expected \w+; "
        r"`geodreg data fetch mnist --root \S+` downloads it\.",
        run.output.strip(),
    )
    assert not out.exists()


@pytest.mark.parametrize("content", ["{}", "[]", "null"])
def test_the_command_line_names_a_card_that_is_none(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(model_folder("mnist-gan").parent, models)
    monkeypatch.setenv("GEODREG_MODELS", str(models))
    card = models / "mnist-gan" / "card.json"
    card.write_text(content)
    listed = CliRunner().invoke(app, ["models"])
    assert listed.exit_code == 1
    assert f"mnist-gan: {card} is no card of a model: " in listed.output
    assert len(listed.output.splitlines()) == len(MODELS)
    words = ["interpolate", "--model", "mnist-gan", "--pair", "1", "--out", str(tmp_path / "strip.png")]
    drawn = CliRunner().invoke(app, words)
    assert drawn.exit_code == 1
    assert drawn.output.startswith(f"{card} is no card of a model: ")
    assert len(drawn.output.splitlines()) == 1


@pytest.mark.parametrize("sigma", [0.0, -0.1, float("inf"), float("nan")])
def test_features_are_refused_at_a_noise_level_without_a_logarithm_and_are_numbers_at_all_others(sigma: float) -> None:
    denoiser, images = Denoiser(2), torch.rand(3, 28, 28)
    with pytest.raises(ValueError, match=rf"The noise level sigma is {sigma}, .* give a finite one above zero"):
        denoiser.features(images, sigma)
    for level in (1e-6, 0.05, 2.0):
        assert denoiser.features(images, level).isfinite().all()
