# Tandem's one door. `make help` lists the verbs.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help setup dev serve test check fmt lint types rooms docs bench lock clean

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.runtime: requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh runtime

.venv/.dev: requirements-dev.lock .venv/.runtime
	@PYTHON="$(PYTHON)" sh scripts/setup.sh dev

setup: .venv/.runtime ## make .venv with everything that serving needs

dev: .venv/.dev ## add what tests, checks and documents need

serve: .venv/.runtime ## serve on http://127.0.0.1:8000 (ARGS="--port 8001")
	@$(BIN)/tandem serve $(ARGS)

test: .venv/.dev ## run the tests with branch coverage (ARGS="-k name")
	@$(BIN)/tandem models pull smollm2-135m smollm2-135m-int8 minilm-l6 minilm-l6-int8
	@$(BIN)/coverage erase && TANDEM_TEST_NEEDS_MODELS=1 $(BIN)/coverage run -m pytest $(ARGS) && $(BIN)/coverage combine -q && $(BIN)/coverage report

check: fmt-check lint types rooms test docs ## everything that must hold before a commit

fmt: .venv/.dev ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only -q .

fmt-check: .venv/.dev
	@$(BIN)/ruff format --check .

lint: .venv/.dev ## ruff
	@$(BIN)/ruff check .

types: .venv/.dev ## pyright, strict
	@$(BIN)/basedpyright --level error

rooms: .venv/.dev ## the import contracts
	@$(BIN)/lint-imports

docs: .venv/.dev ## build the documents, strictly
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q

bench: .venv/.dev ## measure, and write docs/benchmarks.md
	@$(BIN)/tandem models pull smollm2-135m minilm-l6
	@$(BIN)/python -m bench $(ARGS)

lock: .venv/.dev ## compile the lock files again
	@sh scripts/lock.sh

clean: ## remove what was built here (models stay)
	rm -rf .venv .tools site .coverage* .pytest_cache .ruff_cache
