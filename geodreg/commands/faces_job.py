"""The command that makes the table of the faces, ``python -m geodreg.commands.faces_job``.

The table is written after every pair with what is known by then: a run that is stopped leaves a whole one, with fewer
pairs of regularised paths.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from geodreg.commands.command_group import PlainGroup

__all__ = ["app"]

app = typer.Typer(cls=PlainGroup, add_completion=False)


@app.command()
def faces_command(
    out: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("data/faces"),
    regularised: Annotated[int, typer.Option(help="Pairs that are solved with the density.", min=0)] = 4,
    threads: Annotated[int | None, typer.Option(help="Threads of PyTorch; default its own.", min=1)] = None,
) -> None:
    """Decide noise and weight by their rules, solve the pairs of faces, and write the table to OUT."""
    import pandas as pd
    import torch

    from geodreg.geometry.manifold import LatentManifold
    from geodreg.models.face_dcgan import WEIGHTS, face_dcgan_folder, load_face_dcgan
    from geodreg.paper.faces.store import write_faces
    from geodreg.paper.faces.study import GREY_LEVEL, STUDY
    from geodreg.paper.noise import choose_noise, smallest_stretch
    from geodreg.paper.weight import choose_weight
    from geodreg.workspace.files import sha256_of
    from geodreg.workspace.revision import revision

    if threads is not None:
        torch.set_num_threads(threads)
    commit = revision()  # before the table that is written here makes the checkout look changed
    generator = load_face_dcgan()
    start, end = STUDY.rule_pairs(generator.latent_dim)
    stretch = smallest_stretch(LatentManifold(generator), torch.cat([start, end]))
    manifold = LatentManifold(generator, noise=choose_noise(stretch, GREY_LEVEL))
    typer.echo(f"Least stretch {stretch:.3g} data units per unit of latent: noise {manifold.noise:g}.")
    weights = STUDY.weights(manifold, start, end)
    mu = choose_weight(weights, STUDY.share)
    typer.echo(f"{weights.to_string(index=False)}\nWeight {mu:g}.")

    start, end = STUDY.pairs(generator.latent_dim)
    pairs = [STUDY.plain_paths(manifold, start[[i]], end[[i]]) for i in range(STUDY.n_pairs)]
    tables = [STUDY.measured(paths).assign(pair=i) for i, paths in enumerate(pairs)]
    decided = {"noise": manifold.noise, "mu": mu, "smallest_stretch": stretch}
    made_by = {"commit": commit, "settings": asdict(STUDY), "weights": sha256_of(face_dcgan_folder() / WEIGHTS)}
    for i in range(-1, min(regularised, STUDY.n_pairs)):
        if i >= 0:
            pairs[i]["geodreg"] = STUDY.regularised_paths(pairs[i]["geodesic"], mu)
            tables.append(STUDY.measured({"geodreg": pairs[i]["geodreg"]}).assign(pair=i))
        numbers = pd.concat(tables, ignore_index=True)
        found = {method: [paths[method].z for paths in pairs if method in paths] for method in pairs[0]}
        write_faces(out, {method: torch.cat(z) for method, z in found.items()}, numbers, weights, decided, made_by)
        typer.echo(tables[-1].to_string(index=False))
    typer.echo(f"Written: {out}")


if __name__ == "__main__":
    app()
