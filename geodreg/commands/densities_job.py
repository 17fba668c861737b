"""The commands behind ``make densities``: a part of a model measured, all put together."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from geodreg.commands.command_group import PlainGroup
from geodreg.models.store import WEIGHTS
from geodreg.paper.shelf import measured_now
from geodreg.paper.trial.parts import read_record, said_of_sources, write_part
from geodreg.paper.which_density.definitions import SHELF, SHELVES, read_study
from geodreg.paper.which_density.plan import CODES, DECODERS, TRAINED_DECODERS, Job, jobs, parts_folder

app = typer.Typer(
    cls=PlainGroup, no_args_is_help=True, add_completion=False, help="The commands behind `make densities`."
)


Which = Annotated[str, typer.Option("--study", help="Which comparison.")]


@app.command("keep-decoders")
def keep_decoders_command(label: str, folder: Path) -> None:
    """Keep the decoders of a training in FOLDER, in half precision."""
    from geodreg.paper.trial.kept import keep_half

    typer.echo(f"Written: {keep_half(DECODERS, TRAINED_DECODERS / label, folder)}")


@app.command("measure")
def measure_command(part: str, model: str, label: str, which: Which = SHELF.name) -> None:
    """Measure one part of one model, and write it with its record and its sum beside it."""
    import pandas as pd

    from geodreg.models.zoo import load_decoders, load_model
    from geodreg.paper.which_density.candidates import Contest
    from geodreg.paper.which_density.codes import codes_table
    from geodreg.paper.which_density.measure import measured

    shelf = SHELVES[which]
    study, job = read_study(shelf), Job(part, model, label, shelf)
    origin, measured_with = job.origin(study), measured_now()  # before, since measuring takes its time
    trained = load_model(model, job.models)
    if part == CODES:
        rows = codes_table(trained, study.codes)
        rows.insert(0, "seed", label)
        rows.insert(0, "model", model)
    else:
        needed = job.codes(study)
        codes = None if needed is None else pd.read_csv(needed.file, dtype={"seed": str})
        more = job.decoders(study)
        decoders = None if more is None else load_decoders(more)
        contest = Contest(trained, study, study.sizes[model].pairs, codes, decoders)
        rows = measured(contest, label, job.candidate(study))
    write_part(job.file, rows.to_csv(index=False, float_format="%.6g").encode(), origin, measured_with)


@app.command("collect")
def collect_command(
    partly: Annotated[bool, typer.Option("--partly", help="Leave out models that are not measured whole.")] = False,
    which: Which = SHELF.name,
) -> None:
    """Put the parts that were measured together, and print what they say."""
    import pandas as pd

    shelf = SHELVES[which]
    study = read_study(shelf)
    wanted = jobs(study, shelf)
    missing = sorted({job.model for job in wanted if partly and not job.file.exists()})
    rows: dict[str, list[pd.DataFrame]] = {"paths": [], "codes": []}
    sums = {}
    measured_with: list[dict[str, Any]] = []
    for job in wanted:
        if job.model in missing:
            continue
        record = read_record(job.file, partial(job.origin, study), shelf.command)
        measured_with.append(record["measured"])
        rows["codes" if job.part == CODES else "paths"].append(pd.read_csv(job.file, dtype={"seed": str}))
        for name in (job.model, DECODERS):
            if name in record["models"]:
                sums[f"{name} {job.label}"] = record["models"][name][WEIGHTS]
    tables = {name: pd.concat(found, ignore_index=True) for name, found in rows.items() if found}
    command = "python -m geodreg.commands.densities_job collect --partly" if missing else shelf.command
    out = Path("data", shelf.name)
    shelf.write(tables, out, command, sums, measured_with, missing)
    if missing:
        typer.echo("Not measured yet: " + ", ".join(missing))
    if other := said_of_sources(measured_with, parts_folder(shelf), shelf.command):
        typer.echo(other)
    typer.echo(f"Written: {out}")


if __name__ == "__main__":
    app()
