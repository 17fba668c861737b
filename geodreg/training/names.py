"""The names of the models that can be trained, for whoever lists them and trains none."""

from __future__ import annotations

__all__ = ["MODELS"]

MODELS = (
    "circle-gan",
    "mnist-judge",
    "mnist-judge-sharp",
    "mnist-neighbours",
    "mnist-denoiser",
    "mnist-vae",
    "mnist-vae-decoders",
    "mnist-gan",
    "mnist-dcgan",
    "yale-dcgan",
    "lambert-dcgan",
    "lambert-dcgan-linear",
)
"""Each has a recipe of its name in :mod:`geodreg.training.recipes`."""
