# `make sweep SWEEP=name`: every run of sweeps/name.yaml through papermill, each into a folder of its own. What a run depends on is
# what it is asked for, the page, the module, and the models and tables that the page's header names. `geodreg sweep` writes what each
# run is asked for before it calls this; each job of a cluster reads this file again, while others are at work, so that nothing here
# may change a file. Config: sweep; dry_run, if nothing was written before.
import sys
from pathlib import Path

from geodreg.book.sweeps.definition import read_sweep
from geodreg.book.sweeps.sources import sources_of

SWEEP = read_sweep(Path(config["sweep"]).name.removesuffix(".yaml"))  # the name alone may be a number to Snakemake
SLUGS = [run.slug for run in SWEEP.runs()]
FOLDER = SWEEP.folder


def parameters(wildcards):
    file = Path(FOLDER, wildcards.slug, "parameters.json")
    return [] if config.get("dry_run") and not file.is_file() else [str(file)]


rule runs:
    input:
        expand(f"{FOLDER}/{{slug}}/results.csv.sha256", slug=SLUGS),


rule run:
    input:
        [str(path) for path in sources_of(SWEEP)],
        parameters=parameters,
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
