"""The command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from geodreg.datasets import DataError, fetch_mnist, fetch_yale
from geodreg.models import ModelError, model_folder, model_path, read_card
from geodreg.training.recipes import RECIPES, train

app = typer.Typer(no_args_is_help=True, help="Geodesic interpolation in deep generative models.", add_completion=True)
data = typer.Typer(no_args_is_help=True, help="The public data sets.")
app.add_typer(data, name="data")


@app.callback()
def main() -> None:
    """Geodesic interpolation in deep generative models."""


@app.command("train", epilog="Example: geodreg train mnist-vae --data-root data/raw")
def train_command(
    model: Annotated[str, typer.Argument(help=f"One of {', '.join(RECIPES)}.")],
    seed: Annotated[int | None, typer.Option(help="Seed of weights, batches and samples.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data, for the VAE.", min=1)] = None,
    steps: Annotated[int | None, typer.Option(help="Updates, for all others.", min=1)] = None,
    subject: Annotated[str | None, typer.Option(help="Whose faces, for yale-dcgan, such as yaleB22.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, as NAME=VALUE, such as latent_dim=16.")
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder that holds mnist/ and yale_b/; default $GEODREG_DATA or data/raw.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of models, the model gets one of its own in it.")] = Path(
        "data/models"
    ),
) -> None:
    """Train one of the book's models, and write its weights and its card."""
    try:
        others = dict(map(_setting, settings or []))
        folder = train(
            model, out, data_root, **{**others, "seed": seed, "epochs": epochs, "steps": steps, "subject": subject}
        )
    except (DataError, ModelError, ValueError) as error:
        _refuse(str(error))
    typer.echo(f"Written: {folder}")


@app.command("models", epilog="Example: geodreg models")
def models_command() -> None:
    """List the trained models, each file checked against its card."""
    try:
        for name in RECIPES:
            folder, card = model_folder(name), read_card(name)
            for file in card["files"]:
                model_path(name, file)
            typer.echo(f"{name}: {card['what']}; {folder}")
    except ModelError as error:
        _refuse(str(error))


@data.command("fetch", epilog="Example: geodreg data fetch yale --subject yaleB20 --root data/raw")
def fetch(
    name: Annotated[str, typer.Argument(help="mnist or yale")],
    root: Annotated[Path, typer.Option(help="The data root.", envvar="GEODREG_DATA")] = Path("data/raw"),
    subject: Annotated[str, typer.Option(help="Whose faces, for yale.")] = "yaleB22",
) -> None:
    """Download a data set into a data root and check its sums."""
    if name not in ("mnist", "yale"):
        _refuse(f"There is no data set {name!r} to fetch; choose mnist or yale.")
    try:
        typer.echo(f"Ready: {fetch_mnist(root) if name == 'mnist' else fetch_yale(root, subject)}")
    except DataError as error:
        _refuse(str(error))
    except (OSError, RuntimeError, ValueError) as error:
        _refuse(f"{name} could not be fetched: {error}")


def _setting(text: str) -> tuple[str, object]:
    """Name and value of ``NAME=VALUE``, the value read as YAML."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{text!r} is no setting; write NAME=VALUE, such as latent_dim=16.")
    return name.strip(), yaml.safe_load(value)


def _refuse(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
