"""Trained models on disk: where they are found, how they are checked, read and written.

A model is a folder ``models/<name>`` with ``weights.safetensors``, ``card.json`` (what made the weights, and the
SHA-256 of every other file in the folder) and files derived from model and data together. It is looked for

1. below the folder named by the environment variable ``GEODREG_MODELS``, if that is set, and nowhere else then,
2. below ``data/models`` of the checkout that holds the package,
3. below the copy that is installed with the package.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodreg.errors import PlainError
from geodreg.workspace.files import FileError, sha256_of, write_whole
from geodreg.workspace.places import places

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

__all__ = ["ModelError", "model_folder", "model_path", "read_card", "read_table", "read_weights", "write_model"]

WEIGHTS, CARD = "weights.safetensors", "card.json"
ENTRIES: dict[str, type | tuple[type, ...]] = {
    "what": str,
    "architecture": dict,
    "data": dict,
    "measures": dict,
    "seed": int,
    "settings": dict,
    "command": str,
    "seconds": (int, float),
    "threads": int,
    "versions": dict,
    "curve": dict,
    "files": dict,
}
"""What every card has; more may come with it."""


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
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged ({error}); restore it, or retrain with `geodreg train {name}`.") from None
    if fault := _fault_of(card):
        raise ModelError(f"{path} is no card of a model: {fault}; restore it, or retrain with `geodreg train {name}`.")
    return card


def _fault_of(card: object) -> str:
    """What keeps something read as JSON from being a card; empty if nothing does."""
    if not isinstance(card, dict):
        return "it does not list its entries by name"
    if wrong := [entry for entry, kind in ENTRIES.items() if not isinstance(card.get(entry), kind)]:
        return f"entries are missing or of another type ({', '.join(wrong)})"
    architecture, files = card["architecture"], card["files"]
    if not isinstance(architecture.get("kind"), str):
        return "its architecture names no kind"
    if WEIGHTS not in files or not all(isinstance(sha256, str) for sha256 in files.values()):
        return f"its files are not {WEIGHTS} and others, each with its sum"
    return ""


def model_path(name: str, file: str, models: Path | None = None) -> Path:
    """Path of one of a model's files, after its SHA-256 was found to be the card's.

    Raises:
        ModelError: if it is missing or differs.
    """
    path = model_folder(name, models) / file
    expected = read_card(name, models)["files"].get(file)
    found = None
    if expected is not None:
        for place in (path, _beside(path.parent, file, expected), path):  # it may be moved at this moment
            if place.is_file():
                found = sha256_of(place)
                if found == expected:
                    return place
    if found is None:
        raise ModelError(f"{path} is missing; restore it, or retrain with `geodreg train {name}`.")
    raise ModelError(
        f"{path} is damaged: its sha256 is {found}, the card says {expected}; "
        f"restore it, or retrain with `geodreg train {name}`."
    )


def read_table(name: str, file: str, models: Path | None = None) -> pd.DataFrame:
    """One of a model's tables, after its checksum was verified.

    Raises:
        ModelError: as :func:`model_path`.
    """
    import pandas as pd

    return pd.read_csv(io.BytesIO(model_path(name, file, models).read_bytes()))


def read_weights(name: str, module: nn.Module, models: Path | None = None, file: str = WEIGHTS) -> None:
    """Load a model's checked weights into a module of its architecture, without pickle.

    Raises:
        ModelError: as :func:`model_path`, and if the file holds no such weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    path = model_path(name, file, models)
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

    The card is moved into its place when all other files lie beside the earlier ones under names of their own. This one
    move makes the folder the new model; a process that is killed before leaves the earlier one, after it the new one.

    Args:
        name: of the model.
        weights: the state of the module.
        card: what made it, with all of ``ENTRIES`` but the files, whose sums are added.
        derived: further files by name.
        out: folder of models.

    Raises:
        geodreg.workspace.files.FileError: if a file cannot be written; the earlier model is as it was.
    """
    from safetensors.torch import save

    files = {WEIGHTS: save({key: tensor.contiguous() for key, tensor in weights.items()}), **derived}
    sums = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for file, content in files.items():
            write_whole(_beside(folder, file, sums[file]), content)
        write_whole(folder / CARD, (json.dumps({**card, "files": sums}, indent=1) + "\n").encode())
    except FileError:
        for file in files:
            _beside(folder, file, sums[file]).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # where there was an earlier model it is not empty
            folder.rmdir()
        raise
    for file in files:
        _beside(folder, file, sums[file]).replace(folder / file)
    for left in folder.iterdir():  # of the earlier model, or of a process that was killed
        if left.is_file() and left.name not in {CARD, *files}:
            left.unlink()
    return folder


def _beside(folder: Path, file: str, sha256: str) -> Path:
    """Where a file of a new model lies until it takes its place."""
    return folder / f"{file}.{sha256[:12]}.new"
