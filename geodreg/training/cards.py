"""What a training run leaves behind: weights, a card that says what made them, pictures and derived tables."""

from __future__ import annotations

import json
import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import geodreg
from geodreg.models.store import write_model
from geodreg.training.loop import Run
from geodreg.training.pictures import loss_curves
from geodreg.workspace.revision import sum_of_sources

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Order", "table_bytes", "versions"]

OWN_OPTIONS = ("seed", "epochs", "steps", "subject")  # of `geodreg train`; other settings are given with --set
PLAIN_WORD = re.compile(r"(?!null$)[a-z0-9][\w./-]*", re.ASCII | re.IGNORECASE)  # text to YAML, without quotes


@dataclass(frozen=True)
class Order:
    """What was asked for: a model by name, below a folder, with settings that differ from the recipe's in some things.

    Attributes:
        name: of the model.
        out: folder of models.
        root: data root, or None for the usual one.
        settings: all settings, a dataclass.
        changes: those that differ from the recipe's.
    """

    name: str
    out: Path
    root: str | Path | None
    settings: Any
    changes: Mapping[str, Any]

    @property
    def checkpoint(self) -> Path:
        """File of the run's state while it goes on."""
        return self.out / f"{self.name}.checkpoint"

    @property
    def command(self) -> str:
        """What trains the model again, as a shell takes it; settings are as they were read, not as they were given."""
        settings = asdict(self.settings)
        options = [word for name in dict.fromkeys(["seed", *self.changes]) for word in _option(name, settings[name])]
        return shlex.join(["geodreg", "train", self.name, *options])

    def deliver(
        self,
        module: nn.Module,
        run: Run,
        *,
        what: str,
        architecture: Mapping[str, Any],
        data: Mapping[str, str],
        measures: Mapping[str, float],
        derived: Mapping[str, bytes],
    ) -> Path:
        """Write the model with its card and its loss curves, and only then remove the checkpoint.

        Args:
            module: what was trained.
            run: its run.
            what: the model in a phrase.
            architecture: ``kind`` and ``sizes``, from which the module is built again.
            data: checksums of data files by path, or ``{"generated": how}``.
            measures: numbers that say how good it is.
            derived: further files by name.
        """
        settings = asdict(self.settings)
        card = {
            "name": self.name,
            "what": what,
            "architecture": architecture,
            "data": data,
            "measures": measures,
            "seed": settings["seed"],
            "settings": settings,
            "command": self.command,
            "seconds": round(run.seconds, 1),
            "threads": torch.get_num_threads(),
            "versions": versions(),
            "sources": sum_of_sources(),
            "curve": _rounded(run.curve),
            **({"milestones": _rounded(run.milestones)} if run.milestones else {}),
        }
        files = {"losses.svg": loss_curves(run.curve), **derived}
        folder = write_model(self.name, module.state_dict(), card, files, self.out)
        run.finish()
        return folder


def versions() -> dict[str, str]:
    """Of Python and the packages that decide what a training ends with."""
    packages = {package: version(package) for package in ("torch", "numpy")}
    return {"python": platform.python_version(), **packages, "geodreg": geodreg.__version__}


def _option(name: str, value: object) -> tuple[str, str]:
    """A setting as two words of the command line."""
    return (f"--{name}", str(value)) if name in OWN_OPTIONS else ("--set", f"{name}={_yaml(value)}")


def _yaml(value: object) -> str:
    """A number, a word or a list of them as ``--set`` reads it: JSON is YAML, where a word needs no quotes."""
    if isinstance(value, str) and PLAIN_WORD.fullmatch(value):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _rounded(columns: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: [round(value, 4) for value in values] for name, values in columns.items()}


def table_bytes(table: pd.DataFrame) -> bytes:
    """A table as CSV; nine digits give a float32 back exactly."""
    return table.to_csv(index=False, float_format="%.9g").encode()
