# `make serve` and `make test` set up all that they need in .venv first.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: serve test check format constraints clean

serve: .venv/serve.stamp
	$(BIN)/macaronic serve --host $(HOST) --port $(PORT)

test: .venv/all.stamp
	$(BIN)/python -m pytest

check: .venv/all.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/all.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Pins the newest versions; needs uv. CUDA libraries are left to torch, which names its own.
constraints:
	( echo "# Every version to install, for all systems and Python versions. Made by 'make constraints'." ; \
	  echo torch==2.13.0 | uv pip compile --quiet --upgrade --universal --python-version 3.10 --extra all \
	    --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml - \
	  | grep -Ev '^(nvidia-|cuda-|triton)' ) > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find nmt serve scripts tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp that is older than what it depends on means that packages may have changed.
.venv/serve.stamp: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[serve]'
	touch $@

.venv/all.stamp: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[all]'
	touch .venv/serve.stamp $@

$(BIN)/python:
	$(PYTHON) -m venv .venv
