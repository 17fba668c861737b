"""A training run that survives being killed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm import tqdm

from geodreg.errors import PlainError
from geodreg.workspace.files import FileError, write_whole

__all__ = ["DivergedError", "Run", "Stateful"]

DIGEST = hashlib.sha256().digest_size  # bytes at the beginning of a checkpoint: the SHA-256 of all others


class DivergedError(PlainError):
    """A training whose losses are no numbers any more; the message says where, and what to change."""


class Stateful(Protocol):
    """A module, an optimiser or a schedule."""

    def state_dict(self) -> dict[str, Any]:
        """What there is to save."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> object:
        """Take it back."""
        ...


@dataclass
class Run:
    """State of a training run, saved every so often, so that a run that was killed goes on where it was.

    A resumed run ends with the same weights as an undisturbed one.

    Attributes:
        title: for the progress bar.
        settings: what decides the run; a checkpoint of other settings is neither taken up nor overwritten.
        parts: modules, optimisers and schedules by name.
        chance: the run's only source of chance.
        path: checkpoint file; None for a run that is not saved.
        curve: columns of the training curve.
        milestones: columns of what is measured now and then, such as the quality of samples.
        done: steps done.
        seconds: time they took, over all legs of a run that was resumed.
    """

    title: str
    settings: Mapping[str, Any]
    parts: Mapping[str, Stateful]
    chance: torch.Generator
    path: Path | None = None
    curve: dict[str, list[float]] = field(default_factory=dict)
    milestones: dict[str, list[float]] = field(default_factory=dict)
    done: int = 0
    seconds: float = 0.0

    def steps(self, total: int, save_every: int) -> Iterator[int]:
        """Numbers of the steps left to do, with a progress bar on a terminal; saved after every ``save_every``.

        Raises:
            geodreg.workspace.files.FileError: if the checkpoint is damaged or of other settings, or cannot be written.
        """
        self._restore()
        began, before = time.perf_counter(), self.seconds
        with tqdm(total=total, initial=self.done, desc=self.title, mininterval=1.0, disable=None) as bar:
            for step in range(self.done, total):
                yield step
                self.done, self.seconds = step + 1, before + time.perf_counter() - began
                bar.update()
                if self.done % save_every == 0 or self.done == total:
                    bar.set_postfix({name: f"{values[-1]:.4g}" for name, values in self.curve.items()})
                    self._save()

    def record(self, **values: float) -> None:
        """Add a row to the training curve.

        Args:
            values: columns; the first says where the row stands.

        Raises:
            DivergedError: if a value is not finite.
        """
        self.expect_finite(**values)
        for name, value in values.items():
            self.curve.setdefault(name, []).append(value)

    def expect_finite(self, **values: float) -> None:
        """Stop the run if it has diverged; arguments and errors are those of :meth:`record`."""
        lost = next((name for name, value in values.items() if not math.isfinite(value)), None)
        if lost is None:
            return
        what, (unit, place) = self.title.split(",")[0], next(iter(values.items()))
        first = f"remove {self.path}, and " if self.path is not None and self.path.is_file() else ""
        raise DivergedError(
            f"The training of the {what} has diverged: its loss ({lost}) is {values[lost]} at {unit} {place}, and no "
            f"model is written; {first}train it with a lower learning_rate or another seed."
        )

    def mark(self, **values: float) -> None:
        """Add a row to the milestones, with the seconds that the steps before this one took."""
        for name, value in {"seconds": self.seconds, **values}.items():
            self.milestones.setdefault(name, []).append(value)

    def finish(self) -> None:
        """Remove the checkpoint, once what the run made is safe."""
        if self.path is not None:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    def _save(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "settings": dict(self.settings),
            "done": self.done,
            "seconds": self.seconds,
            "curve": self.curve,
            "milestones": self.milestones,
            "chance": self.chance.get_state(),
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        write_whole(self.path, hashlib.sha256(content).digest() + content)

    def _restore(self) -> None:
        if self.path is None or not self.path.is_file():
            return
        file = self.path.read_bytes()
        digest, content = file[:DIGEST], file[DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            raise FileError(
                f"{self.path} is damaged: its sha256 is not the one at its beginning; "
                "remove it, and call the same command again to start from the beginning."
            )
        state = torch.load(io.BytesIO(content), weights_only=True)
        if (its := state["settings"]) != dict(self.settings):
            names = [name for name in {**its, **self.settings} if its.get(name) != self.settings.get(name)]
            others = (f"{name}={its.get(name)}" for name in names)
            raise FileError(
                f"{self.path} is of a training with other settings ({', '.join(others)}), which stopped at "
                f"{state['done']} of its {self.title.split()[-1]}; go on with those, or remove it to "
                "start from the beginning."
            )
        self.done, self.seconds = state["done"], state["seconds"]
        self.curve, self.milestones = state["curve"], state["milestones"]
        self.chance.set_state(state["chance"])
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
