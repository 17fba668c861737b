"""Trained models on disk: where they are found, how they are checked, read and written.

A model is a folder ``models/<name>`` with ``weights.safetensors``, ``card.json`` (what made the weights, and the
SHA-256 of every other file in the folder) and files derived from model and data together. It is looked for

1. below the folder named by the environment variable ``GEODREG_MODELS``, if that is set, and nowhere else then,
2. below ``data/models`` of the checkout that holds the package,
3. below the copy that is installed with the package.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodreg.errors import PlainError
from geodreg.workspace.files import sha256_of
from geodreg.workspace.places import places

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

__all__ = ["ModelError", "model_folder", "model_path", "read_card", "read_table", "read_weights", "write_model"]

WEIGHTS, CARD = "weights.safetensors", "card.json"


class ModelError(PlainError):
    """A model that is missing or damaged; the message names the file and says how to mend that."""


def model_folder(name: str, models: Path | None = None) -> Path:
    """Folder of a model, below ``models`` or else by the search order above.

    Raises:
        ModelError: if it is in none of the places.
    """
    tried = [models] if models else places("models", "GEODREG_MODELS")
    for place in tried:
        if (place / name / CARD).is_file():
            return place / name
    known = sorted({card.parent.name for place in tried for card in place.glob(f"*/{CARD}")})
    raise ModelError(
        f"There is no model {name!r} in {' or '.join(map(str, tried))}; "
        f"known are {', '.join(known) or 'none'}. Train it with `geodreg train {name}`, or set GEODREG_MODELS."
    )


def read_card(name: str, models: Path | None = None) -> dict[str, Any]:
    """The model card: architecture, settings, data and their sums, losses, measures, versions, command.

    Raises:
        ModelError: if it is missing, or is no card.
    """
    path = model_folder(name, models) / CARD
    try:
        card = json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelError(f"{path} is damaged ({error}); restore it, or retrain with `geodreg train {name}`.") from None
    return card


def model_path(name: str, file: str, models: Path | None = None) -> Path:
    """Path of one of a model's files, after its SHA-256 was found to be the card's.

    Raises:
        ModelError: if it is missing or differs.
    """
    path = model_folder(name, models) / file
    expected = read_card(name, models)["files"].get(file)
    if expected is None or not path.is_file():
        raise ModelError(f"{path} is missing; restore it, or retrain with `geodreg train {name}`.")
    found = sha256_of(path)
    if found != expected:
        raise ModelError(
            f"{path} is damaged: its sha256 is {found}, the card says {expected}; "
            f"restore it, or retrain with `geodreg train {name}`."
        )
    return path


def read_table(name: str, file: str, models: Path | None = None) -> pd.DataFrame:
    """One of a model's tables, after its sum was checked.

    Raises:
        ModelError: as :func:`model_path`.
    """
    import pandas as pd

    return pd.read_csv(io.BytesIO(model_path(name, file, models).read_bytes()))


def read_weights(name: str, module: nn.Module, models: Path | None = None) -> None:
    """Load a model's checked weights into a module of its architecture, without pickle.

    Raises:
        ModelError: as :func:`model_path`, and if the file holds no such weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    path = model_path(name, WEIGHTS, models)
    try:
        load_model(module, path)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"{path} holds no weights of this architecture ({str(error).splitlines()[0]}); "
            f"restore it, or retrain with `geodreg train {name}`."
        ) from None


def write_model(
    name: str, weights: dict[str, Tensor], card: dict[str, Any], derived: dict[str, bytes], out: Path
) -> Path:
    """Write a model's folder below ``out``, all of it or nothing; an earlier one is replaced.

    Args:
        name: of the model.
        weights: the state of the module.
        card: what made it; the sums of the files are added.
        derived: further files by name.
        out: folder of models.
    """
    from safetensors.torch import save

    out.mkdir(parents=True, exist_ok=True)
    files = {WEIGHTS: save({key: tensor.contiguous() for key, tensor in weights.items()}), **derived}
    card = {**card, "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}}
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        for file, content in files.items():
            (new / file).write_bytes(content)
        (new / CARD).write_text(json.dumps(card, indent=1) + "\n")
        if (out / name).exists():
            shutil.move(out / name, old)
        shutil.move(new, out / name)
    return out / name
