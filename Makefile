# The two commands: `make serve` and `make test`. Both set up what they need in .venv first.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: serve test check format clean

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

clean:
	rm -rf .venv build dist

# A stamp is older than what it was made from exactly when the packages may have changed.
.venv/serve.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[serve,torch]'
	touch $@

.venv/all.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[all]'
	touch $@ .venv/serve.stamp

.venv/bin/python:
	$(PYTHON) -m venv .venv
