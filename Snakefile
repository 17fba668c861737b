# The book: `make book` calls `snakemake`. What an executed notebook depends on is its source, the module, and the models
# and tables that its header names; the site depends on those notebooks, the prose, the configuration and the module's docstrings,
# and on the sweeps that `make book SWEEPS=...` names.
import re
import sys
from pathlib import Path

import yaml

from geodreg.book.execution import forget_changed
from geodreg.book.sweeps.chapters import summary_of
from geodreg.paper.speed.commits import disagreement
from geodreg.paper.speed.files import provenance
from geodreg.workspace.files import date_now, sum_file

MODULE = sorted(str(path) for pattern in ("*.py", "*.sha256") for path in Path("geodreg").rglob(pattern))
PROSE = sorted(str(path) for pattern in ("*.md", "*.yml", "*.bib", "_static/*", "_templates/*") for path in Path("book").glob(pattern))
VENDOR = sorted(str(path) for path in Path("vendor").rglob("*") if path.is_file())
WORDS = [f"book/_generated/{name}.md" for name in ("landing", "densities", "advice")]
OWN = Path("book/own-generator.md")
PICTURE = "book/_generated/own/paths.png"  # what the first block of that page makes
SWEEPS = [Path(word).name.removesuffix(".yaml") for word in str(config.get("sweeps", "")).split()]
TOC = yaml.safe_load(Path("book/_toc.yml").read_text(encoding="utf-8"))
PAGES = [
    Path(chapter["file"]).name
    for part in TOC["parts"]
    for chapter in part["chapters"]
    if chapter["file"].startswith("figures/")
]

# Were a source dated in the future, Snakemake would not accept what was made of it; were an output, it would pass for new.
TABLES = [path for name in ("models", "benchmarks", "trial", "trainings", "densities", "ensembles", "faces") for path in Path("data", name).rglob("*")]
SOURCES = [Path("_config.yml"), *map(Path, [*MODULE, *PROSE, *VENDOR]), *Path("notebooks").glob("*.md"), *TABLES]
MADE = [*(sum_file(Path(f"book/figures/{page}.ipynb")) for page in PAGES), *map(Path, [*WORDS, PICTURE, "_build/html/index.html"])]
date_now(SOURCES, MADE)

for page in PAGES:  # what was damaged or edited since its run is made again
    if found := forget_changed(Path(f"book/figures/{page}.ipynb")):
        print(found, file=sys.stderr)
if "speed" in PAGES and (said := disagreement(provenance()["commits"])):  # the page says it too
    print(said, file=sys.stderr)


def header(page):
    return next(yaml.safe_load_all(Path(f"notebooks/{page}.md").read_text(encoding="utf-8").split("\n---\n")[0]))


def files_of_models(names):
    return sorted(str(file) for name in names for file in Path("data/models", name).iterdir())


def models(wildcards):
    return files_of_models(header(wildcards.page).get("geodreg", {}).get("models", []))


def tables(wildcards):
    needed = header(wildcards.page).get("geodreg", {})
    folders = [Path("data", name) for name in ("benchmarks", "trial", "trainings", "densities", "ensembles", "faces") if needed.get(name, False)]
    return sorted(str(file) for folder in folders for file in folder.rglob("*") if file.is_file())


rule site:
    input:
        "_config.yml",
        PROSE,
        VENDOR,
        MODULE,
        WORDS,
        [PICTURE] if OWN.exists() else [],
        [str(summary_of(name)) for name in SWEEPS],
        sums=expand("book/figures/{page}.ipynb.sha256", page=PAGES),
    params:
        notebooks=expand("book/figures/{page}.ipynb", page=PAGES),
        sweeps=[f"--sweep {name}" for name in SWEEPS],
    output:
        "_build/html/index.html",
    message:
        "Building the site"
    shell:
        "python -m geodreg.book.provenance {params.notebooks:q} --out book/_generated/provenance.md"
        " && python -m geodreg.commands.sweep_job chapters --book book --toc _build/toc.yml {params.sweeps}"
        ' && python -c "from jupyter_book.cli.main import main; main()" build book --toc "$PWD/_build/toc.yml" --all -W -n --keep-going'


rule words:
    input:
        MODULE,
        [str(path) for name in ("trial", "densities") for path in Path("data", name).iterdir()],  # the first screen says what they say
    output:
        WORDS,
    message:
        "Writing what the first screen and the advice say"
    shell:
        "python -m geodreg.book.landing --out book/_generated"


rule own:
    input:
        MODULE,
        lambda _: files_of_models(set(re.findall(r'load_model\("([^"]+)"\)', OWN.read_text(encoding="utf-8")))),
        page=OWN,
    output:
        PICTURE,
    message:
        "Running the first block of {input.page}"
    shell:
        "OMP_NUM_THREADS=1 python -m geodreg.book.own_block {input.page:q} --out book/_generated/own"


rule page:
    input:
        MODULE,
        models,
        tables,
        source="notebooks/{page}.md",
    output:  # not the notebook: Snakemake removes an output before it is made again, and a page that fails would lose the earlier one
        "book/figures/{page}.ipynb.sha256",
    params:
        notebook="book/figures/{page}.ipynb",
    threads: 1
    message:
        "Executing {input.source}"
    shell:
        "OMP_NUM_THREADS={threads} python -m geodreg.book.execution {input.source:q} {params.notebook:q}"


use rule page as long_page with:    # the pages that take longest start first, and short ones fill what is left
    wildcard_constraints:
        page="algorithm1|claims|fig[234].*|judge|weight",
    priority: 1


use rule page as longest_page with:
    wildcard_constraints:
        page="fig4-lambert",
    priority: 2


ruleorder: longest_page > long_page > page


rule paired:
    input:
        "notebooks/{page}.md",
    output:  # without the mark Snakemake would remove what somebody has worked in, before it could be put aside
        update("notebooks/{page}.ipynb"),
    message:
        "Writing {output}"
    shell:
        "python -m geodreg.book.execution --pair {input:q} {output:q}"


rule notebooks:
    input:
        expand("notebooks/{page}.ipynb", page=PAGES),
