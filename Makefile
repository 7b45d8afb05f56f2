# Every daily command. `make run` does the main job, `make test` passes the tests; each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.locked

.PHONY: setup run down test test-campaign test-distributed check bench reference lock clean

setup: $(STAMP)

# uv makes the environment exactly what the lock says; every wheel's hash is checked.
$(STAMP): requirements.txt requirements-uv.txt pyproject.toml
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements-uv.txt requirements.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

run: setup
	@$(BIN)/mcop up --deploy storefront-staging

down:
	@test ! -x $(BIN)/mcop || $(BIN)/mcop down

test: setup
	@$(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder --durations 20 -m "not campaign and not distributed"

# What is too slow for every change: real applies with their parts killed at random, for CAMPAIGN_MINUTES (5), replayed
# by CAMPAIGN_SEED; lost answers, outages, a full disk; the preview against a cloud; many more random mutations after
# an approval.
test-campaign: setup
	@$(BIN)/python -m tests.campaign
	@$(BIN)/pytest -m campaign
	@MCOP_TEST_MUTATIONS=$${MUTATIONS:-100} $(BIN)/pytest tests/core/engines/terraform/test_approved.py

# Every service of docker-compose.yaml as a process, on a network and disks of their own; needs Postgres and `unshare`.
# A thousand tasks wait at once; DISTRIBUTED_DONE (200) says how many of them the workers have to do.
test-distributed: setup
	@$(BIN)/python -m tests.distributed

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/codespell
	@$(BIN)/pytest -q tests/architecture

# One line for each target of speed, memory and requests; exit code 1 where one is missed.
bench: setup
	@$(BIN)/python -m bench

# The pages of the catalogs that come with MCOP, from their own files.
reference: setup
	@$(BIN)/python -m tests.docs.reference

# Loose ranges live in pyproject.toml; this writes the lock.
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11
lock:
	$(COMPILE) pyproject.toml --all-extras --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra celery --constraint requirements.txt --output-file requirements-image.txt
	grep --only-matching 'ministack==[0-9.]*' pyproject.toml | $(COMPILE) - --constraint requirements.txt \
	    --output-file requirements-emulator.txt

clean: down
	rm -rf .venv .mcop
