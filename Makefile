# make demo   a running shop with everything it needs (PORT=8001 for another port, DETACH=1 to return)
# make dock   a second shop that buys from the demo, and an order through both (ONCE=1 to end after it)
# make stop   ends a detached demo
# make test   format, lint, types, import contracts, every test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: demo dock dev stop install test check pytest format bench web lock clean

demo: $(READY)
	@$(BIN)/kameng demo $(if $(PORT),--port $(PORT)) $(if $(DETACH),--detach)

dock: $(READY)
	@$(BIN)/kameng dock $(if $(PORT),--port $(PORT)) $(if $(ONCE),--once)

dev: $(READY)
	@$(BIN)/kameng dev $(if $(PORT),--port $(PORT))

stop:
	@if [ -x $(BIN)/kameng ]; then $(BIN)/kameng stop; else echo "Nothing is running."; fi

install: $(READY)

test: check pytest

check: $(READY_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pytest: $(READY_DEV)
	$(BIN)/pytest -n 2 --dist loadgroup

format: $(READY_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/kameng bench purchase
	$(BIN)/kameng bench catalogue

web:
	cd frontend-examples/web-shop && npm ci --no-audit --no-fund && npm run codegen && npm run check && npm run build
	cd tests/browser && npm ci --no-audit --no-fund

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kameng needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Give another one: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)

$(READY): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(READY_DEV): requirements-dev.lock $(READY) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Hashes only: a lock file must not name a host.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-header -o requirements.lock pyproject.toml --group build
	uv pip compile --quiet --universal --generate-hashes --no-header -o requirements-dev.lock pyproject.toml --group build --group dev

clean:
	rm -rf var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
