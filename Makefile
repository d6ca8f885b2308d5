# Everything starts here, on any machine with Python >= 3.11 and make. Arguments pass on: make workbench ARGS="--port 9000"
.DEFAULT_GOAL := help
.PHONY: help workbench test problems bench install chromium reference lock clean
SHELL := /bin/sh

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,$(shell \
	$(name) -c 'import sys; print("$(name)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
OWN := .venv/bin

help:
	@echo "make workbench   JupyterLab with the workbench on, and a first full scan of this machine"
	@echo "make test        all tests: units, real servers, a real browser, runbooks; and the coverage floors"
	@echo "make problems    every problem there is: lint, format, types, imports, docs, then make test"
	@echo "make bench       the benchmarks beside their peers"
	@echo "make reference   docs/reference, written anew from the code"
	@echo "make lock        requirements.lock and js/package-lock.json, resolved anew"

workbench: install
	@exec $(OWN)/vibeworkbench start $(ARGS)

test: install chromium
	@$(OWN)/python tools/tests.py $(ARGS)

problems: install chromium
	@$(OWN)/python tools/problems.py

bench: install
	@PATH="$(CURDIR)/$(OWN):$$PATH" $(OWN)/python -m benchmarks $(ARGS)

# Each step stamps what it was done for: when nothing changed, nothing happens.
install:
	@test -n "$(PYTHON)" || { echo "no Python >= 3.11 found: install one, or make PYTHON=/path/to/it"; exit 1; }
	@$(PYTHON) tools/environment.py
	@$(OWN)/python tools/frontend.py

# Tests that need the browser fail with the same line where none can be had; the others still run.
chromium: install
	@$(OWN)/python tools/chromium.py --install >/dev/null || true

reference: install
	@$(OWN)/python tools/reference.py
	@$(OWN)/python -m tests.security.audit

lock:
	@$(PYTHON) tools/environment.py
	@$(OWN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --group dev \
		--annotation-style line --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	@$(OWN)/python tools/frontend.py lock

clean:
	@rm -rf .venv js/node_modules vibeworkbench/panels/static dist .coverage* coverage.xml .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
