# Each target does its own set-up in .venv and reuses it until pyproject.toml or the constraints change.
# PYTHON chooses the interpreter (3.11 or newer): make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DB ?= kb
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
JOBS ?= 2

.PHONY: install demo test lint clean
.DELETE_ON_ERROR:

install: $(VENV)/.installed

# torch first, by its exact version, so that no other package pulls a build that the constraints don't name.
# The headless OpenCV goes in last: rapid-layout names the desktop build, which wants libGL, and both own the same cv2.
$(VENV)/.installed: pyproject.toml configs/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("rag_ingest needs Python 3.11 or newer; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q --retries 5 -c configs/constraints.txt "torch==2.13.0"
	$(PIP) install -q --retries 5 -c configs/constraints.txt -e ".[dev]"
	$(PIP) install -q --retries 5 -c configs/constraints.txt --force-reinstall --no-deps opencv-python-headless
	@touch $@

demo: install
	@$(BIN)/rag-ingest ingest eval/corpus/demo --db $(DB)
	@$(BIN)/python -m eval.demo --db $(DB)

test: install
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(DB) .pytest_cache .mypy_cache .ruff_cache .hypothesis
