"""The commands behind ``make densities``: a part of a model measured, all put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geodreg.commands.command_group import PlainGroup
from geodreg.models.store import read_card
from geodreg.paper.shelf import ShelfError
from geodreg.paper.which_density.definitions import SHELF, read_study
from geodreg.paper.which_density.plan import CODES, Job, jobs
from geodreg.workspace.files import has_its_sum, write_sum, write_whole

app = typer.Typer(
    cls=PlainGroup, no_args_is_help=True, add_completion=False, help="The commands behind `make densities`."
)

OUT = Path("data/densities")


@app.command("measure")
def measure_command(part: str, model: str, label: str) -> None:
    """Measure one part of one model, and write it with its sum beside it."""
    import pandas as pd

    from geodreg.models.zoo import load_model
    from geodreg.paper.which_density.candidates import Contest
    from geodreg.paper.which_density.codes import codes_table
    from geodreg.paper.which_density.measure import measured

    study, job = read_study(), Job(part, model, label)
    trained = load_model(model, job.models)
    if part == CODES:
        rows = codes_table(trained, study.codes)
        rows.insert(0, "seed", label)
        rows.insert(0, "model", model)
    else:
        needed = job.codes(study)
        codes = None if needed is None else pd.read_csv(needed.file, dtype={"seed": str})
        contest = Contest(trained, study, study.sizes[model].pairs, codes)
        rows = measured(contest, label, job.candidate(study))
    job.file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(job.file, rows.to_csv(index=False, float_format="%.6g").encode())
    write_sum(job.file)


@app.command("collect")
def collect_command(
    partly: Annotated[bool, typer.Option("--partly", help="Leave out models that are not measured whole.")] = False,
) -> None:
    """Put the parts that were measured together, and print what they say."""
    import pandas as pd

    study = read_study()
    wanted = jobs(study)
    missing = sorted({job.model for job in wanted if partly and not job.file.exists()})
    rows: dict[str, list[pd.DataFrame]] = {"paths": [], "codes": []}
    sums = {}
    for job in wanted:
        if job.model in missing:
            continue
        if not has_its_sum(job.file):
            raise ShelfError(
                f"{job.file} is not what its measurement wrote; remove it and call `make densities` again."
            )
        rows["codes" if job.part == CODES else "paths"].append(pd.read_csv(job.file, dtype={"seed": str}))
        sums[f"{job.model} {job.label}"] = read_card(job.model, job.models)["files"]["weights.safetensors"]
    tables = {name: pd.concat(found, ignore_index=True) for name, found in rows.items()}
    command = "python -m geodreg.commands.densities_job collect --partly" if missing else SHELF.command
    SHELF.write(tables, OUT, command, sums, missing)
    if missing:
        typer.echo("Not measured yet: " + ", ".join(missing))
    typer.echo(f"Written: {OUT}")


if __name__ == "__main__":
    app()
