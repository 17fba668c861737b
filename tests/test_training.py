"""Training: runs that are killed and go on, settings that are refused, losses that are no numbers."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from geodreg.datasets import DataError
from geodreg.models import VAE
from geodreg.models.convolutional import ConvolutionalDigitGenerator, FaceGenerator
from geodreg.models.mlp import DigitGenerator
from geodreg.training.augmentation import cut_out, move
from geodreg.training.circle_gan import train_circle_gan
from geodreg.training.denoiser import noisy, train_denoiser
from geodreg.training.digit_gan import train_convolutional_gan, train_digit_gan
from geodreg.training.face_gan import train_face_gan
from geodreg.training.folding import fold_batch_norms
from geodreg.training.judge import train_judge
from geodreg.training.loop import DivergedError, Run
from geodreg.training.neighbours import contrast, train_neighbours
from geodreg.training.schedule import one_cycle
from geodreg.training.settings import (
    SETTINGS,
    CircleGANSettings,
    ConvolutionalGANSettings,
    DenoiserSettings,
    DigitGANSettings,
    FaceGANSettings,
    JudgeSettings,
    NeighbourSettings,
    VAESettings,
    changed_settings,
    check_data,
)
from geodreg.training.vae import train_vae
from geodreg.workspace.files import FileError
from tests.conftest import Command
from tests.projects import ROOT, kill_when, start


class Killed(Exception):
    pass


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_vae_run_that_stops_between_epochs_ends_as_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.rand(256, 28, 28, generator=torch.Generator().manual_seed(0))
    settings = VAESettings(latent_dim=2, hidden=(16,), epochs=4, batch_size=64)
    undisturbed, run = train_vae(settings, images, images)
    calls: list[None] = []

    def dies_in_the_third_epoch(self: VAE, *arguments: object) -> object:
        calls.append(None)
        if len(calls) == 13:  # four batches and one evaluation an epoch
            raise Killed
        return negative_elbo(self, *arguments)  # type: ignore[arg-type]

    negative_elbo = VAE.negative_elbo
    checkpoint = tmp_path / "vae.checkpoint"
    monkeypatch.setattr(VAE, "negative_elbo", dies_in_the_third_epoch)
    with pytest.raises(Killed):
        train_vae(settings, images, images, checkpoint)
    monkeypatch.undo()
    assert checkpoint.exists()
    resumed, resumed_run = train_vae(settings, images, images, checkpoint)
    assert same(undisturbed, resumed)
    assert resumed_run.curve == run.curve
    resumed_run.finish()
    assert not checkpoint.exists()


def train_small(kind: str, checkpoint: Path | None = None) -> tuple[torch.nn.Module, Run]:
    chance = torch.Generator().manual_seed(0)
    digits, labels = torch.rand(300, 28, 28, generator=chance), torch.arange(300) % 10
    if kind == "digit GAN":
        small = DigitGANSettings(steps=4, hidden=(8,), batch_size=8, latent_dim=2)
        return train_digit_gan(small, digits, checkpoint)
    if kind == "convolutional GAN":
        tiny = ConvolutionalGANSettings(steps=4, hidden=8, channels=(4, 4), batch_size=8, latent_dim=2)
        return train_convolutional_gan(tiny, digits, checkpoint)
    if kind == "judge":
        settings = JudgeSettings(steps=4, width=2, batch_size=8, fakes_per_kind=2, held_out=100)
        return train_judge(settings, digits, labels, checkpoint)
    if kind in ("contrastive", "denoising"):
        objective: Any = kind
        few = NeighbourSettings(
            steps=4, width=2, size=4, batch_size=8, reference=100, held_out=100, objective=objective
        )
        return train_neighbours(few, digits, checkpoint)
    if kind == "denoiser":
        return train_denoiser(DenoiserSettings(steps=4, width=2, batch_size=8), digits, checkpoint)
    faces = torch.rand(8, 64, 64, generator=chance)
    return train_face_gan(FaceGANSettings(steps=4, channels=(4, 4, 4, 4), batch_size=4), faces, -1.0, 1.0, checkpoint)


@pytest.mark.parametrize(
    "kind", ["digit GAN", "convolutional GAN", "face GAN", "judge", "contrastive", "denoising", "denoiser"]
)
def test_other_runs_that_stop_on_the_way_end_as_undisturbed_ones(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, run = train_small(kind)
    steps = Run.steps

    def saves_and_dies(self: Run, total: int, save_every: int) -> Iterator[int]:
        for step in steps(self, total, save_every=2):
            if step == 3:
                raise Killed
            yield step

    checkpoint = tmp_path / "small.checkpoint"
    monkeypatch.setattr(Run, "steps", saves_and_dies)
    with pytest.raises(Killed):
        train_small(kind, checkpoint)
    monkeypatch.undo()
    assert checkpoint.exists()
    resumed, resumed_run = train_small(kind, checkpoint)
    assert same(undisturbed, resumed)
    assert resumed_run.curve == run.curve


def test_noise_has_the_level_that_is_told_and_levels_are_even_on_a_logarithmic_scale() -> None:
    images = torch.zeros(4000, 28, 28)
    found, sigma = noisy(images, 0.05, 2.0, torch.Generator().manual_seed(0))
    assert (found.std(dim=(-1, -2)) / sigma - 1.0).abs().max() < 0.15
    assert (sigma.min() >= 0.05) & (sigma.max() <= 2.0)
    assert sigma.log().mean().item() == pytest.approx(0.5 * (math.log(0.05) + math.log(2.0)), abs=0.06)


def test_the_contrast_is_the_mean_surprise_at_the_partner_among_all_others() -> None:
    chance = torch.Generator().manual_seed(0)
    one, other = torch.nn.functional.normalize(torch.randn(2, 5, 3, generator=chance), dim=-1)
    both = [*one, *other]
    surprises = []
    for i, feature in enumerate(both):
        weights = [(feature @ another / 0.3).exp() for j, another in enumerate(both) if j != i]
        surprises.append(-((feature @ both[(i + 5) % 10] / 0.3).exp() / sum(weights)).log())
    assert contrast(one, other, 0.3).item() == pytest.approx(torch.stack(surprises).mean().item(), rel=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11, 100])
def test_the_rate_goes_through_one_cycle_whatever_the_number_of_updates(steps: int) -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.5)
    schedule, rates = one_cycle(optimiser, 0.5, steps), []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    assert max(rates) <= 0.5 + 1e-12
    assert rates[-1] == pytest.approx(min(rates))
    if steps == 100:
        assert rates.index(max(rates)) == 9


@pytest.mark.parametrize(
    "make",
    [
        lambda batch_norm: DigitGenerator(3, (6, 5, 4, 3), batch_norm=batch_norm),
        lambda batch_norm: ConvolutionalDigitGenerator(3, 7, (6, 5), batch_norm=batch_norm),
        lambda batch_norm: FaceGenerator(3, (6, 5, 4, 3), batch_norm=batch_norm),
    ],
    ids=["perceptron", "convolutional", "faces"],
)
def test_folding_batch_norms_leaves_the_map_as_it_is(
    make: Callable[[bool], DigitGenerator | ConvolutionalDigitGenerator | FaceGenerator],
) -> None:
    torch.manual_seed(0)
    generator = make(True)
    z = torch.randn(50, 3)
    for _ in range(5):
        generator(2 * z + 1)  # statistics other than at the start
    for layer in generator.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.weight)
            torch.nn.init.normal_(layer.bias)
    before = generator.eval()(z)
    generator.layers = fold_batch_norms(generator.layers)
    assert torch.allclose(generator(z), before, atol=1e-5)
    assert generator.state_dict().keys() == make(False).state_dict().keys()


def test_augmentations_are_the_identity_at_zero_and_let_gradients_through() -> None:
    images = torch.rand(6, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    chance = torch.Generator().manual_seed(0)
    assert torch.allclose(move(images, chance), images, atol=1e-6)
    assert torch.equal(cut_out(images, chance, 0.0), images)
    blanked = (cut_out(torch.ones(500, 20, 20), chance, 0.5) == 0).float().mean((1, 2))
    assert blanked.max() == pytest.approx(0.25)
    assert blanked.min() < 0.1
    cut_out(move(images, chance, shift=0.1), chance, 0.3).sum().backward()
    assert images.grad is not None
    assert (images.grad != 0).any()


def test_a_checkpoint_of_other_settings_is_neither_taken_up_nor_overwritten(tmp_path: Path) -> None:
    checkpoint = tmp_path / "gan.checkpoint"
    train_circle_gan(CircleGANSettings(steps=20), checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(FileError, match=r"of a training with other settings \(seed=0\), .* at 20 of its steps; go on"):
        train_circle_gan(CircleGANSettings(steps=20, seed=1), checkpoint)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("place", [0, 40, -40])
def test_a_damaged_checkpoint_is_refused(place: int, tmp_path: Path) -> None:
    checkpoint = tmp_path / "gan.checkpoint"
    train_circle_gan(CircleGANSettings(steps=4), checkpoint)
    content = bytearray(checkpoint.read_bytes())
    content[place] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(FileError, match=r"gan\.checkpoint is damaged: .* again to start from the beginning"):
        train_circle_gan(CircleGANSettings(steps=8), checkpoint)
    checkpoint.write_bytes(content[:50])
    with pytest.raises(FileError, match="is damaged"):
        train_circle_gan(CircleGANSettings(steps=4), checkpoint)
    assert checkpoint.read_bytes() == content[:50]


@pytest.mark.slow
def test_a_training_command_killed_on_the_way_goes_on_and_ends_the_same(tmp_path: Path, geodreg_in: Command) -> None:
    command = ["train", "circle-gan", "--steps", "1100", "--set", "batch_size=16", "--out"]
    code, output = geodreg_in(tmp_path, *command, "undisturbed")
    assert code == 0, output
    out = tmp_path / "killed"
    kill_when(start(ROOT, "geodreg", *command, str(out)), (out / "circle-gan.checkpoint").exists)
    assert not (out / "circle-gan").exists()
    code, output = geodreg_in(tmp_path, *command, "killed")
    assert code == 0, output
    weights = "circle-gan/weights.safetensors"
    assert (out / weights).read_bytes() == (tmp_path / "undisturbed" / weights).read_bytes()
    assert [path.name for path in out.iterdir()] == ["circle-gan"]


NAN, INFINITY = float("nan"), float("inf")
OUT_OF_BOUNDS: list[tuple[str, dict[str, Any], str]] = [
    ("circle-gan", {"steps": 0}, r"steps is '?0'?: .* greater than or equal to 1"),
    ("circle-gan", {"batch_size": 0}, r"batch_size is '?0'?: .* greater than or equal to 1"),
    ("circle-gan", {"learning_rate": NAN}, r"learning_rate is '?nan'?: .* finite"),
    ("circle-gan", {"spread": -0.1}, r"spread is '?-0.1'?: .* greater than or equal to 0"),
    ("circle-gan", {"seed": 2**64}, r"seed is '?18446744073709551616'?: .* less than or equal to"),
    ("mnist-gan", {"batch_size": 1}, r"batch_size is '?1'?: .* greater than or equal to 2"),
    ("mnist-gan", {"penalty_every": 0}, r"penalty_every is '?0'?: .* greater than or equal to 1"),
    ("mnist-gan", {"averaging": 1.0}, r"averaging is '?1.0'?: .* less than 1"),
    ("mnist-gan", {"final_rate": 2.0}, r"final_rate is '?2.0'?: .* less than or equal to 1"),
    ("mnist-gan", {"hidden": [8, 0]}, r"hidden is \['?8'?, '?0'?\]: .* greater than or equal to 1"),
    ("mnist-dcgan", {"channels": [4, 4, 4]}, r"channels is \['?4'?, '?4'?, '?4'?\]: .* at most 2 items"),
    ("mnist-vae", {"batch_size": 70_000}, r"batch_size is '?70000'?: .* less than or equal to 60000"),
    ("mnist-vae", {"latent_dim": 0}, r"latent_dim is '?0'?: .* greater than or equal to 1"),
    ("mnist-vae-decoders", {"batch_size": 70_000}, r"batch_size is '?70000'?: .* less than or equal to 60000"),
    ("yale-dcgan", {"channels": [64, 48, 32]}, r"channels is \['?64'?, '?48'?, '?32'?\]: .* at least 4 items"),
    ("yale-dcgan", {"batch_size": 1}, r"batch_size is '?1'?: .* greater than or equal to 2"),
    ("lambert-dcgan", {"cut": 1.5}, r"cut is '?1.5'?: .* less than or equal to 1"),
]


@pytest.mark.parametrize(("name", "changes", "sentence"), OUT_OF_BOUNDS)
def test_settings_out_of_bounds_are_refused_in_one_sentence_before_anything_is_trained(
    name: str, changes: dict[str, Any], sentence: str, tmp_path: Path, geodreg_in: Command
) -> None:
    with pytest.raises(ValueError, match=rf"^{name}'s setting {sentence}") as refused:
        changed_settings(name, changes)
    assert "\n" not in str(refused.value)
    options = [f"--set={key}={value}" for key, value in changes.items()]
    code, output = geodreg_in(tmp_path, "train", name, *options, "--out", "out")
    assert code == 1
    assert re.fullmatch(rf"{name}'s setting {sentence}.*", output.strip())
    assert not list(tmp_path.iterdir())


def out_of_bounds(key: str, value: object) -> list[Any]:
    """Values of the type of a setting that no training can have."""
    if isinstance(value, bool | str):
        return []
    if key == "seed":
        return [2**63, -(2**63) - 1]
    if isinstance(value, int):
        return [0, -1]
    return [-1.0, NAN, INFINITY] if isinstance(value, float) else [[0], [8, -1]]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_number_among_the_settings_has_bounds_and_the_recipe_is_within(name: str) -> None:
    settings = SETTINGS[name]
    assert changed_settings(name, {}) == settings
    for key, value in asdict(settings).items():
        for wrong in out_of_bounds(key, value):
            with pytest.raises(ValueError, match=f"^{name}'s setting {key} is "):
                changed_settings(name, {key: wrong})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("circle-gan", {"batch_size": 1, "penalty": 0, "spread": 0, "averaging": 0, "final_rate": 1}),
        ("mnist-gan", {"batch_size": 2, "hidden": [], "instance_noise": 0}),
        ("mnist-vae", {"batch_size": 60_000, "weight_decay": 0}),
        ("mnist-vae-decoders", {"batch_size": 1}),
        ("yale-dcgan", {"shift": 0, "cut": 1, "channels": ["1"] * 4}),
    ],
)
def test_settings_at_their_bounds_are_taken(name: str, changes: dict[str, Any]) -> None:
    settings = changed_settings(name, changes)
    assert all(getattr(settings, key) != getattr(SETTINGS[name], key) for key in changes if key != "averaging")


@pytest.mark.parametrize("name", SETTINGS)
def test_data_are_checked_before_every_training_that_reads_some(name: str, tmp_path: Path) -> None:
    if name.startswith(("mnist-", "yale-")):
        with pytest.raises(DataError, match="is missing"):
            check_data(SETTINGS[name], tmp_path)
    else:
        check_data(SETTINGS[name], tmp_path)


def test_a_training_that_diverges_stops_in_a_sentence_and_leaves_no_model(tmp_path: Path, geodreg_in: Command) -> None:
    options = ["--steps", "300", "--set", "learning_rate=1e30", "--out", "out"]
    code, output = geodreg_in(tmp_path, "train", "circle-gan", *options)
    assert code == 1
    assert re.fullmatch(
        r"The training of the circle GAN has diverged: its loss \((discriminator|generator)\) is (nan|inf) at step \d+"
        r", and no model is written; train it with a lower learning_rate or another seed\.",
        output.strip(),
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_a_loss_that_is_no_number_is_refused_with_what_to_remove(value: float, tmp_path: Path) -> None:
    checkpoint = tmp_path / "vae.checkpoint"
    run = Run("VAE, epochs", {}, {}, torch.Generator(), checkpoint)
    run.record(epoch=0, train=1.0)
    with pytest.raises(DivergedError, match=rf"of the VAE .* \(train\) is {value} at epoch 1, .* written; train it"):
        run.record(epoch=1, train=value)
    checkpoint.touch()
    with pytest.raises(DivergedError, match=rf"written; remove {re.escape(str(checkpoint))}, and train it with"):
        run.record(epoch=1, train=value)
    assert run.curve == {"epoch": [0], "train": [1.0]}
