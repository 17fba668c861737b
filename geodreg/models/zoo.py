"""The trained models of the book, by name."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from geodreg.models.mlp import VAE, CircleGenerator
from geodreg.models.store import model_path, read_card, read_weights

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TrainedModel", "load_model"]


@dataclass(frozen=True)
class TrainedModel:
    """A trained model.

    Attributes:
        name: such as ``"mnist-vae"``.
        module: the whole module, in evaluation mode; for the VAE with its encoder.
        generator: the part that takes latents to data.
        latent_dim: latent size ``d``.
        card: its model card.
    """

    name: str
    module: nn.Module
    generator: nn.Module
    latent_dim: int
    card: dict[str, Any]

    def table(self, file: str) -> pd.DataFrame:
        """A table that was derived from the model and its data, after its sum was checked."""
        import pandas as pd

        return pd.read_csv(io.BytesIO(model_path(self.name, file).read_bytes()))


def load_model(name: str) -> TrainedModel:
    """A trained model of the book, its weights checked against the model card.

    Args:
        name: ``"circle-gan"`` or ``"mnist-vae"``.

    Raises:
        geodreg.models.ModelError: if it is not found, or damaged.

    Example:
        >>> load_model("circle-gan").latent_dim
        2
    """
    card = read_card(name)
    kind, sizes = card["architecture"]["kind"], card["architecture"].get("sizes", {})
    module = {"CircleGenerator": CircleGenerator, "VAE": VAE}[kind](**sizes)
    read_weights(name, module)
    module.eval().requires_grad_(False)
    generator = module.generator if isinstance(module, VAE) else module
    return TrainedModel(name, module, generator, generator.latent_dim, card)
