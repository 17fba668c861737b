"""The names of the models that can be trained, for whoever lists them and trains none."""

from __future__ import annotations

__all__ = ["MODELS", "OTHERS"]

MODELS = (
    "circle-gan",
    "mnist-judge",
    "mnist-judge-sharp",
    "mnist-neighbours",
    "mnist-denoiser",
    "mnist-vae",
    "mnist-gan",
    "mnist-dcgan",
    "yale-dcgan",
    "lambert-dcgan",
    "lambert-dcgan-linear",
)
"""They come with the book; each has a recipe of its name in :mod:`geodreg.training.recipes`."""

OTHERS = ("mnist-vae-decoders",)
"""What has a recipe, too, and is trained for a comparison; it is kept with that."""
