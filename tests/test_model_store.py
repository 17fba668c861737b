"""A model on disk is the earlier one or the new one, whenever the process that writes it is killed."""

import errno
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from geodreg.models.store import ModelError, model_path, read_card, write_model
from geodreg.training import once
from geodreg.training.once import train_once
from geodreg.training.recipes import train
from geodreg.workspace.files import FileError

EARLIER, NEW, NONE = "earlier", "new", "none"
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")  # audit events that change a folder


def write(out: Path, which: str) -> None:
    """One of two models, of which each has a file that the other one lacks."""
    weights = {"w": torch.full((3,), float(which == NEW))}
    derived = {f"{which}.csv": which.encode(), "both.csv": which.encode() * 2}
    write_model("m", weights, {"what": which}, derived, out)


def found(out: Path) -> str:
    """Which of the two is there, all of its files with the right sums; or none."""
    if not (out / "m" / "card.json").is_file():
        with pytest.raises(ModelError, match="There is no model 'm'"):
            read_card("m", out)
        return NONE
    card = read_card("m", out)
    which: str = card["what"]
    assert set(card["files"]) == {"weights.safetensors", "both.csv", f"{which}.csv"}
    assert model_path("m", "both.csv", out).read_bytes() == which.encode() * 2
    assert model_path("m", f"{which}.csv", out).read_bytes() == which.encode()
    assert model_path("m", "weights.safetensors", out).is_file()
    return which


def killed_at(step: int, out: Path) -> bool:
    """Whether a process that writes the new model was ended without notice at one of its steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forks beside threads of PyTorch, which it does not use
        child = os.fork()
    if child == 0:
        seen = 0

        def end(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in STEPS and (event != "open" or arguments[1] not in ("r", "rb", None)):
                seen += 1
                if seen > step:
                    os._exit(1)

        sys.addaudithook(end)
        write(out, NEW)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.slow
def test_a_model_is_the_earlier_or_the_new_one_at_whatever_step_its_writer_is_killed(
    there: bool, tmp_path: Path
) -> None:
    outcomes = []
    for step in range(100):
        out = tmp_path / str(step)
        if there:
            write(out, EARLIER)
        killed = killed_at(step, out)
        outcomes.append(found(out))
        write(out, NEW)  # called again, it finishes, and nothing is left over
        assert found(out) == NEW
        assert {path.name for path in out.iterdir()} == {"m"}
        names = {"card.json", "weights.safetensors", "both.csv", "new.csv"}
        assert {path.name for path in (out / "m").iterdir()} == names
        if not killed:
            break
    before = EARLIER if there else NONE
    turn = outcomes.index(NEW)
    assert outcomes == [before] * turn + [NEW] * (len(outcomes) - turn)  # one step makes it the new one
    assert turn > 3
    assert len(outcomes) - turn > 3


def test_a_model_that_cannot_be_written_leaves_the_earlier_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, EARLIER)
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    usual = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith("card.json"):  # the last of the files
            usual(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return usual(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FileError, match=r"card\.json could not be written: No space left.*\. What was there before"):
        write(tmp_path, NEW)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before
    assert found(tmp_path) == EARLIER


def test_a_training_that_is_finished_is_not_repeated_unless_something_of_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = train_once("circle-gan", tmp_path, steps=4) / "card.json"

    def trained_again(**changes: Any) -> bool:
        before = card.stat().st_mtime_ns, card.stat().st_ino
        train_once("circle-gan", tmp_path, **{"steps": 4, **changes})
        return (card.stat().st_mtime_ns, card.stat().st_ino) != before

    assert not trained_again()
    assert trained_again(seed=3)  # other settings
    assert trained_again()
    assert not trained_again()
    (card.parent / "losses.svg").write_text("damaged")
    assert trained_again()
    monkeypatch.setattr(once, "sum_of_sources", lambda: "other sources")
    assert trained_again()
    monkeypatch.undo()
    content = json.loads(card.read_text())
    card.write_text(json.dumps({**content, "versions": {**content["versions"], "torch": "0.1"}}))
    assert trained_again()
    before = card.stat().st_ino
    train("circle-gan", tmp_path, steps=4)  # whoever asks for a training gets one
    assert card.stat().st_ino != before
