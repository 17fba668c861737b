# `make sweep SWEEP=name`: every run of sweeps/name.yaml through papermill, each into a folder of its own. What a run depends on is
# its parameters, the page, the module, and the models and tables that the page's header names. `geodreg sweep` writes the
# files of parameters before it calls this; each job of a cluster reads this file again, while others are at work.
import sys
from pathlib import Path

import yaml

from geodreg.book.sweeps.definition import read_sweep
from geodreg.workspace.files import date_now

SWEEP = read_sweep(Path(config["sweep"]).name.removesuffix(".yaml"))  # the name alone may be a number to Snakemake
SLUGS = [run.slug for run in SWEEP.runs()]
FOLDER = SWEEP.folder
MODULE = sorted(str(path) for pattern in ("*.py", "*.sha256") for path in Path("geodreg").rglob(pattern))


def needed():
    header = next(yaml.safe_load_all(SWEEP.source.read_text(encoding="utf-8").split("\n---\n")[0])).get("geodreg", {})
    models = [file for name in header.get("models", []) for file in Path("data/models", name).iterdir()]
    names = [name for name in ("benchmarks", "trial", "trainings", "densities", "faces") if header.get(name)]
    tables = [file for name in names for file in Path("data", name).rglob("*") if file.is_file()]
    return sorted(map(str, [*models, *tables]))


# Were a source dated in the future, Snakemake would not accept what was made of it; were an output, it would pass for new.
date_now(
    [*map(Path, [*MODULE, *needed()]), SWEEP.source, *(Path(FOLDER, slug, "parameters.json") for slug in SLUGS)],
    [Path(FOLDER, slug, "results.csv.sha256") for slug in SLUGS],
)


rule runs:
    input:
        expand(f"{FOLDER}/{{slug}}/results.csv.sha256", slug=SLUGS),


rule run:
    input:
        MODULE,
        needed(),
        source=str(SWEEP.source),
        parameters=f"{FOLDER}/{{slug}}/parameters.json",
    output:  # not the notebook and the table themselves, which a rerun that fails would lose
        f"{FOLDER}/{{slug}}/results.csv.sha256",
    wildcard_constraints:
        slug="[^/]+",
    threads: SWEEP.resources.threads
    resources:
        runtime=SWEEP.resources.minutes,
        mem_mb=SWEEP.resources.memory_mb,
        **({"gpu": SWEEP.resources.gpus} if SWEEP.resources.gpus else {}),
    message:
        f"Running {SWEEP.name}: {{wildcards.slug}}"
    shell:
        "OMP_NUM_THREADS={threads} {sys.executable:q} -m geodreg.commands.sweep_job run {SWEEP.name} {wildcards.slug:q}"
