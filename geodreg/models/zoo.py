"""The trained models of the book, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from geodreg.models.convolutional import ConvolutionalDigitGenerator, DigitDiscriminator, FaceGenerator
from geodreg.models.denoiser import Denoiser
from geodreg.models.judge import Judge
from geodreg.models.mlp import VAE, CircleGenerator, DecoderEnsemble, DigitGenerator
from geodreg.models.neighbours import NeighbourJudge
from geodreg.models.store import CARD, ModelError, model_folder, read_card, read_table, read_weights

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "JUDGES",
    "TITLES",
    "TrainedModel",
    "load_decoders",
    "load_denoiser",
    "load_discriminator",
    "load_judge",
    "load_judges",
    "load_model",
]

KINDS = {
    kind.__name__: kind
    for kind in (
        CircleGenerator,
        DigitGenerator,
        ConvolutionalDigitGenerator,
        VAE,
        DecoderEnsemble,
        FaceGenerator,
        Judge,
        NeighbourJudge,
        Denoiser,
    )
}
TITLES = {
    "circle-gan": "circle GAN",
    "mnist-dcgan": "MNIST DCGAN",
    "mnist-gan": "MNIST GAN",
    "mnist-vae": "MNIST VAE",
    "yale-dcgan": "Yale DCGAN",
}
"""What the models are called on a page."""
JUDGES = ("mnist-judge", "mnist-judge-sharp", "mnist-neighbours")
"""The judges of realism, the first one first."""


@dataclass(frozen=True)
class TrainedModel:
    """A trained model.

    Attributes:
        name: such as ``"mnist-vae"``.
        module: the whole module, in evaluation mode; for the VAE with its encoder.
        generator: the part that takes latents to data.
        latent_dim: latent size ``d``.
        card: its model card.
        models: folder of models that it was loaded from, or None for the usual search.
    """

    name: str
    module: nn.Module
    generator: nn.Module
    latent_dim: int
    card: dict[str, Any]
    models: Path | None = None

    def table(self, file: str) -> pd.DataFrame:
        """A table that was derived from the model and its data, after its checksum was verified."""
        return read_table(self.name, file, self.models)


def load_model(name: str, models: Path | None = None) -> TrainedModel:
    """A trained generator of the book, its weights checked against the model card.

    Args:
        name: such as ``"circle-gan"`` or ``"mnist-vae"``.
        models: folder of models; default the usual search.

    Raises:
        geodreg.models.ModelError: if it is not found, or damaged, or not a generator.

    Example:
        >>> load_model("circle-gan").latent_dim
        2
    """
    module, card = _load(name, models)
    if isinstance(module, Judge | NeighbourJudge):
        door = "load_judge" if isinstance(module, Judge) else "load_judges"
        raise ModelError(f"{name} is a judge, not a generator; load it with {door}.")
    if isinstance(module, Denoiser):
        raise ModelError(f"{name} is a denoiser, not a generator; load it with load_denoiser.")
    if isinstance(module, DecoderEnsemble):
        raise ModelError(f"{name} is several generators, not one; load it with load_decoders.")
    generator = module.generator if isinstance(module, VAE) else module
    latent_dim: int = generator.latent_dim  # type: ignore[assignment]
    return TrainedModel(name, module, generator, latent_dim, card, models)


def load_discriminator(model: TrainedModel) -> DigitDiscriminator:
    """What a convolutional GAN of digits was trained against, checked against the generator's card.

    Args:
        model: the generator.

    Raises:
        geodreg.models.ModelError: if it is not kept with the generator, or damaged.
    """
    discriminator = DigitDiscriminator()
    read_weights(model.name, discriminator, model.models, "discriminator.safetensors")
    return discriminator.eval().requires_grad_(False)


def load_judge(name: str = "mnist-judge", models: Path | None = None) -> Judge:
    """A judge of realism that is a classifier, the book's main one by default, checked against its model card.

    Args:
        name: of the model.
        models: folder of models; default the usual search.

    Raises:
        geodreg.models.ModelError: if it is not found, or damaged, or no judge.
    """
    module, _ = _load(name, models)
    if isinstance(module, NeighbourJudge):
        raise ModelError(f"{name} is a judge that is not a classifier; load it with load_judges.")
    if not isinstance(module, Judge):
        kind = "denoiser" if isinstance(module, Denoiser) else "generator"
        raise ModelError(
            f"{name} is a {kind}, not a judge; load it with load_{'model' if kind == 'generator' else kind}."
        )
    return module


def load_decoders(models: Path | None = None, name: str = "mnist-vae-decoders") -> DecoderEnsemble:
    """Several decoders on the encoder of one VAE, checked against their model card.

    Args:
        models: folder of models; default the usual search.
        name: of the model.

    Raises:
        geodreg.models.ModelError: if they are not found, or damaged, or no such decoders.
    """
    module, _ = _load(name, models)
    if not isinstance(module, DecoderEnsemble):
        raise ModelError(f"{name} is no ensemble of decoders; retrain it with `geodreg train {name}`.")
    return module


def load_denoiser(name: str = "mnist-denoiser", models: Path | None = None) -> Denoiser:
    """The denoiser of digits, checked against its model card.

    Args:
        name: of the model.
        models: folder of models; default the usual search.

    Raises:
        geodreg.models.ModelError: if it is not found, or damaged, or no denoiser.
    """
    module, _ = _load(name, models)
    if not isinstance(module, Denoiser):
        raise ModelError(f"{name} is no denoiser; retrain it with `geodreg train mnist-denoiser`.")
    return module


def load_judges(models: Path | None = None) -> dict[str, Judge | NeighbourJudge]:
    """All judges of realism by name, in the order of ``JUDGES``, checked against their model cards.

    Each is a :class:`~geodreg.models.judge.RealismJudge`.

    Args:
        models: folder of models; default the usual search.

    Raises:
        geodreg.models.ModelError: if one is not found, or damaged, or no judge.

    Example:
        >>> list(load_judges())
        ['mnist-judge', 'mnist-judge-sharp', 'mnist-neighbours']
    """
    judges: dict[str, Judge | NeighbourJudge] = {}
    for name in JUDGES:
        module, _ = _load(name, models)
        if not isinstance(module, Judge | NeighbourJudge):
            raise ModelError(f"{name} is a generator, not a judge; retrain it with `geodreg train {name}`.")
        judges[name] = module
    return judges


def _load(name: str, models: Path | None) -> tuple[nn.Module, dict[str, Any]]:
    card = read_card(name, models)
    try:
        module = _built(card["architecture"])
    except ValueError as error:
        path = model_folder(name, models) / CARD
        raise ModelError(f"{path} is damaged: {error}; restore it, or retrain with `geodreg train {name}`.") from None
    read_weights(name, module, models)
    # oneDNN convolves a fifth faster, to the same bits; torch's types do not know the argument
    module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module.eval().requires_grad_(False), card


def _built(architecture: Mapping[str, Any]) -> nn.Module:
    """The module that a card describes.

    Raises:
        ValueError: if there is no such kind, or none of such sizes.
    """
    kind = architecture["kind"]
    if kind not in KINDS:
        raise ValueError(f"its architecture is of the kind {kind!r}, which is none of {', '.join(KINDS)}")
    try:
        return KINDS[kind](**architecture.get("sizes", {}))
    except (TypeError, ValueError, LookupError, RuntimeError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"no {kind} has the sizes of its architecture ({reason})") from None
