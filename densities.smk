# `make densities`: every part of the comparison of densities and metrics, each made once; a run that was stopped goes on where it was.
# Latents of real data need the data sets, all else only the weights that are kept.
from geodreg.paper.which_density.definitions import read_study
from geodreg.paper.which_density.plan import Job, jobs, parts_folder

study = read_study()


def needed(wildcards):
    job = Job(wildcards.part, wildcards.model, wildcards.label)
    codes = job.codes(study)
    return [job.models / job.model / "card.json", *([] if codes is None else [codes.file])]


rule parts:
    input:
        [job.file for job in jobs(study)],


rule measure:
    input:
        needed,
    output:
        f"{parts_folder()}/{{part}}/{{model}}-{{label}}.csv",
    wildcard_constraints:
        model="|".join(study.sizes),
    threads: 1
    message:
        "Measuring {wildcards.part} on {wildcards.model}, {wildcards.label}"
    shell:
        "OMP_NUM_THREADS={threads} python -m geodreg.commands.densities_job measure {wildcards.part} {wildcards.model} {wildcards.label}"
