"""``geodreg info``: what is there, and whether it is whole."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

import geodreg
from geodreg.datasets.root import DataError, data_root, find_data_root
from geodreg.models.store import ModelError, model_folder, model_path, read_card
from geodreg.training.names import MODELS
from geodreg.workspace.revision import revision

__all__ = ["info_command", "models_state", "verify_data"]

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "matplotlib", "papermill", "snakemake", "jupyter-book")


def info_command() -> None:
    """Show versions, devices, data and weights, each file checked against its checksum."""
    import torch

    typer.echo(f"geodreg {geodreg.__version__} ({revision()}), Python {platform.python_version()}, {platform.system()}")
    typer.echo(", ".join(f"{package} {_version(package)}" for package in PACKAGES))
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    typer.echo(f"Devices: cpu with {torch.get_num_threads()} threads" + "".join(f", {name}" for name in gpus))
    whole = True
    for line, good in (*models_state(), *verify_data()):
        whole = whole and good
        typer.echo(line)
    if not whole:
        raise typer.Exit(1)


def models_state() -> list[tuple[str, bool]]:
    """A line for each model, and whether it is whole."""
    lines = []
    for name in MODELS:
        try:
            folder, card = model_folder(name), read_card(name)
            for file in card["files"]:
                model_path(name, file)
        except ModelError as error:
            lines.append((f"{name}: {error}", False))
        else:
            lines.append((f"{name}: {card['what']}; {folder}, {len(card['files'])} files with the right sums", True))
    return lines


def verify_data(named: Path | None = None) -> list[tuple[str, bool]]:
    """A line for each data set that is there, and whether it is whole; one that is not there is no fault.

    Args:
        named: the data root; default as the pages find it.

    Raises:
        geodreg.datasets.DataError: if the root that is named is no folder.
    """
    root = data_root(named) if named else find_data_root()
    if root is None:
        return [("Data root: none (GEODREG_DATA is not set and there is no data/raw); no page needs one", True)]
    from geodreg.datasets import verify_mnist, verify_yale

    lines = [(f"Data root: {root}", True)]
    for name, verify in (("MNIST", verify_mnist), ("Extended Yale B", verify_yale)):
        try:
            number = verify(root)
        except DataError as error:
            lines.append((f"{name}: {error}", False))
        else:
            lines.append((f"{name}: {f'{number} files with the right sums' if number else 'not there'}", True))
    return lines


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
