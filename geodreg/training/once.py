"""Trainings that are not repeated when what asked for them is run again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from geodreg.models.store import ModelError, model_folder, model_path, read_card
from geodreg.training.cards import versions
from geodreg.training.recipes import ordered
from geodreg.workspace.revision import sum_of_sources

__all__ = ["train_once"]


def train_once(name: str, out: Path, root: str | Path | None = None, **changes: object) -> Path:
    """Train one of the book's models, unless a training that was the same has written it there, and it is whole.

    The same is one with these settings, versions of packages and sources of the module. One that was killed goes on.

    Args:
        name: a key of :data:`~geodreg.training.recipes.RECIPES`.
        out: folder of models.
        root: data root, where the model needs data.
        changes: settings that differ from the recipe's; ``None`` leaves one as it is.

    Returns:
        the model's folder.

    Raises:
        ValueError: as :func:`~geodreg.training.recipes.train`.
        geodreg.datasets.DataError: if data are missing or damaged.
    """
    recipe, order = ordered(name, out, root, changes)
    wanted = {"settings": asdict(order.settings), "versions": versions(), "sources": sum_of_sources()}
    try:
        card = read_card(name, out)
        for file in card["files"]:
            model_path(name, file, out)
    except ModelError:
        return recipe(order)
    if {key: card.get(key) for key in wanted} != json.loads(json.dumps(wanted)):
        return recipe(order)
    return model_folder(name, out)
