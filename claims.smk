# `make claims` and `make train`: every training and every table of every model that a claim needs, each made once; a run that was
# stopped goes on where it was. Config: claim (a number; default all), pairs and seeds (fewer of them than the definitions have).
import sys
from functools import partial

from geodreg.paper.trial.definitions import read_definitions
from geodreg.paper.trial.parts import outdated, put_outdated_aside
from geodreg.paper.trial.plan import KEPT_MODELS, TRAINED_MODELS, Job, jobs, models_to_train, parts_folder

definitions, _ = read_definitions()
claim, pairs, seeds = (int(config[name]) if name in config else None for name in ("claim", "pairs", "seeds"))
PARTS = parts_folder(pairs)
JOBS = jobs(definitions, None if claim is None else definitions.claim(claim), seeds)

# Dates decide nothing here, since those of weights and definitions are those of a checkout; what a part was measured from does.
if aside := outdated((PARTS / job.file, partial(job.origin, definitions, pairs)) for job in JOBS):
    print(put_outdated_aside(aside, "make claims"), file=sys.stderr)


def weights(wildcards):
    job = Job(wildcards.table, wildcards.model, wildcards.label)
    return [] if job.model == "yale-faces" else [job.models(definitions) / job.model / "card.json"]


rule parts:
    input:
        [PARTS / job.file for job in JOBS],


rule kept:
    input:
        [job.models(definitions) / job.model / "card.json" for job in models_to_train(definitions)],


rule measure:
    input:
        weights,
    output:
        f"{PARTS}/{{table}}/{{model}}-{{label}}.csv",
    wildcard_constraints:
        model="|".join(definitions.sizes),
    params:
        size="" if pairs is None else f"--pairs {pairs}",
    threads: 1
    message:
        "Measuring {wildcards.table} on {wildcards.model}, {wildcards.label}"
    shell:
        "OMP_NUM_THREADS={threads} python -m geodreg.commands.trial_job measure"
        " {wildcards.table} {wildcards.model} {wildcards.label} {output} {params.size}"


rule keep:
    input:
        f"{TRAINED_MODELS}/{{label}}/{{model}}/card.json",
    output:
        f"{KEPT_MODELS}/{{label}}/{{model}}/card.json",
    message:
        "Keeping {wildcards.model}, {wildcards.label}"
    shell:
        "python -m geodreg.commands.trial_job keep {wildcards.model} {wildcards.label}"


rule train:
    output:
        f"{TRAINED_MODELS}/{{label}}/{{model}}/card.json",
    params:
        which=lambda wildcards: Job("", wildcards.model, wildcards.label).training(definitions),
    threads: 1
    priority: 1
    message:
        "Training {wildcards.model}, {wildcards.label}"
    shell:
        f"OMP_NUM_THREADS={{threads}} python -m geodreg train {{wildcards.model}} {{params.which}} --out {TRAINED_MODELS}/{{wildcards.label}}"
