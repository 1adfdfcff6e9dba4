# One command per chore. Each makes .venv when it is missing and installs what the chore needs;
# a stamp file in .venv remembers that. Versions are pinned in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
# Small matrices lose on many threads; the sweeps run one process per core instead.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint docs bench paper format clean

PIP := $(BIN)/python -m pip install --quiet
MADE_FROM := pyproject.toml constraints.txt | .venv/pip

.venv/pip:
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --upgrade "pip>=24"
	touch $@

# The runtime dependencies only.
.venv/demo: $(MADE_FROM)
	$(PIP) -c constraints.txt -e .
	touch $@

.venv/test: $(MADE_FROM)
	$(PIP) -c constraints.txt -e ".[test]"
	touch $@

.venv/docs: $(MADE_FROM)
	$(PIP) -c constraints.txt -e ".[docs]"
	touch $@

demo: .venv/demo
	$(BIN)/nsm demo --out results

test: .venv/test
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# The site in site/. Notebooks that `make test` has just executed are not executed again.
docs: .venv/docs
	$(BIN)/python -m notebooks.execute docs/tutorials
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/test
	$(BIN)/python -m benchmarks

paper: .venv/test
	$(BIN)/python -m nsm.paper --out results/paper --report examples/paper \
		--elsewhere examples/paper/runs
	$(BIN)/python -m pytest -m slow

format: .venv/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/nbstripout notebooks/*.ipynb

clean:
	rm -rf .venv .cache build dist site docs/tutorials *.egg-info results
