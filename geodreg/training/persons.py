"""The DCGAN of one person, from the committed weights or trained for the occasion."""

from __future__ import annotations

from pathlib import Path

from geodreg.datasets.yale import check_subject
from geodreg.models.store import ModelError
from geodreg.models.zoo import TrainedModel, load_model
from geodreg.training.once import train_once

__all__ = ["person_model"]

NAME = "yale-dcgan"


def person_model(subject: str, retrain: bool, steps: int | None = None, out: Path = Path("models")) -> TrainedModel:
    """The DCGAN of one person.

    Args:
        subject: such as ``"yaleB22"``.
        retrain: train it now, from the person's images in the data root, and write it below ``out/<subject>``; a
            training that was killed goes on, and one that is finished is not repeated.
        steps: of that training, if not the recipe's.
        out: folder, below the working directory.

    Raises:
        geodreg.models.ModelError: if it is not to be trained and the model at hand is of another person.
        geodreg.datasets.DataError: if there is no such person, or it is to be trained and there are no data.
    """
    check_subject(subject)
    if retrain:
        models = out / subject
        train_once(NAME, models, subject=subject, steps=steps)
        return load_model(NAME, models)
    model = load_model(NAME)
    trained_on = model.card["settings"]["subject"]
    if trained_on != subject:
        raise ModelError(
            f"The weights at hand are of {trained_on}, not of {subject}; pass retrain=true (-p retrain true) with "
            f"GEODREG_DATA set, or run `geodreg train {NAME} --subject {subject} --out FOLDER` and set "
            "GEODREG_MODELS=FOLDER."
        )
    return model
