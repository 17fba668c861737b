"""The book's networks, and the trained ones on disk with their cards; no training, no data sets.

:func:`load_model` finds one by name and checks it against its card; :mod:`~geodreg.models.store` has the search order.
"""

from typing import TYPE_CHECKING

from geodreg.workspace.lazy import lazily

if TYPE_CHECKING:
    from geodreg.models.convolutional import FaceDiscriminator, FaceGenerator
    from geodreg.models.denoiser import Denoiser
    from geodreg.models.face_dcgan import FaceDCGAN, load_face_dcgan
    from geodreg.models.judge import REJECT, Judge, RealismJudge
    from geodreg.models.mlp import VAE, CircleGenerator, DigitGenerator, perceptron
    from geodreg.models.neighbours import NeighbourJudge
    from geodreg.models.store import ModelError, model_folder, model_path, read_card, read_table
    from geodreg.models.zoo import (
        JUDGES,
        TrainedModel,
        load_denoiser,
        load_discriminator,
        load_judge,
        load_judges,
        load_model,
    )
else:
    __getattr__, __dir__ = lazily(__name__, __file__)

__all__ = [
    "JUDGES",
    "REJECT",
    "VAE",
    "CircleGenerator",
    "Denoiser",
    "DigitGenerator",
    "FaceDCGAN",
    "FaceDiscriminator",
    "FaceGenerator",
    "Judge",
    "ModelError",
    "NeighbourJudge",
    "RealismJudge",
    "TrainedModel",
    "load_denoiser",
    "load_discriminator",
    "load_face_dcgan",
    "load_judge",
    "load_judges",
    "load_model",
    "model_folder",
    "model_path",
    "perceptron",
    "read_card",
    "read_table",
]
