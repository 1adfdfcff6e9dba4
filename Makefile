# One command per chore; each makes .venv when it is missing. Versions are pinned in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
# Small matrices lose on many threads; the sweeps run one process per core instead.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint bench paper format clean

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	touch $@

demo: .venv/installed
	$(BIN)/nsm demo --out results

test: .venv/installed
	$(BIN)/python -m pytest -n 2

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python -m benchmarks

paper: .venv/installed
	$(BIN)/python -m nsm.paper --out results/paper --report examples/paper
	$(BIN)/python -m pytest -m slow

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/nbstripout notebooks/*.ipynb

clean:
	rm -rf .venv build dist *.egg-info results
