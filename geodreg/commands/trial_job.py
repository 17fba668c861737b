"""The commands behind ``make train`` and ``make claims``: weights kept, a table of a model, all put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geodreg.commands.command_group import PlainGroup
from geodreg.models.store import read_card
from geodreg.paper.shelf import ShelfError
from geodreg.paper.trial.definitions import TRIAL, read_definitions
from geodreg.paper.trial.plan import KEPT_MODELS, TRAINED_MODELS, Job, jobs, limited, out_folder, parts_folder
from geodreg.workspace.files import has_its_sum, write_sum, write_whole

app = typer.Typer(cls=PlainGroup, no_args_is_help=True, add_completion=False, help="The commands behind `make claims`.")

Pairs = Annotated[int | None, typer.Option(help="Pairs of each model, at most.", min=1)]
Seeds = Annotated[int | None, typer.Option(help="Training seeds or persons of each model, at most.", min=1)]
IMAGES = "yale-faces"


@app.command("keep")
def keep_command(model: str, label: str) -> None:
    """Keep the weights of a training in half precision."""
    from geodreg.paper.trial.kept import keep_half

    typer.echo(f"Written: {keep_half(model, TRAINED_MODELS / label, KEPT_MODELS / label)}")


@app.command("measure")
def measure_command(table: str, model: str, label: str, out: Path, pairs: Pairs = None) -> None:
    """Measure one table of one model, and write it to OUT, with its sum beside it."""
    from geodreg.models.zoo import load_model
    from geodreg.paper.trial.measures import measure
    from geodreg.paper.trial.subject import Subject

    definitions, _ = read_definitions()
    size = limited(definitions.sizes[model], pairs, None)
    job = Job(table, model, label)
    trained = None if model == IMAGES else load_model(model, job.models(definitions))
    settings = job.settings(definitions.settings)
    rows = measure(table, Subject(model, trained, label, size.pairs, size.samples, settings))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, rows.to_csv(index=False).encode())
    write_sum(out)


@app.command("collect")
def collect_command(
    claim: Annotated[int | None, typer.Option(help="Number of a claim; default all of them.")] = None,
    pairs: Pairs = None,
    seeds: Seeds = None,
    partly: Annotated[bool, typer.Option("--partly", help="Leave out models that are not measured whole.")] = False,
) -> None:
    """Put the tables that were measured together, and print what they say."""
    import pandas as pd

    from geodreg.paper.trial.presentation import told

    definitions, _ = read_definitions()
    chosen = None if claim is None else definitions.claim(claim)
    tables: dict[str, list[pd.DataFrame]] = {}
    sums = {}
    wanted = jobs(definitions, chosen, seeds)
    missing = {(job.table, job.model) for job in wanted if partly and not (parts_folder(pairs) / job.file).exists()}
    for job in wanted:
        if (job.table, job.model) in missing:
            continue
        file = parts_folder(pairs) / job.file
        if not has_its_sum(file):
            raise ShelfError(f"{file} is not what its measurement wrote; remove it and call `make claims` again.")
        tables.setdefault(job.table, []).append(pd.read_csv(file, dtype={"seed": str}))
        if job.model != IMAGES:
            sums[f"{job.model} {job.label}"] = read_card(job.model, job.models(definitions))["files"][
                "weights.safetensors"
            ]
    joined = {name: pd.concat(found, ignore_index=True) for name, found in tables.items()}
    options = {"CLAIM": claim, "PAIRS": pairs, "SEEDS": seeds}
    command = " ".join(["make claims", *(f"{name}={value}" for name, value in options.items() if value is not None)])
    command = "python -m geodreg.commands.trial_job collect --partly" if missing else command
    out = out_folder(claim, pairs, seeds)
    TRIAL.write(joined, out, command, sums, [f"{table} of {model}" for table, model in sorted(missing)])
    typer.echo(told(definitions, joined, chosen))
    if missing:
        typer.echo("\nNot measured yet: " + ", ".join(f"{table} of {model}" for table, model in sorted(missing)))
    typer.echo(f"\nWritten: {out}")


if __name__ == "__main__":
    app()
