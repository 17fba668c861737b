"""``geodreg interpolate``: one pair of one of the book's models, as a strip of images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geodreg.commands.command_group import starting_with
from geodreg.commands.pictures import check_picture, read_picture
from geodreg.errors import PlainError
from geodreg.models.store import WEIGHTS, model_path, read_card
from geodreg.paper.labels import NAMES
from geodreg.paper.wording import percent
from geodreg.training.names import MODELS
from geodreg.workspace.devices import find_device
from geodreg.workspace.files import write_whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from geodreg.geometry.manifold import LatentManifold
    from geodreg.models.zoo import TrainedModel

__all__ = ["interpolate_command"]

FORMATS = (".png", ".svg", ".pdf")
IMAGELESS = {
    "CircleGenerator": "makes points of the plane, not images",
    "Judge": "is a judge, not a generator",
    "NeighbourJudge": "is a judge, not a generator",
}


class InterpolationError(PlainError):
    """An interpolation that cannot be made as asked."""


def interpolate_command(
    model: Annotated[
        str,
        typer.Option(
            help="One of the trained models; `geodreg models` lists them.",
            autocompletion=starting_with(lambda: MODELS),
        ),
    ],
    out: Annotated[Path, typer.Option(help="The picture: .png, .svg or .pdf.")],
    pair: Annotated[int | None, typer.Option(help="Number of a pair of the model's figure, from 1.", min=1)] = None,
    first: Annotated[Path | None, typer.Option("--from", help="Picture of the start.", exists=True)] = None,
    last: Annotated[Path | None, typer.Option("--to", help="Picture of the end.", exists=True)] = None,
    mu: Annotated[float, typer.Option(help="Weight of the density.", min=0.0)] = 0.1,
    noise: Annotated[float, typer.Option(help="Standard deviation of the density's noise.", min=0.0)] = 0.0,
    n_points: Annotated[int, typer.Option("--points", help="Points of a path.", min=3, max=10_000)] = 35,
    n_images: Annotated[int, typer.Option("--images", help="Images of a strip.", min=2, max=100)] = 12,
    slerp: Annotated[bool, typer.Option("--slerp", help="Also draw spherical interpolation in latent space.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the pairs, and of the search for a picture's latents.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:NUMBER.")] = "cpu",
    table: Annotated[
        Path | None, typer.Option(help="Also write 100 points of each path, evenly spaced by length, as CSV.")
    ] = None,
) -> None:
    """Draw the paths between two images: strips, lengths, and the NLL on the way."""
    if out.suffix not in FORMATS:
        raise InterpolationError(f"--out is {out}; give it a name that ends with one of {', '.join(FORMATS)}.")
    if (pair is None) == (first is None and last is None) or (first is None) != (last is None):
        raise InterpolationError("Say what to interpolate between: --pair NUMBER, or --from PICTURE --to PICTURE.")
    check_model(model)
    for picture in (first, last):
        if picture is not None:
            check_picture(picture)
    place = find_device(device)
    for file in (out, table):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
    # These import torch, which takes seconds: what is refused is refused before.
    from geodreg.geometry.manifold import LatentManifold
    from geodreg.models.zoo import load_model
    from geodreg.paper.comparison import compare, tabulate_paths
    from geodreg.paper.endpoints import choose_endpoints

    trained = load_model(model)
    manifold = LatentManifold(trained.generator.to(place), noise=noise)
    if first is not None and last is not None:
        start, end = ends_from_pictures(trained, manifold, [first, last], seed)
    else:
        start, end = (z[-1:].to(place) for z in choose_endpoints(trained, int(pair or 1), seed))
    paths = compare(manifold, start, end, with_slerp=slerp, mu=mu, n_points=n_points)
    for method, path in paths.items():
        typer.echo(f"{NAMES[method]}: {path.report()}")
    _draw(paths, out, n_images, "gray_r" if model.startswith("mnist") else "gray")
    typer.echo(f"Written: {out}")
    if table is not None:
        write_whole(table, tabulate_paths(paths).to_csv(index=False).encode())
        typer.echo(f"Written: {table}")


def check_model(name: str) -> None:
    """Refuse a model that is not there, is damaged or makes no images.

    Raises:
        geodreg.models.ModelError: if it is not found, or damaged.
        InterpolationError: if no strip of images can be drawn of what it makes.
    """
    kind = read_card(name)["architecture"]["kind"]
    model_path(name, WEIGHTS)
    if kind in IMAGELESS:
        raise InterpolationError(f"{name} {IMAGELESS[kind]}; choose a model of digits or faces.")


def ends_from_pictures(
    model: TrainedModel, manifold: LatentManifold, pictures: list[Path], seed: int
) -> tuple[Tensor, Tensor]:
    """Latents whose images are nearest to two pictures, ``(1, d)`` each; says how near that is."""
    import torch

    from geodreg.interpolation.invert import invert

    with torch.no_grad():
        shape = manifold.generate(torch.zeros(1, model.latent_dim, device=_device(manifold))).shape[1:]
    x = torch.stack([read_picture(path, (shape[0], shape[1]), model.name.startswith("mnist")) for path in pictures])
    found = invert(manifold, x.to(_device(manifold)), model.latent_dim, seed=seed)
    for path, residual, own in zip(pictures, found.residual, x, strict=True):
        share = residual.item() / max(own.norm().item(), 1e-12)
        typer.echo(f"{path}: the nearest image of {model.name} differs by {percent(share)} of the picture's norm.")
    return found.z[:1], found.z[1:]


def _device(manifold: LatentManifold) -> torch.device:
    return next(manifold.generator.parameters()).device  # type: ignore[attr-defined]


def _draw(paths: dict, out: Path, n_images: int, cmap: str) -> None:  # type: ignore[type-arg]
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from geodreg import plotting

    plotting.use_house_style()
    figure = plotting.plot_interpolations(paths, [0], n_images, cmap)
    content = io.BytesIO()
    figure.savefig(content, format=out.suffix[1:], dpi=150)
    plt.close(figure)
    write_whole(out, content.getvalue())
