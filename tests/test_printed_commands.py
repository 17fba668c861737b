"""Every command that the book and README print is run, with parameters that make it cheap."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from papermill.cli import papermill
from PIL import Image
from typer.testing import CliRunner as TyperRunner

from geodreg.book.parameters import checked, declared, pair
from geodreg.book.sweeps.definition import read_sweep
from geodreg.commands.cli import app
from geodreg.models.zoo import load_model
from tests.doors import through_papermill
from tests.needs import DATA, needs_mnist, needs_yale

ROOT = Path(__file__).parent.parent
SOURCES = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.md"))}
TEXTS = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted((ROOT / "book").glob("*.md")), *SOURCES.values()]
BLOCK = re.compile(r"^```(?:\{code-block\} ?)?(?:bash|shell|sh|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAMS = ("papermill", "geodreg", "make", "pip", "jupyter", "apt-get")
INLINE = re.compile(rf"(?<!`)`((?:{'|'.join(PROGRAMS)}) [^`\n]+)`(?!`)")

PERSON = "geodreg train yale-dcgan --subject yaleB20 --out data/yaleB20"
COPY = "cp -r data/models/mnist-* data/yaleB20"
HERE = {
    "source .venv/bin/activate": "the environment that runs the tests",
    "export GEODREG_DATA=$PWD/data/raw": "an assignment",
    "pip install .": "test_distribution.py installs the wheel",
    'pip install ".[models,plots]"': "test_own_generator_page.py runs the block",
    "python3 -m venv try && . try/bin/activate": "test_own_generator_page.py runs the block",
    "jupyter lab out.ipynb": "waits for a reader",
    "apt-get install chromium": "the machine's own",
    "apt-get install slurmctld slurmd slurm-client munge": "the machine's own",
    "geodreg train NAME": "a pattern of commands",
    COPY: "is run before the command that reads the copy",
    PERSON: "is run before the command that reads the model",
    "geodreg data fetch": "a name is missing",
    "geodreg run": "a name is missing",
}
"""What is printed and not run here, and why."""

MOVED = {"weights_loss": "[0.1]", "weights_algorithm1": "[0.1]"}
CHEAP: Mapping[str, Mapping[str, str]] = {
    "fig1-mismatch": {"n_samples": "50", "n_repeats": "1"},
    "fig4-lambert": {"n_pairs": "1", "n_points": "3", "size": "8", "n_fine": "33"},
    "weight": {"n_pairs": "1", "n_faces": "1", "n_points": "3"},
    "algorithm1": {"n_pairs": "1", "budget": "3"},
    "claims": {"n_live": "1"},
    "which-density": {"n_live": "2", "n_images": "2"},
    "limits": {"noises": "[0.1]"},
    "metric": {"n_samples": "100", "n_each": "2", "n_points": "3"},
    "speed": {"gap": "0.5"},
    "judge": {"n_samples": "100"},
    "faces": {"tolerance": "0.1"},
    "fig2-circle": {"n_pairs": "1", "n_points": "3", "steps": "300", "budget": "2", **MOVED},
    "fig3-mnist-gan": {"n_pairs": "1", "n_points": "3", "budget": "2", **MOVED},
    **{page: {"n_pairs": "1", "n_points": "3", "budget": "2"} for page in ("fig3", "fig3-mnist-vae", "fig3-yale")},
    **{page: {"n_pairs": "1", "n_points": "3"} for page in ("extending", "fig4-yale")},
}
"""The least that each page can do."""

FACES = "--steps 2 --set channels=[4,4,4,4]"
LINE = f"{FACES} --set latent_dim=1"
SHORT = {
    "circle-gan": "--steps 2",
    "mnist-judge": "--steps 2 --set width=2",
    "mnist-judge-sharp": "--steps 2 --set width=2",
    "mnist-neighbours": "--steps 2 --set width=2 --set reference=100",
    "mnist-denoiser": "--steps 2 --set width=2",
    "mnist-vae": "--epochs 1 --set batch_size=5000 --set hidden=[8]",
    "mnist-gan": "--steps 2 --set hidden=[8]",
    "mnist-dcgan": "--steps 2 --set hidden=8 --set channels=[4,4]",
    "yale-dcgan": LINE,
    "lambert-dcgan": LINE,
    "lambert-dcgan-linear": LINE,
}
"""Trainings of little networks."""


def printed() -> list[str]:
    """All commands, each once, without comments."""
    found = []
    for text in TEXTS:
        content = re.sub(r"^python - <<'END'\n.*?^END\n", "", text.read_text(), flags=re.DOTALL | re.MULTILINE)
        lines = [line for block in BLOCK.findall(content) for line in block.replace("\\\n", " ").splitlines()]
        flat = re.sub(r"(?<=[^`\n])\n(?=[^`\n])", " ", content)  # a command may be broken over two lines of prose
        found += [*lines, *INLINE.findall(flat)]
    commands = [line.split(" #")[0].strip() for line in found]
    return sorted({command for command in commands if command and not command.startswith("#")})


IN_PROCESS: Mapping[str, Callable[[list[str]], Any]] = {
    "papermill": lambda words: CliRunner().invoke(papermill, [*words, "--no-progress-bar"]),
    "geodreg": lambda words: TyperRunner().invoke(app, words),
}
"""The two programs that need no process of their own to be run as a shell does."""

COMMANDS = [command for command in printed() if command not in HERE]
PAPERMILL = [command for command in COMMANDS if "papermill " in command and "--help-notebook" not in command]
TRAIN = [command for command in COMMANDS if command.startswith("geodreg train ")]
MAKE = [command for command in COMMANDS if command.startswith("make ")]
QUICK = [command for command in COMMANDS if command not in (*PAPERMILL, *TRAIN, *MAKE)]


def _where_there_are_data(command: str, *words: str) -> object:
    """A command as a case of a test; one that has one of the words needs the data sets."""
    return pytest.param(command, marks=[needs_mnist, needs_yale] if any(word in command for word in words) else [])


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages as notebooks, which no command changes."""
    folder = tmp_path_factory.mktemp("paired")
    for name, source in SOURCES.items():
        pair(source, folder / f"{name}.ipynb")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, paired: Path) -> Path:
    """A folder in which the commands find what they name: pages as text and as notebooks, models, two pictures."""
    for name in ("geodreg", "sweeps", "sweep.smk", "Snakefile", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models").symlink_to(ROOT / "data" / "models")
    (tmp_path / "notebooks").mkdir()
    for name, source in SOURCES.items():
        (tmp_path / "notebooks" / source.name).symlink_to(source)
        (tmp_path / "notebooks" / f"{name}.ipynb").symlink_to(paired / f"{name}.ipynb")
    return tmp_path


Run = Callable[..., str]


@pytest.fixture
def run(checkout: Path, monkeypatch: pytest.MonkeyPatch, forked_kernels: None) -> Run:
    """Run a line of a shell in the checkout or a folder of it, with a data root if one is given; gives what it says."""
    for name in ("GEODREG_DATA", "GEODREG_MODELS"):
        monkeypatch.delenv(name, raising=False)

    def call(command: str, *more: str, folder: Path = checkout, data: Path | None = None) -> str:
        if data is not None:
            monkeypatch.setenv("GEODREG_DATA", str(data.resolve()))
        monkeypatch.chdir(folder)
        words = [*shlex.split(command), *more]
        while "=" in words[0]:  # an assignment before the command
            monkeypatch.setenv(*words.pop(0).split("=", 1))
        if words[0] in IN_PROCESS:
            result = IN_PROCESS[words[0]](words[1:])
            assert result.exit_code == 0, (command, result.output[-2000:], result.exception)
            return str(result.output)
        line = " ".join([command, *map(shlex.quote, more)])
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout + done.stderr

    return call


def page_of(command: str) -> str:
    """The page that a line of papermill names."""
    found = re.search(r"papermill (?:notebooks/)?(\S+)\.ipynb out\.ipynb", command)
    assert found is not None, command
    return found[1]


def test_what_is_not_run_here_is_printed() -> None:
    assert set(HERE) <= set(printed())
    assert set(CHEAP) == set(SOURCES)
    assert len(PAPERMILL) > len(SOURCES)
    for command in QUICK:
        assert command.split()[0] in ("geodreg", "papermill"), f"no test runs {command}"


@pytest.mark.parametrize("command", PAPERMILL)
def test_a_printed_rerun_is_taken_by_the_first_cell(command: str, tmp_path: Path) -> None:
    source = tmp_path / f"{page_of(command)}.md"
    source.write_text(SOURCES[source.stem].read_text())
    words = shlex.split(command.partition("out.ipynb")[2])
    given = dict(zip(words[1::3], words[2::3], strict=True))
    assert given
    assert set(words[::3]) == {"-p"}
    found = through_papermill(source, *words)
    assert {name: found[name] for name in given} == checked(source, given)
    assert set(CHEAP[source.stem]) <= set(declared(source))


@pytest.mark.slow
@pytest.mark.parametrize("command", [_where_there_are_data(command, "retrain", "yaleB20") for command in PAPERMILL])
def test_a_printed_rerun_runs(command: str, checkout: Path, run: Run, request: pytest.FixtureRequest) -> None:
    page = page_of(command)
    cheap = {name: value for name, value in CHEAP[page].items() if f"-p {name} " not in f"{command} "}
    folder = checkout
    if f"papermill {page}.ipynb" in command:  # the notebook that the site gives, in any folder
        folder = checkout / "elsewhere"
        folder.mkdir()
        pair(SOURCES[page], folder / f"{page}.ipynb")
    if "GEODREG_MODELS=data/yaleB20" in command:  # the two printed above it come first
        run(PERSON, *FACES.split(), data=DATA)
        run(COPY)
    data = DATA if "retrain" in command else None
    if data:  # the person is trained in the test of that page; a training that is finished is not repeated
        shutil.copytree(request.getfixturevalue("held_out") / "models", folder / "models")
        cheap["steps"] = "5"
    run(command, *(word for name, value in cheap.items() for word in ("-p", name, value)), folder=folder, data=data)
    executed = json.loads((folder / "out.ipynb").read_text())
    assert executed["metadata"]["papermill"]["exception"] is None
    assert set(cheap) <= set(executed["metadata"]["papermill"]["parameters"])


@pytest.mark.parametrize("command", MAKE)
def test_a_printed_goal_of_make_is_there_and_calls_what_exists(command: str, run: Run) -> None:
    said = run(f"{command.replace('make ', 'make -n ', 1)} --directory {shlex.quote(str(ROOT))}")
    assert said.strip()
    for line in re.findall(r"^geodreg sweep .*", said, re.MULTILINE):
        name = shlex.split(line)[2]
        assert read_sweep(name).runs()


@pytest.mark.slow
@pytest.mark.parametrize("command", [_where_there_are_data(command, "mnist", "yale") for command in TRAIN])
def test_a_printed_training_trains(command: str, checkout: Path, run: Run) -> None:
    needed = DATA if "mnist" in command or "yale" in command else None
    run(command, *SHORT[command.split()[2]].split(), "--out", "trained", data=needed)
    assert list(checkout.glob("trained/*/weights.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize("command", [_where_there_are_data(command, "fetch") for command in QUICK])
def test_a_printed_command_runs(command: str, checkout: Path, run: Run) -> None:
    if "a.png" in command:
        model = load_model("mnist-vae")
        with torch.no_grad():
            images = model.generator(torch.randn(2, model.latent_dim, generator=torch.Generator().manual_seed(1)))
        for name, image in zip(re.findall(r"--(?:from|to) (\S+)", command), images, strict=True):
            Image.fromarray((255 * image).round().byte().numpy()).save(checkout / name)
    more = ("-p", "n_pairs", "1") if command.startswith("geodreg run") and "--show" not in command else ()
    said = run(command, *more, data=DATA if "fetch" in command else None)
    for written in re.findall(r"--out (\S+)", command):
        assert (checkout / written).is_file()
    assert said.strip()
