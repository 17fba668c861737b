"""Training runs that are killed and go on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from geodreg.models import VAE
from geodreg.training.circle_gan import CircleGANSettings, train_circle_gan
from geodreg.training.vae import VAESettings, train_vae


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


def test_a_checkpoint_of_other_settings_is_not_taken_up(tmp_path: Path) -> None:
    checkpoint = tmp_path / "gan.checkpoint"
    train_circle_gan(CircleGANSettings(steps=20), checkpoint)
    other = CircleGANSettings(steps=20, seed=1)
    assert same(train_circle_gan(other, checkpoint)[0], train_circle_gan(other)[0])


def test_a_training_command_killed_on_the_way_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "geodreg", "train", "circle-gan", "--steps", "1100", "--out"]
    subprocess.run([*command, str(tmp_path / "undisturbed")], check=True, capture_output=True)
    out = tmp_path / "killed"
    process = subprocess.Popen([*command, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if (out / "circle-gan.checkpoint").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "circle-gan").exists()
    subprocess.run([*command, str(out)], check=True, capture_output=True)
    weights = "circle-gan/weights.safetensors"
    assert (out / weights).read_bytes() == (tmp_path / "undisturbed" / weights).read_bytes()
    assert [path.name for path in out.iterdir()] == ["circle-gan"]
