# `make densities`: every part of the comparisons of densities and metrics, each made once; a run that was stopped goes on where it was.
# Latents of real data and more decoders need the data sets, all else only the weights that are kept.
import sys
from functools import partial

from geodreg.paper.trial.parts import outdated, put_outdated_aside
from geodreg.paper.which_density.definitions import SHELVES, read_study
from geodreg.paper.which_density.plan import KEPT_DECODERS, TRAINED_DECODERS, Job, jobs, parts_folder

studies = {name: read_study(shelf) for name, shelf in SHELVES.items()}
study_of = {parts_folder(shelf).name: name for name, shelf in SHELVES.items()}
JOBS = [(job, study) for name, study in studies.items() for job in jobs(study, SHELVES[name])]

# Dates decide nothing here, since those of weights are those of a checkout; what a part was measured from does.
if aside := outdated((job.file, partial(job.origin, study)) for job, study in JOBS):
    print(put_outdated_aside(aside, "make densities"), file=sys.stderr)


def needed(wildcards):
    name = study_of[wildcards.definitions]
    job = Job(wildcards.part, wildcards.model, wildcards.label, SHELVES[name])
    codes, decoders = job.codes(studies[name]), job.decoders(studies[name])
    found = [job.models / job.model / "card.json", *([] if codes is None else [codes.file])]
    return found + ([] if decoders is None else [decoders / "mnist-vae-decoders" / "card.json"])


rule parts:
    input:
        [job.file for job, _ in JOBS],


rule measure:
    input:
        needed,
    output:
        "runs/densities/{definitions}/{part}/{model}-{label}.csv",
    wildcard_constraints:
        model="|".join(model for study in studies.values() for model in study.sizes),
        definitions="|".join(study_of),
    params:
        study=lambda wildcards: study_of[wildcards.definitions],
    threads: 1
    message:
        "Measuring {wildcards.part} on {wildcards.model}, {wildcards.label}"
    shell:
        "OMP_NUM_THREADS={threads} python -m geodreg.commands.densities_job measure"
        " {wildcards.part} {wildcards.model} {wildcards.label} --study {params.study}"


rule keep_decoders:
    input:
        f"{TRAINED_DECODERS}/{{label}}/mnist-vae-decoders/card.json",
    output:
        f"{KEPT_DECODERS}/{{label}}/mnist-vae-decoders/card.json",
    message:
        "Keeping decoders on the encoder of the VAE, {wildcards.label}"
    shell:
        f"python -m geodreg.commands.densities_job keep-decoders {{wildcards.label}} {KEPT_DECODERS}/{{wildcards.label}}"


rule train_decoders:
    output:
        f"{TRAINED_DECODERS}/{{label}}/mnist-vae-decoders/card.json",
    threads: 1
    message:
        "Training decoders on the encoder of the VAE, {wildcards.label}"
    shell:
        "OMP_NUM_THREADS={threads} python -m geodreg train mnist-vae-decoders --seed {wildcards.label}"
        f" --set of={{wildcards.label}} --out {TRAINED_DECODERS}/{{wildcards.label}}"
