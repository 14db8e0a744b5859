# make all    set up .venv, then run the default experiment: results/report.html
# make test   set up .venv, then run the whole test suite
# make lint   set up .venv, then check style, types, and that nothing is unused
# make check  set up .venv, then lint and the tests that are not slow: a minute or two
# make bench  set up .venv and lhotse in it, then measure: benchmarks/RESULTS.md
# make lock   resolve the lock files again (needs uv)
#
# PYTHON is the Python (3.11 or newer) that .venv is made from, CORES what Snakemake may use:
# make all PYTHON=python3.12 CORES=8

PYTHON ?= python3
CORES ?= 4

venv := .venv/bin/python
# Compiling every module takes longer than installing them all. Python compiles those in use when it
# first loads them, and must be allowed to keep the result.
unexport PYTHONDONTWRITEBYTECODE
locked := $(venv) -m pip install --no-compile --no-deps --require-hashes

.PHONY: all test lint check bench lock

all: .venv/.installed
	$(venv) -m snakemake --cores $(CORES) all

test: .venv/.installed
	$(venv) -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: .venv/.installed
	$(venv) -m ruff check .
	$(venv) -m ruff format --check .
	$(venv) -m snakefmt --check Snakefile workflow
	$(venv) -m mypy
	$(venv) -m vulture

check: lint
	$(venv) -m pytest -q -n auto --dist loadfile -m "not slow"

bench: .venv/.installed
	$(venv) -m pip install --quiet lhotse
	$(venv) benchmarks/run.py

# Says what is wrong with PYTHON on its last line, or "fine"; Python 2 understands it too.
probe := import sys; \
    sys.version_info >= (3, 11) or sys.exit("this is Python %d.%d" % sys.version_info[:2]); \
    import ensurepip, venv; \
    print("fine")

# The stamp is written last and removed first: without it, the environment is made anew. torch comes
# as its CPU build where pip is set up to find that, else as its default build, with CUDA on Linux.
.venv/.installed: pyproject.toml requirements.lock requirements-cpu.lock requirements-cuda.lock
	@test -e $@ || { \
	    answer=$$("$(PYTHON)" -c '$(probe)' 2>&1 | tail -n 1); test "$$answer" = fine || { \
	        echo "rnnpipe needs Python 3.11 or newer with venv and ensurepip (Debian: package" \
	            "python3-venv), but $(PYTHON) says: $$answer. Name another: make PYTHON=..." >&2; \
	        exit 1; }; \
	    "$(PYTHON)" -m venv --clear .venv; }
	@rm -f $@
	$(locked) -r requirements.lock
	$(locked) -r requirements-cpu.lock 2> .venv/cpu.log || { \
	    grep -Eq "No matching distribution|ResolutionImpossible" .venv/cpu.log || { cat .venv/cpu.log >&2; exit 1; }; \
	    $(locked) -r requirements-cuda.lock; }
	$(venv) -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(venv) -m pip check
	@touch $@

# uv keeps the versions and hashes that it finds: to upgrade a package, delete its lines first.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	cat requirements.lock requirements-cuda.lock > all.lock
	uv pip compile --quiet --universal --fork-strategy fewest --generate-hashes --no-header \
	    --annotation-style line --extra test pyproject.toml --output-file all.lock
	awk 'BEGIN {main = "requirements.lock"; cuda = "requirements-cuda.lock"; \
	        print "# All but torch. Written by make lock." > main; \
	        print "# torch and the CUDA libraries of its Linux builds. Written by make lock." > cuda} \
	    /^[a-z]/ {file = /^(cuda|nvidia|torch|triton)/ ? cuda : main} {print > file}' all.lock
	rm all.lock
