"""The generators of the book, and the trained models on disk."""

from typing import TYPE_CHECKING

from geodreg.workspace.lazy import lazily

if TYPE_CHECKING:
    from geodreg.models.convolutional import FaceDiscriminator, FaceGenerator
    from geodreg.models.judge import REJECT, Judge
    from geodreg.models.mlp import VAE, CircleGenerator, DigitGenerator, perceptron
    from geodreg.models.store import ModelError, model_folder, model_path, read_card, read_table
    from geodreg.models.zoo import TrainedModel, load_judge, load_model
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "geodreg.models.convolutional": ["FaceDiscriminator", "FaceGenerator"],
            "geodreg.models.judge": ["REJECT", "Judge"],
            "geodreg.models.mlp": ["VAE", "CircleGenerator", "DigitGenerator", "perceptron"],
            "geodreg.models.store": ["ModelError", "model_folder", "model_path", "read_card", "read_table"],
            "geodreg.models.zoo": ["TrainedModel", "load_judge", "load_model"],
        },
    )

__all__ = [
    "REJECT",
    "VAE",
    "CircleGenerator",
    "DigitGenerator",
    "FaceDiscriminator",
    "FaceGenerator",
    "Judge",
    "ModelError",
    "TrainedModel",
    "load_judge",
    "load_model",
    "model_folder",
    "model_path",
    "perceptron",
    "read_card",
    "read_table",
]
