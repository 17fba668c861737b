# make book       set up .venv if needed, execute the notebooks that need it, build the site; SWEEPS="mu seed" adds sweeps that were run
# make test       lint, types, doctests and tests, in the same environment
# make notebooks  write notebooks/*.ipynb beside the text sources, for plain papermill
# make lab        open them in JupyterLab
# make serve      serve the built site at http://127.0.0.1:8000
# make bench      measure speed against other libraries, in an environment of its own, into data/benchmarks
# make claims     rerun what the verdict rests on: CLAIM=6 PAIRS=8 SEEDS=1 for one claim at that size; all of it takes hours
# make sweep      rerun a page with many values: SWEEP=mu, see sweeps/; what is there already is not run again
# make audit      look the packages of requirements.txt up among the known vulnerabilities
# make lock       compile requirements.txt and requirements-bench.txt (needs uv)

PYTHON ?= python3
CORES  ?= $(shell env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc 2>/dev/null || sysctl -n hw.ncpu)
VENV   := .venv
READY  := $(VENV)/.ready
BENCH  := .venv-bench
BENCH_READY := $(BENCH)/.ready

# glibc would give large blocks back at every free, and have them zeroed at the next use: a quarter of a page's time.
export MALLOC_MMAP_THRESHOLD_ := 1073741824
export MALLOC_TRIM_THRESHOLD_ := 2147483648

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# One at a time in a checkout, which a process that was killed does not block, as Snakemake's own locks would be.
SNAKEMAKE = python -m geodreg.workspace.locks _build "a build" snakemake --quiet host reason --nolock --rerun-incomplete --cores $(CORES)

.PHONY: book test bench claims sweep audit notebooks lab serve lock clean

book: $(READY)
	$(SNAKEMAKE) site $(if $(SWEEPS),--config 'sweeps=$(patsubst %,sweeps/%.yaml,$(SWEEPS))')
	@echo "The book is built: $(CURDIR)/_build/html/index.html"

test: $(READY)
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	OMP_NUM_THREADS=1 pytest -n $(CORES)

# The same threads for everybody. SciPy's own BLAS gets one, or its threads and PyTorch's fight and SciPy loses most.
# BENCH_SIZE=small only shows that all of it runs; BENCH_OUT names another folder for the tables.
bench: export OPENBLAS_NUM_THREADS := 1
bench: export GEOMSTATS_BACKEND := pytorch
bench: $(BENCH_READY)
	@mkdir -p _build
	$(BENCH)/bin/python -m pytest -c benchmarks/pytest.ini --rootdir . benchmarks \
	  --benchmark-json=_build/bench.json --benchmark-columns=median,rounds --benchmark-sort=fullname
	$(BENCH)/bin/python -m benchmarks.tables _build/bench.json
	env -u MALLOC_MMAP_THRESHOLD_ -u MALLOC_TRIM_THRESHOLD_ $(BENCH)/bin/python -m benchmarks.memory
	$(BENCH)/bin/python -m benchmarks.starts
	$(BENCH)/bin/python -m benchmarks.large_latents

claims: SIZE = $(foreach name,claim pairs seeds,$(if $($(shell echo $(name) | tr a-z A-Z)),$(name)=$($(shell echo $(name) | tr a-z A-Z))))
claims: $(READY)
	$(SNAKEMAKE) --snakefile claims.smk --rerun-triggers input \
	  $(if $(strip $(SIZE)),--config $(SIZE))
	python -m geodreg.commands.claims_job collect $(addprefix --,$(SIZE))

sweep: $(READY)
	geodreg sweep '$(SWEEP)' --cores $(CORES) $(if $(PROFILE),--profile $(PROFILE))

audit: $(READY)
	pip-audit --strict --requirement requirements.txt --disable-pip --no-deps

notebooks: $(READY)
	$(SNAKEMAKE) notebooks

lab: notebooks
	jupyter lab notebooks

serve: book
	python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --no-emit-package geodreg --no-annotate --quiet -o requirements.txt
	uv pip compile pyproject.toml requirements-bench.in --extra models --extra plots --universal \
	  --python-version 3.11 --no-annotate --quiet -o requirements-bench.txt

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is too old: geodreg needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the environment into $(VENV): 5 to 6 GB, some minutes"
	pip install -qq --disable-pip-version-check -r requirements.txt
	pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

$(BENCH_READY): requirements-bench.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is too old: geodreg needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(BENCH)
	@echo "Installing the peers and PyTorch into $(BENCH): about 5 GB, some minutes"
	$(BENCH)/bin/python -m pip install -qq --disable-pip-version-check -r requirements-bench.txt
	@touch $(BENCH_READY)

clean:
	rm -rf _build book/figures book/_generated book/sweeps notebooks/*.ipynb
