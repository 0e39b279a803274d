# Pulposus: everything that is done often. `make demo` and `make test` need Python >= 3.11 and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
CASE ?= examples/noriega_l45.toml
OUT ?= results/noriega

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    five years of one treated disc, and where its report lies"
	@echo "make test    what has to pass: lint, types, tests, documentation"
	@echo "make lint    ruff and mypy"
	@echo "make docs    the documentation, in docs/_build/html"
	@echo "make bench   speed against scikit-fem and SciPy, and of five years"
	@echo "make clean   remove what was built; results stay"

# One stamp for each state of the environment: nothing is installed twice unless pyproject.toml changes.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Pulposus needs Python 3.11 or newer, and '$(PYTHON)' is not: say where one is, for example make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "'$(PYTHON)' cannot make virtual environments: install its venv module first (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.created
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs,dev]'
	@touch $(VENV)/.installed $@

demo: $(VENV)/.installed
	$(BIN)/pulposus run $(CASE) --out $(OUT)
	@echo "Open $(abspath $(OUT))/report.html in a browser."

test: lint
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile
	@$(MAKE) --no-print-directory docs

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/.installed-dev
	$(BIN)/sphinx-build -W -n --keep-going -q -b html docs docs/_build/html
	@echo "The documentation lies in docs/_build/html/index.html."

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/transport.py
	$(BIN)/python benchmarks/five_years.py

clean:
	rm -rf docs/_build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
