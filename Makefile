# `make demo`, `make test` and `make check` each work as the only command on a machine with Python 3.11, make and git.
# The first one makes .venv and fills it; from then on nothing is fetched until pyproject.toml names something new.

# Which Python makes .venv: PYTHON=... if given, else the oldest supported one that is found.
PYTHON ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# pip learned to read dependency groups in 25.1.
PIP_RANGE := pip>=25.1

# Prints "3.12 /path/to/python" if $$p is CPython 3.11 or newer that can make environments. Each candidate is run, not
# only found: a version manager leaves commands on the PATH that answer with an error.
PROBE := import sys, venv, ensurepip; \
	v = sys.version_info; \
	ok = v >= (3, 11) and sys.implementation.name == "cpython" and "t" not in sys.abiflags; \
	ok and print(f"{v[0]}.{v[1]}", getattr(sys, "_base_executable", sys.executable))
CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3.15 python3 python
INSTALLED = $$(ls -d "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.*/bin/python3 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow test-all test-redis-matrix test-redis check format model model-smoke simulate proofs chaos mutation bench bench-check build changelog clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.demo ## See an invalidation arrive (ARGS=--serve for the web page)
	@$(BIN)/python -m examples.demo $(ARGS)

test: $(VENV)/.dev ## Run the tests (ARGS="-k name" to choose)
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.dev ## Run the tests that take long
	$(BIN)/python -m pytest -m slow $(ARGS)

check: $(VENV)/.dev ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

model: $(VENV)/.dev ## Explore the protocol model in full
	$(BIN)/python -m proofs.model $(ARGS)

model-smoke: $(VENV)/.dev ## Explore the protocol model, the short way
	$(BIN)/python -m proofs.model --smoke $(ARGS)

simulate: $(VENV)/.dev ## Simulate histories of the real code (ARGS="--seeds 10000 --workers 2", --mutants, --seed 7)
	$(BIN)/python -m proofs.simulation $(ARGS)

proofs: $(VENV)/.dev ## Check the promise at length: model, simulation, histories, processes (ARGS="--seeds 100000")
	$(BIN)/python -m proofs.model
	$(BIN)/python -m proofs.simulation --seeds 10000 --workers 2 $(ARGS)
	$(BIN)/python -m proofs.simulation --mutants
	FRESHLY_SEEDS=500 $(BIN)/python -m pytest tests/checker tests/model tests/core/test_traps.py
	$(BIN)/python -m pytest -m slow tests/redis/test_processes.py

chaos: $(VENV)/.dev ## Break servers, networks and processes under traffic (ARGS="--seconds 60")
	$(BIN)/python -m proofs.chaos $(ARGS)

mutation: $(VENV)/.dev ## Change the core a little, many times, until a test notices (ARGS="--sample 500 --seed 2")
	$(BIN)/python -m proofs.mutation $(ARGS)

bench: .venv-bench/.ready ## Measure freshly and its peers (ARGS="hit keys" to choose; benchmarks/README.md)
	.venv-bench/bin/python -m benchmarks $(ARGS)

bench-check: $(VENV)/.dev ## Compare our own ratios with their bars, the short way
	$(BIN)/python -m benchmarks --check $(ARGS)

build: $(VENV)/.dev ## Build the wheel and the source archive into dist/
	$(BIN)/python -m build --no-isolation

changelog: $(VENV)/.dev ## Show the changelog that the fragments make
	$(BIN)/towncrier build --draft --version "$$($(BIN)/python -c 'from importlib.metadata import version; print(version("freshly"))')"

clean: ## Remove everything that make made
	rm -rf .venv .venv-* .demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment for each major version of redis-py: .venv-redis6 and so on. The oldest runs without hiredis. ARGS chooses
# tests, as ARGS="-k contract".
REDIS_VERSIONS := 6 7 8

test-redis-matrix: ## Run the tests of Redis, Sentinel and Cluster on each redis-py from 6 on
	@set -e; for version in $(REDIS_VERSIONS); do \
		$(MAKE) --no-print-directory VENV=.venv-redis$$version REDIS_VERSION=$$version test-redis </dev/null; \
	done

test-redis: $(VENV)/.redis
	@$(BIN)/python -c 'import importlib.metadata as m, importlib.util as u; \
		print("redis-py", m.version("redis"), "with" if u.find_spec("hiredis") else "without", "hiredis")'
	$(BIN)/python -m pytest -m "not slow" tests/redis tests/groups tests/faults $(ARGS)

$(VENV)/.redis: pyproject.toml | $(BIN)/python
	@echo "Installing what the tests of Redis need ..."
	@$(PIP) install "$(PIP_RANGE)"
	@$(PIP) install --group test "redis==$(REDIS_VERSION).*"
	@[ "$(REDIS_VERSION)" != "$(firstword $(REDIS_VERSIONS))" ] || $(PIP) uninstall --yes hiredis
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

# ── environments ─────────────────────────────────────────────────────────────────────────────────
# A stamp is as new as the last install that succeeded. hatchling comes first and the build is not isolated, so that a
# changed pyproject.toml fetches nothing either when everything that it names is already here.

$(BIN)/python:
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
		python=$$(for p in $(CANDIDATES) $(INSTALLED); do "$$p" -c '$(PROBE)' 2>/dev/null; done | head -n 1 | cut -d' ' -f2-); \
	fi; \
	if [ -z "$$python" ] || [ -z "$$("$$python" -c '$(PROBE)' 2>/dev/null)" ]; then \
		echo "freshly needs CPython 3.11 or newer with the venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; \
		echo "Found none$${python:+ in $$python}. Name one: make PYTHON=/path/to/python3 ..." >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version) ..."; \
	"$$python" -m venv --clear $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs ..."
	@$(PIP) install "$(PIP_RANGE)"
	@$(PIP) install --group build --group demo
	@$(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "Installing what the tests and checks need ..."
	@$(PIP) install "$(PIP_RANGE)"
	@$(PIP) install --group dev
	@$(PIP) install --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo

# The peers have an environment of their own: some of them ask for older versions of what we use. One that cannot be
# installed is left out, and named when the measurements begin.
.venv-bench/.ready: benchmarks/requirements.txt benchmarks/requirements-alone.txt $(VENV)/.demo
	@echo "Installing the peers into .venv-bench ..."
	@$(BIN)/python -m venv .venv-bench
	@sed -n 's/^\([^#]*[^# ]\) *\(#.*\)*$$/\1/p' benchmarks/requirements.txt | while read -r peer; do \
		.venv-bench/bin/python -m pip --disable-pip-version-check -qq install "$$peer" \
			|| echo "$$peer cannot be installed here" >&2; done
	@.venv-bench/bin/python -m pip --disable-pip-version-check -qq install --no-deps -r benchmarks/requirements-alone.txt \
		|| echo "asyncache cannot be installed here" >&2
	@.venv-bench/bin/python -m pip --disable-pip-version-check -qq install "hatchling>=1.27" "editables>=0.5"
	@.venv-bench/bin/python -m pip --disable-pip-version-check -qq install --no-build-isolation --editable .
	@touch $@

# Each CPython from 3.11 on the machine, one of each version, in an environment of its own: .venv-3.12 and so on.
test-all: ## Run the tests on every CPython from 3.11 on this machine
	@set -e; \
	found=$$(for p in $(CANDIDATES) $(INSTALLED); do "$$p" -c '$(PROBE)' 2>/dev/null || true; done | sort -t. -k2,2n -u); \
	[ -n "$$found" ] || { echo "No CPython from 3.11 found." >&2; exit 1; }; \
	printf 'Testing on:\n%s\n' "$$found"; \
	echo "$$found" | while read -r version python; do \
		$(MAKE) --no-print-directory VENV=.venv-$$version PYTHON="$$python" test </dev/null \
			|| { echo "The tests failed on Python $$version." >&2; exit 1; }; \
	done
