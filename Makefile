# make book       set up .venv if needed, execute the notebooks that need it, build the site; SWEEPS="mu seed" adds sweeps that were run
# make test       lint, then types, direction of imports, doctests and tests, in the same environment
# make quick      the tests that are not marked slow, for a first answer within a minute and a half
# make notebooks  write notebooks/*.ipynb beside the text sources, for plain papermill
# make lab        open them in JupyterLab
# make serve      serve the built site at http://127.0.0.1:8000
# make pdf        print the whole book into _build/pdf, with the system's Chromium
# make export     commit the pages as .ipynb to the branch that launch links open; BRANCH=notebooks
# make bench      measure speed against other libraries, in an environment of its own, into data/benchmarks; DEVICE=cuda on a graphics card
# make claims     rerun what the verdict rests on: CLAIM=6 PAIRS=2 SEEDS=1 for one claim at that size; all of it takes about two hours
# make densities  measure every candidate of the page "Which density?" again, from the weights that are kept, and what several decoders make
# make train      train every model of the verdict, from the data sets; what is there already is not trained again
# make sweep      rerun a page with many values: SWEEP=mu, see sweeps/; what is there already is not run again
# make audit      look the packages of requirements.txt up among the known vulnerabilities
# make lock       compile requirements.txt and requirements-bench.txt (needs uv)

# What a path may not have: the search path of programs is divided at colons, lines end at line breaks, and Sphinx takes the
# letters of patterns for patterns. Everything else is fine, spaces, quotes and letters of any language among it.
define NEWLINE


endef
FORBIDDEN := $(foreach letter,: * ? [ ],$(findstring $(letter),$(CURDIR)))
ifneq ($(strip $(FORBIDDEN))$(findstring $(NEWLINE),$(CURDIR)),)
  $(error The path of this folder may have no colon, line break, *, ?, [ or ]; move or rename the folder, and call make again: $(subst $(NEWLINE),(line break),$(CURDIR)))
endif

PYTHON ?= python3
CORES  ?= $(shell env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc 2>/dev/null || sysctl -n hw.ncpu)
# In a container, what that may take.
MEMORY_MB ?= $(shell { awk '/^MemTotal/ {printf "%.0f\n", $$2 * 1024}' /proc/meminfo 2>/dev/null || sysctl -n hw.memsize; \
  cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; } \
  | awk '/^[0-9]/ && (!least || $$1 < least) {least = $$1} END {print int(least / 1048576)}')
VENV   := .venv
READY  := $(VENV)/.ready
# Where the environment was made, which its scripts name; after a move or a copy, with the checkout, they are mended.
MADE_IN := $(VENV)/.made-in
MOVED  := $(shell if [ -f $(READY) ] && [ "$$(cat $(MADE_IN) 2>/dev/null)" != "$$(cd ./$(VENV) && pwd -P)" ]; then echo moved; fi)
BENCH  := .venv-bench
BENCH_READY := $(BENCH)/.ready

# glibc would give large blocks back at every free, and have them zeroed at the next use: a quarter of a page's time.
export MALLOC_MMAP_THRESHOLD_ := 1073741824
export MALLOC_TRIM_THRESHOLD_ := 2147483648

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# This folder's module, wherever the folder was when it was installed, and no packages of other environments; text as UTF-8 in
# every locale. Programs are called as modules, since the first line of a script cannot hold every path.
export PYTHONPATH := $(CURDIR)
export PYTHONUTF8 := 1
unexport PYTHONHOME

# Compiled modules are kept, whatever an image of a container says: pages and tests start Python hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

# One at a time in a checkout, which a process that was killed does not block, as Snakemake's own locks would be.
SNAKEMAKE = python -m geodreg.workspace.locks _build "a build" python -m snakemake --quiet host reason --nolock --rerun-incomplete --cores $(CORES)

# A mark that is newer than what it depends on, even if that is dated in the future, as after a clock was set back.
finished = touch $(1); for file in $(2); do if [ "$$file" -nt $(1) ]; then touch -r "$$file" $(1); fi; done

# A thread a process. All tests are dealt out one by one, the slow ones first, so that no process ends long before another. Slow tests
# wait for what they start: half as many processes again as cores have the cores at work. A process takes up to 2.2 GB with what it
# starts, so there are no more of them than the memory holds at 2,500 MB each.
PYTEST = OMP_NUM_THREADS=1 python -m pytest -n $(call fitting,$(1))
fitting = $(shell most=$$(($(MEMORY_MB) / 2500)); wanted=$$(($(1))); if [ $$wanted -gt $$most ]; then wanted=$$most; fi; \
  if [ $$wanted -lt 1 ]; then wanted=1; fi; echo $$wanted)

.PHONY: book pdf export test quick bench claims train densities sweep audit notebooks lab serve lock clean moved

book: $(READY)
	$(SNAKEMAKE) site $(if $(SWEEPS),--config 'sweeps=$(patsubst %,sweeps/%.yaml,$(SWEEPS))')
	@printf 'The book is built: %s/_build/html/index.html\n' "$$PWD"

# The single page is built beside the site, from what the site was built of, and printed.
pdf: book
	python -c "from jupyter_book.cli.main import main; main()" build book --toc "$$PWD/_build/toc.yml" --builder singlehtml \
	  -W -n --keep-going
	python -m geodreg.book.pdf _build/singlehtml/intro.html _build/pdf/geodesics-around-holes.pdf

# This commit with the pages as notebooks in figures/, where the links of the theme look for them, as a commit of its own: neither
# the checkout nor its index is touched.
export: BRANCH := $(or $(BRANCH),notebooks)
export: book
	@if [ "$$(git branch --show-current)" = '$(BRANCH)' ]; then \
	  echo 'BRANCH=$(BRANCH) is checked out here; name a branch that is made of exported notebooks alone.' >&2; exit 1; fi
	rm -f _build/export.index
	set -e; export GIT_INDEX_FILE="$$PWD/_build/export.index"; git read-tree HEAD; \
	for page in _build/notebooks/figures/*.ipynb; do \
	  git update-index --add --cacheinfo "100644,$$(git hash-object -w "$$page"),figures/$${page##*/}"; done; \
	tree=$$(git write-tree); \
	git update-ref 'refs/heads/$(BRANCH)' "$$(git commit-tree "$$tree" -p HEAD -m "The pages of $$(git rev-parse --short HEAD) as notebooks")"
	@echo 'The branch $(BRANCH) has the pages as notebooks; push it where launch links look for it.'

test: $(READY)
	python -m ruff check .
	python -m ruff format --check .
	$(call PYTEST,($(CORES) * 3 + 1) / 2) --maxschedchunk 1

quick: $(READY)
	$(call PYTEST,$(CORES)) -m "not slow"

# The same threads for everybody. SciPy's own BLAS gets one, or its threads and PyTorch's fight and SciPy loses most.
# BENCH_SIZE=small only shows that all of it runs; BENCH_OUT names another folder for the tables. Those of one run are of one commit:
# they are measured into _build, and put into their folder together when all are there. DEVICE=cuda measures on a graphics card, into
# runs/benchmarks-cuda, so that those of the processor stay; GEODREG_BENCHMARKS="$PWD/runs/benchmarks-cuda" shows them on the page.
# BENCH_SIZE=card BENCH_OUT=data/benchmarks/card measures there what the page compares with the processor.
bench: TABLES := $(or $(BENCH_OUT),$(if $(filter-out cpu,$(DEVICE)),runs/benchmarks-$(subst :,-,$(DEVICE)),data/benchmarks))
bench: export DEVICE := $(DEVICE)
bench: override export BENCH_OUT := _build/benchmarks
bench: export OPENBLAS_NUM_THREADS := 1
bench: export GEOMSTATS_BACKEND := pytorch
bench: $(BENCH_READY)
	$(BENCH)/bin/python -m benchmarks.provenance begin "$(TABLES)"
	$(BENCH)/bin/python -m pytest -c benchmarks/pytest.ini --rootdir . benchmarks \
	  --benchmark-json=_build/bench.json --benchmark-columns=median,rounds --benchmark-sort=fullname
	$(BENCH)/bin/python -m benchmarks.tables _build/bench.json
	env -u MALLOC_MMAP_THRESHOLD_ -u MALLOC_TRIM_THRESHOLD_ $(BENCH)/bin/python -m benchmarks.memory
	$(BENCH)/bin/python -m benchmarks.starts
	$(BENCH)/bin/python -m benchmarks.large_latents
	env -u MALLOC_MMAP_THRESHOLD_ -u MALLOC_TRIM_THRESHOLD_ $(BENCH)/bin/python -m benchmarks.trajectories
	$(BENCH)/bin/python -m benchmarks.provenance publish "$(TABLES)"

claims: SIZE = $(foreach name,claim pairs seeds,$(if $($(shell echo $(name) | tr a-z A-Z)),$(name)=$($(shell echo $(name) | tr a-z A-Z))))
claims: $(READY)
	$(SNAKEMAKE) --snakefile claims.smk --rerun-triggers input \
	  $(if $(strip $(SIZE)),--config $(SIZE))
	python -m geodreg.commands.trial_job collect $(addprefix --,$(SIZE))

train: $(READY)
	$(SNAKEMAKE) --snakefile claims.smk --rerun-triggers input kept

densities: $(READY)
	$(SNAKEMAKE) --snakefile densities.smk --rerun-triggers input
	python -m geodreg.commands.densities_job collect
	python -m geodreg.commands.densities_job collect --study ensembles

sweep: $(READY)
	python -m geodreg sweep '$(SWEEP)' --cores $(CORES) $(if $(PROFILE),--profile $(PROFILE))

audit: $(READY)
	python .ci/audit.py requirements.txt

notebooks: $(READY)
	$(SNAKEMAKE) notebooks

lab: notebooks
	python -m jupyterlab notebooks

serve: book
	python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --no-emit-package geodreg --no-annotate --quiet -o requirements.txt
	uv pip compile pyproject.toml requirements-bench.in --extra models --extra plots --universal \
	  --python-version 3.11 --no-annotate --quiet -o requirements-bench.txt

$(READY): requirements.txt pyproject.toml | $(MOVED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is too old: geodreg needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the environment into $(VENV): 5 to 6 GB, some minutes"
	python -m pip install -qq --disable-pip-version-check -r requirements.txt
	python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@cd ./$(VENV) && pwd -P >.made-in
	@$(call finished,$(READY),$^)

# In seconds and without a network: what the shell reads, then the scripts, then where the module is.
moved:
	@$(VENV)/bin/python -c 'import pip' 2>/dev/null || \
	  { echo '$(VENV) was made elsewhere, and has no Python here that could mend it: call rm -rf $(VENV), and make again.' >&2; exit 1; }
	@echo 'Mending $(VENV), whose scripts may name the folder that it was in before'
	$(VENV)/bin/python -m venv --without-pip $(VENV)
	$(VENV)/bin/python -m geodreg.workspace.environment $(VENV)
	$(VENV)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@cd ./$(VENV) && pwd -P >.made-in

$(BENCH_READY): requirements-bench.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is too old: geodreg needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(BENCH)
	@echo "Installing the peers and PyTorch into $(BENCH): about 5 GB, some minutes"
	$(BENCH)/bin/python -m pip install -qq --disable-pip-version-check -r requirements-bench.txt
	@$(call finished,$(BENCH_READY),$^)

clean:
	rm -rf _build book/figures book/_generated book/sweeps
	find notebooks -maxdepth 1 -name '*.ipynb' ! -name '*.changed*.ipynb' -exec rm -f {} +
