"""The commands behind ``make train`` and ``make claims``: weights kept, a table of a model, all put together."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from geodreg.commands.command_group import PlainGroup
from geodreg.models.store import WEIGHTS
from geodreg.paper.shelf import measured_now
from geodreg.paper.trial.definitions import TRIAL, read_definitions
from geodreg.paper.trial.parts import read_record, said_of_sources, write_part
from geodreg.paper.trial.plan import KEPT_MODELS, TRAINED_MODELS, Job, jobs, limited, out_folder, parts_folder

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
    """Measure one table of one model, and write it to OUT, with its record and its sum beside it."""
    from geodreg.models.zoo import load_model
    from geodreg.paper.trial.measures import measure
    from geodreg.paper.trial.subject import Subject

    definitions, _ = read_definitions()
    size = limited(definitions.sizes[model], pairs, None)
    job = Job(table, model, label)
    origin, measured_with = job.origin(definitions, pairs), measured_now()  # before, since measuring takes its time
    trained = None if model == IMAGES else load_model(model, job.models(definitions))
    settings = job.settings(definitions.settings)
    rows = measure(table, Subject(model, trained, label, size.pairs, size.samples, settings))
    write_part(out, rows.to_csv(index=False).encode(), origin, measured_with)


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
    measured_with: list[dict[str, Any]] = []
    wanted = jobs(definitions, chosen, seeds)
    missing = {(job.table, job.model) for job in wanted if partly and not (parts_folder(pairs) / job.file).exists()}
    for job in wanted:
        if (job.table, job.model) in missing:
            continue
        file = parts_folder(pairs) / job.file
        record = read_record(file, partial(job.origin, definitions, pairs), TRIAL.command)
        measured_with.append(record["measured"])
        tables.setdefault(job.table, []).append(pd.read_csv(file, dtype={"seed": str}))
        if job.model != IMAGES:
            sums[f"{job.model} {job.label}"] = record["models"][job.model][WEIGHTS]
    joined = {name: pd.concat(found, ignore_index=True) for name, found in tables.items()}
    options = {"CLAIM": claim, "PAIRS": pairs, "SEEDS": seeds}
    command = " ".join(["make claims", *(f"{name}={value}" for name, value in options.items() if value is not None)])
    command = "python -m geodreg.commands.trial_job collect --partly" if missing else command
    out = out_folder(claim, pairs, seeds)
    still = [f"{table} of {model}" for table, model in sorted(missing)]
    TRIAL.write(joined, out, command, sums, measured_with, still)
    typer.echo(told(definitions, joined, chosen))
    if missing:
        typer.echo("\nNot measured yet: " + ", ".join(still))
    if other := said_of_sources(measured_with, parts_folder(pairs), TRIAL.command):
        typer.echo(f"\n{other}")
    typer.echo(f"\nWritten: {out}")


if __name__ == "__main__":
    app()
