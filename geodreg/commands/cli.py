"""The command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from geodreg.book.values import read_yaml
from geodreg.commands.command_group import ParametersCommand, PlainGroup, starting_with
from geodreg.commands.info import info_command, models_state, verify_data
from geodreg.commands.interpolate import interpolate_command
from geodreg.commands.pages import run_command, sweep_command
from geodreg.datasets.root import DataError
from geodreg.training.names import MODELS
from geodreg.workspace.home import ensure_home

DATA = ("mnist", "yale")

app = typer.Typer(cls=PlainGroup, no_args_is_help=True, add_completion=True)
data = typer.Typer(no_args_is_help=True, help="The public data sets.")
app.add_typer(data, name="data")
app.command("interpolate", epilog="Example: geodreg interpolate --model mnist-gan --pair 3 --mu 0.1 --out strip.png")(
    interpolate_command
)
app.command("run", cls=ParametersCommand, epilog="Example: geodreg run fig3-mnist-gan -p mu 0.1 -p n_pairs 4")(
    run_command
)
app.command("sweep", epilog="Example: geodreg sweep mu --cores 2")(sweep_command)
app.command("info", epilog="Example: geodreg info")(info_command)


@app.callback()
def main() -> None:
    """Geodesic interpolation in deep generative models.

    Exit code 0: done; 1: not done, for the reason in the last sentence; 2: a command or an option that is not there.
    """
    ensure_home()


@app.command("train", epilog="Example: geodreg train mnist-vae --data-root data/raw")
def train_command(
    model: Annotated[
        str, typer.Argument(help=f"One of {', '.join(MODELS)}.", autocompletion=starting_with(lambda: MODELS))
    ],
    seed: Annotated[int | None, typer.Option(help="Seed of weights, batches and samples.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data, for the VAE.", min=1)] = None,
    steps: Annotated[int | None, typer.Option(help="Updates, for all other models.", min=1)] = None,
    subject: Annotated[str | None, typer.Option(help="Whose faces, for yale-dcgan, such as yaleB22.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, as NAME=VALUE, such as latent_dim=16.")
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder that holds mnist/ and yale_b/; default $GEODREG_DATA or data/raw.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of models, in which this one gets a folder.")] = Path("data/models"),
) -> None:
    """Train one of the book's models, and write its weights and its card."""
    from geodreg.training.settings import changed_settings, check_data

    options = {"seed": seed, "epochs": epochs, "steps": steps, "subject": subject}
    changes = dict(map(_setting, settings or []))
    changes |= {name: value for name, value in options.items() if value is not None}
    check_data(changed_settings(model, changes), data_root)

    from geodreg.training.recipes import train  # imports torch, which takes seconds: what is refused is refused before

    folder = train(model, out, data_root, **changes)
    typer.echo(f"Written: {folder}")


@app.command("models", epilog="Example: geodreg models")
def models_command() -> None:
    """List the trained models, each file checked against its card."""
    _tell(models_state())


@data.command("fetch", epilog="Example: geodreg data fetch yale --subject yaleB20 --root data/raw")
def fetch(
    name: Annotated[str, typer.Argument(help="mnist or yale", autocompletion=starting_with(lambda: DATA))],
    root: Annotated[Path, typer.Option(help="The data root.", envvar="GEODREG_DATA")] = Path("data/raw"),
    subject: Annotated[str, typer.Option(help="Whose faces, for yale.")] = "yaleB22",
) -> None:
    """Download a data set into a data root and check its checksums."""
    if name not in DATA:
        raise DataError(f"There is no data set {name!r} to fetch; choose {' or '.join(DATA)}.")
    from geodreg.datasets import fetch_mnist, fetch_yale

    try:
        typer.echo(f"Ready: {fetch_mnist(root) if name == 'mnist' else fetch_yale(root, subject)}")
    except OSError as error:
        raise DataError(f"{name} could not be fetched: {error}") from None


@data.command("verify", epilog="Example: geodreg data verify --root data/raw")
def verify(
    root: Annotated[Path | None, typer.Option(help="The data root; default $GEODREG_DATA or data/raw.")] = None,
) -> None:
    """Check every file of the data sets below the data root against its checksum."""
    _tell(verify_data(root))


def _tell(lines: list[tuple[str, bool]]) -> None:
    """Write each line, and fail if one of them is bad."""
    for line, good in lines:
        typer.echo(line, err=not good)
    if not all(good for _, good in lines):
        raise typer.Exit(1)


def _setting(text: str) -> tuple[str, object]:
    """Name and value of ``NAME=VALUE``, the value read as YAML with numbers as text, which the setting's type reads."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{text!r} is not a setting; write NAME=VALUE, such as latent_dim=16.")
    try:
        return name.strip(), read_yaml(value)
    except yaml.YAMLError:
        raise ValueError(f"{text!r} is not a setting, its value is no YAML; write a list as [64, 48].") from None
