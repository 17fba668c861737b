"""From settings to a model on disk: train, measure, write weights and card."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from geodreg.datasets.mnist import CHECKSUMS, read_mnist
from geodreg.folds import folded_share
from geodreg.manifold import LatentManifold
from geodreg.models.mlp import VAE
from geodreg.models.store import write_model
from geodreg.training.circle_gan import CircleGANSettings, train_circle_gan
from geodreg.training.loop import Run
from geodreg.training.vae import VAESettings, negative_elbo, train_vae

__all__ = ["RECIPES", "train"]

N_CODES = 1000  # test digits whose codes are kept with the VAE


def train(name: str, out: Path, root: str | Path | None = None, **changes: object) -> Path:
    """Train one of the book's models and write it below ``out``.

    Args:
        name: a key of :data:`RECIPES`.
        out: folder of models, ``data/models`` in a checkout.
        root: data root, where the model needs data.
        changes: settings that differ from the recipe's; ``None`` leaves one as it is.

    Returns:
        the model's folder.

    Raises:
        ValueError: if there is no such recipe, or it has no such setting.
        geodreg.datasets.DataError: if data are missing or damaged.
    """
    if name not in RECIPES:
        raise ValueError(f"There is no recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    recipe, settings = RECIPES[name]
    changes = {key: value for key, value in changes.items() if value is not None}
    known = [field.name for field in fields(settings)]
    for key in changes:
        if key not in known:
            raise ValueError(f"{name} has no setting {key}; it has {', '.join(known)}.")
    return recipe(name, out, root, changes)


def _circle_gan(name: str, out: Path, root: str | Path | None, changes: Mapping[str, Any]) -> Path:
    settings = replace(CircleGANSettings(), **changes)
    generator, run = train_circle_gan(settings, out / f"{name}.checkpoint")
    z = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(settings.seed + 1))
    card = {
        "name": name,
        "what": "Generator 2-20-20-2 of a GAN on a noisy circle (Figure 2)",
        "architecture": {"kind": "CircleGenerator"},
        "data": {"generated": f"ring of radius 1 with radial spread {settings.spread}, by geodreg.datasets.ring"},
        "measures": {"folded share of the prior": folded_share(LatentManifold(generator), z)},
        **_origin(name, asdict(settings), changes, run),
    }
    folder = write_model(name, generator.state_dict(), card, {}, out)
    run.finish()
    return folder


def _mnist_vae(name: str, out: Path, root: str | Path | None, changes: Mapping[str, Any]) -> Path:
    import pandas as pd

    settings = replace(VAESettings(), **changes)
    digits, test = read_mnist("train", root), read_mnist("test", root)
    vae, run = train_vae(settings, digits.images, test.images, out / f"{name}.checkpoint")
    card = {
        "name": name,
        "what": "Variational autoencoder on MNIST (Figure 3)",
        "architecture": {
            "kind": "VAE",
            "sizes": {"latent_dim": settings.latent_dim, "hidden": list(settings.hidden)},
        },
        "data": {f"mnist/{file}": sha256 for file, sha256 in CHECKSUMS.items()},
        "measures": {
            "test negative ELBO, grey values, nats": negative_elbo(vae, test.images, settings.seed),
            "test negative ELBO, sampled binary pixels, nats": negative_elbo(
                vae, test.images, settings.seed, binarise=True
            ),
        },
        **_origin(name, asdict(settings), changes, run),
    }
    codes = encode(vae, test.images[:N_CODES])
    table = pd.DataFrame(codes.numpy(), columns=[f"z{i}" for i in range(codes.shape[1])])
    table.insert(0, "label", test.labels[:N_CODES].numpy())
    table.insert(0, "test_index", range(N_CODES))
    text = table.to_csv(index=False, float_format="%.9g")  # nine digits give a float32 back exactly
    folder = write_model(name, vae.state_dict(), card, {"test-codes.csv": text.encode()}, out)
    run.finish()
    return folder


@torch.no_grad()
def encode(vae: VAE, images: torch.Tensor) -> torch.Tensor:
    """Codes of images: the posterior's mean, ``(n, 28, 28)`` to ``(n, d)``."""
    return vae.encode(images)[0]


def _origin(name: str, settings: dict[str, Any], changes: Mapping[str, Any], run: Run) -> dict[str, Any]:
    options = {"seed": settings["seed"], **changes}
    return {
        "seed": settings["seed"],
        "settings": settings,
        "command": " ".join([f"geodreg train {name}", *(f"--{key} {value}" for key, value in options.items())]),
        "seconds": round(run.seconds, 1),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "numpy", "geodreg")}},
        "curve": {column: [round(value, 4) for value in values] for column, values in run.curve.items()},
    }


Recipe = Callable[[str, Path, str | Path | None, Mapping[str, Any]], Path]

RECIPES: dict[str, tuple[Recipe, type[CircleGANSettings] | type[VAESettings]]] = {
    "circle-gan": (_circle_gan, CircleGANSettings),
    "mnist-vae": (_mnist_vae, VAESettings),
}
"""The models that can be trained, by name."""
