"""Weights of the trial's trainings, kept in half precision: the claims can be measured again without training."""

from __future__ import annotations

from pathlib import Path

from geodreg.models.store import model_path, read_card, write_model
from geodreg.models.zoo import TrainedModel, load_model
from geodreg.workspace.places import places

__all__ = ["keep_half", "load_kept"]

NEEDED = (".csv", ".safetensors")  # what a measurement reads, beside the card; not the pictures


def load_kept(model: str, label: str) -> TrainedModel:
    """A training of the trial, from the folder named by ``GEODREG_TRAININGS``, the checkout, or the installed package.

    Args:
        model: its name.
        label: of the training.

    Raises:
        geodreg.models.ModelError: if its weights are missing or damaged.
    """
    kept = [place / label for place in places("trainings", "GEODREG_TRAININGS")]
    return load_model(model, next((folder for folder in kept if (folder / model).is_dir()), kept[0]))


def keep_half(name: str, trained: Path, kept: Path) -> Path:
    """Write a trained model again, its weights in half precision.

    Args:
        name: of the model.
        trained: folder of models that has it.
        kept: folder of models that is to have it.

    Returns:
        the model's new folder. Its card has the sums of the files in full precision, as ``full``.

    Raises:
        geodreg.models.ModelError: if it is not found, or damaged.
        geodreg.workspace.files.FileError: if it cannot be written.
    """
    from safetensors.torch import load, save

    card = read_card(name, trained)
    sums = card.pop("files")
    contents = {file: model_path(name, file, trained).read_bytes() for file in sums if file.endswith(NEEDED)}
    tensors = {file: load(content) for file, content in contents.items() if file.endswith(".safetensors")}
    halves = {file: {key: tensor.half() for key, tensor in own.items()} for file, own in tensors.items()}
    weights = halves.pop("weights.safetensors")
    derived = {file: content for file, content in contents.items() if file not in tensors}
    derived |= {file: save(own) for file, own in halves.items()}
    return write_model(name, weights, {**card, "precision": "float16", "full": sums}, derived, kept)
