# Everything a checkout needs; `make` lists it. As root on Debian or Ubuntu it installs and starts what is missing.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Only the parts of `test` run side by side: most of their time they wait for containers.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif

# Any Python from 3.11 on.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK_VENV := build/lock
LOCK = CUSTOM_COMPILE_COMMAND='make lock' $(LOCK_VENV)/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
    --no-annotate --no-emit-index-url --no-emit-find-links

# Where pip is told of several indices it says so about each package.
QUIET_PIP := { grep -v '^WARNING: Location' || true; } >&2

.PHONY: bench
bench: $(READY) ## Measure, in ratios; starts a Docker engine if need be
	@images/host/with-engine bash -c '$(BIN)/python -m jujulab.images && $(BIN)/pytest tests/bench'

.PHONY: chaos
chaos: $(READY) ## Random faults for MINUTES (30) on MACHINES (20), CONTROLLERS (3), by SEED; KEEP=1 keeps the lab
	@images/host/with-engine bash -c '$(BIN)/python -m jujulab.images && $(BIN)/python -m tests.chaos \
	    $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),30) --machines $(or $(MACHINES),20) \
	    --controllers $(or $(CONTROLLERS),3) $(if $(KEEP),--keep)'

.PHONY: clean
clean: ## Remove what was made here: environment, wheels, caches; images and labs stay
	rm -rf $(VENV) build dist .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: compat
compat: $(READY) ## Drive labs with real Juju clients, unmodified, and print what each of them could do
	@images/host/node-ready
	@images/host/with-engine bash -c '$(BIN)/python -m jujulab.images && $(BIN)/pytest tests/compat'

# SEED: whom else to kill at each boundary. ONLY: a word of the lines that are wanted. ALL: everybody everywhere.
# LABS: how many share the work.
.PHONY: crash-map
crash-map: $(READY) ## Kill everybody at every step of an upgrade, and map who recovers (SEED=n ONLY=word ALL=1 LABS=n)
	@images/host/with-engine bash -c '$(BIN)/python -m jujulab.images && \
	    $(BIN)/python -m tests.chaos.crash_map --seed "$(or $(SEED),0)" --only "$(ONLY)" \
	    --labs $(or $(LABS),1) $(if $(ALL),--all)'

.PHONY: demo
demo: $(READY) ## Walk through Juju's manual page on upgrading models, on a lab of its own
	@images/host/engine-up
	@$(BIN)/python -m jujulab.images
	@$(BIN)/python -m jujulab.demo

.PHONY: e2e
e2e: $(READY) ## Run the end-to-end tests on real containers
	@images/host/compose-ready
	@images/host/with-engine bash -c '$(BIN)/python -m jujulab.images && $(BIN)/pytest tests/e2e'

.PHONY: faults
faults: $(READY) ## Run the tests that break labs and see them recover
	@images/host/with-engine bash -c '$(BIN)/python -m jujulab.images && $(BIN)/pytest tests/chaos'

.PHONY: fuzz
fuzz: $(READY) ## Send the controller nonsense for MINUTES (10); no crash may come of it
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: lint
lint: $(READY) ## Check style, types and the walls between the packages
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: lock
lock: ## Choose the dependencies anew: constraints.txt, and those of the clients in tests/compat
	@images/host/python-ready $(PYTHON)
	@test -x $(LOCK_VENV)/bin/pip-compile || { $(PYTHON) -m venv $(LOCK_VENV) && $(LOCK_VENV)/bin/pip install --quiet pip-tools; }
	@$(LOCK) --unsafe-package jujulab --extra dev --output-file constraints.txt pyproject.toml
	@for client in tests/compat/locks/*.in; do $(LOCK) --allow-unsafe --output-file "$${client%.in}.txt" "$$client"; done

.PHONY: process
process: $(READY) ## Run the tests that drive real agent and controller processes on the loopback
	@$(BIN)/pytest tests/process tests/fuzz

.PHONY: schedules
schedules: $(READY) ## Try a hundred thousand simulated upgrades, with faults and people at any moment (COUNT, FIRST)
	@$(BIN)/python -m tests.support.schedules $(or $(COUNT),100000) $(or $(FIRST),0)

.PHONY: setup
setup: $(READY) ## Set up all that a lab needs: environment, Docker engine, images
	@images/host/engine-up
	@$(BIN)/python -m jujulab.images
	@$(BIN)/jujulab doctor

.PHONY: test
test: $(READY) ## Run all checks and tests; stops the Docker engine behind it if it had to start it
	@images/host/compose-ready
	@images/host/with-engine bash -c '$(BIN)/python -m jujulab.images && echo "each part tells its results when it has ended" && \
	    $(MAKE) --no-print-directory --jobs=4 --output-sync=target --keep-going SIDE_BY_SIDE=1 e2e faults compat alone'

# What needs no engine, one after the other: these keep a processor busy each.
.PHONY: alone
alone: $(READY)
	@$(MAKE) --no-print-directory SIDE_BY_SIDE= lint unit process

.PHONY: unit
unit: $(READY) ## Run the unit tests
	@$(BIN)/pytest tests/unit

# The environment is right for as long as the lock and the project's file are what it was made from.
$(READY): constraints.txt pyproject.toml
	@images/host/python-ready $(PYTHON)
	@echo "setting up the Python environment in $(VENV)" >&2
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement constraints.txt 2> >($(QUIET_PIP))
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . 2> >($(QUIET_PIP))
	@touch $@
