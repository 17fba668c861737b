"""A model on disk: the earlier or the new one, whenever its writer is killed; its card, and the command on that."""

import errno
import json
import os
import shlex
import shutil
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.main import get_command

from geodreg.commands.cli import _setting, app
from geodreg.models.store import ENTRIES, ModelError, model_folder, model_path, read_card, write_model
from geodreg.training import once
from geodreg.training.cards import OWN_OPTIONS, Order
from geodreg.training.once import train_once
from geodreg.training.recipes import ordered, train
from geodreg.training.settings import SETTINGS, changed_settings
from geodreg.workspace.files import FileError
from tests.conftest import Command
from tests.projects import ROOT

EARLIER, NEW, NONE = "earlier", "new", "none"
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")  # audit events that change a folder
CARD: dict[str, Any] = {
    "architecture": {"kind": "Linear"}, "data": {}, "measures": {}, "seed": 0, "settings": {}, "command": "none",
    "seconds": 0.5, "threads": 1, "versions": {}, "curve": {},
}  # fmt: skip
"""The least that a card has beside what the model is and its files."""


def write(out: Path, which: str) -> None:
    """One of two models, of which each has a file that the other one lacks."""
    weights = {"w": torch.full((3,), float(which == NEW))}
    derived = {f"{which}.csv": which.encode(), "both.csv": which.encode() * 2}
    write_model("m", weights, {**CARD, "what": which}, derived, out)


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


NO_CARDS = {
    "an empty object": "{}", "a list": "[]", "nothing": "null", "a number": "3", "a word": '"card"', "no JSON": "card",
    "a deep list": "[" * 100_000, "bytes": "\x00",
}  # fmt: skip


@pytest.mark.parametrize("content", NO_CARDS.values(), ids=NO_CARDS)
def test_what_is_no_card_is_refused_in_a_sentence_and_the_model_trained_again(content: str, tmp_path: Path) -> None:
    path = tmp_path / "circle-gan" / "card.json"
    path.parent.mkdir()
    path.write_text(content)
    for read in (lambda: read_card("circle-gan", tmp_path), lambda: model_path("circle-gan", "losses.svg", tmp_path)):
        with pytest.raises(ModelError, match=r"card\.json is (no card of a model|damaged)") as refused:
            read()
        assert str(refused.value).endswith("; restore it, or retrain with `geodreg train circle-gan`.")
    train_once("circle-gan", tmp_path, steps=2)
    assert read_card("circle-gan", tmp_path)["settings"]["steps"] == 2


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_card_without_one_of_its_entries_or_with_another_thing_there_is_none(entry: str, tmp_path: Path) -> None:
    whole = read_card("circle-gan")
    (tmp_path / "circle-gan").mkdir()
    path = tmp_path / "circle-gan" / "card.json"
    for card in ({key: value for key, value in whole.items() if key != entry}, {**whole, entry: None}):
        path.write_text(json.dumps(card))
        with pytest.raises(ModelError, match=rf"no card of a model: .* of another type \({entry}\); restore it, or"):
            read_card("circle-gan", tmp_path)
    path.write_text(json.dumps(whole))
    assert read_card("circle-gan", tmp_path) == whole


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"architecture": {}}, "its architecture names no kind"),
        ({"architecture": {"kind": ["VAE"]}}, "its architecture names no kind"),
        ({"files": {}}, "its files are not weights.safetensors and others, each with its sum"),
        ({"files": {"weights.safetensors": 3}}, "its files are not weights.safetensors and others, each with its sum"),
    ],
)
def test_a_card_names_a_kind_and_the_sum_of_the_weights(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    shutil.copytree(model_folder("circle-gan"), tmp_path / "circle-gan")
    path = tmp_path / "circle-gan" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ModelError, match=rf"card\.json is no card of a model: {reason}; restore it, or retrain with"):
        read_card("circle-gan", tmp_path)


def asked_for(command: str) -> Any:
    """The settings that a command of a card gives a training, read as the command line reads them."""
    program, subcommand, *words = shlex.split(command)
    assert (program, subcommand) == ("geodreg", "train")
    group: Any = get_command(app)
    given = group.commands["train"].make_context("train", words).params
    changes = dict(map(_setting, given["settings"] or []))
    changes |= {name: given[name] for name in OWN_OPTIONS if given[name] is not None}
    return changed_settings(given["model"], changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("circle-gan", {"seed": -3, "steps": 20, "learning_rate": 1e-5, "spread": "2e-2"}),
        ("mnist-vae", {"hidden": (64, 64), "activation": "Tanh", "epochs": 2}),
        ("mnist-gan", {"hidden": [64], "averaging": 0}),
        ("mnist-gan", {"hidden": ()}),
        ("mnist-dcgan", {"channels": ["4", "4"]}),
        ("yale-dcgan", {"channels": (4, 4, 4, 4), "subject": "yaleB20"}),
        ("lambert-dcgan", {"shadows": False}),
        ("mnist-judge", {"blurred": "no", "held_out": "1000"}),
        *(
            ("mnist-vae-decoders", {"of": folder})
            for folder in ("105", "a/b-c.d", "", "null", "~", "010", "a b; 'c' #d", '"', "-x=[1]", "ä: {b}", "a\nb")
        ),
    ],
)
def test_the_command_on_a_card_gives_the_settings_of_its_training(
    name: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    _, order = ordered(name, tmp_path, None, changes)
    assert asked_for(order.command) == order.settings


def test_the_command_on_a_card_is_written_for_a_shell(tmp_path: Path) -> None:
    for hidden in ((64, 64), [64, 64], ["64", "64"]):
        _, order = ordered("mnist-vae", tmp_path, None, {"hidden": hidden, "epochs": "2"})
        assert order.command == "geodreg train mnist-vae --seed 0 --set 'hidden=[64,64]' --epochs 2"
    _, order = ordered("mnist-vae-decoders", tmp_path, None, {"of": "105", "seed": 105})
    assert order.command == "geodreg train mnist-vae-decoders --seed 105 --set of=105"


def test_committed_commands_give_the_committed_settings_and_would_be_written_again() -> None:
    cards = sorted(card for kind in ("models", "trainings") for card in (ROOT / "data" / kind).rglob("card.json"))
    assert len(cards) > 60
    for path in cards:
        card = json.loads(path.read_text())
        settings, usual = asked_for(card["command"]), asdict(SETTINGS[card["name"]])
        read = json.loads(json.dumps(asdict(settings)))
        assert {key: read[key] for key in card["settings"]} == card["settings"]
        changes = {key: value for key, value in asdict(settings).items() if value != usual[key]}
        assert Order(card["name"], path.parents[1], None, settings, changes).command == card["command"]


def test_the_command_on_a_card_trains_the_same_model_again(tmp_path: Path, geodreg_in: Command) -> None:
    folder = train("circle-gan", tmp_path / "first", steps=4, spread=1e-5, batch_size="16")
    words = shlex.split(read_card("circle-gan", tmp_path / "first")["command"])
    code, output = geodreg_in(tmp_path, *words[1:], "--out", "again")
    assert code == 0, output
    weights = "weights.safetensors"
    assert (tmp_path / "again" / "circle-gan" / weights).read_bytes() == (folder / weights).read_bytes()
