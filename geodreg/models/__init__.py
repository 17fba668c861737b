"""The generators of the book, and the trained models on disk."""

from geodreg.models.mlp import VAE, CircleGenerator, DigitGenerator, perceptron
from geodreg.models.store import ModelError, model_folder, model_path, read_card
from geodreg.models.zoo import TrainedModel, load_model

__all__ = [
    "VAE",
    "CircleGenerator",
    "DigitGenerator",
    "ModelError",
    "TrainedModel",
    "load_model",
    "model_folder",
    "model_path",
    "perceptron",
    "read_card",
]
