# `make` alone lists the targets. Everything runs in .venv, which is made when needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
comma := ,
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test check types fast-tests fuzz bench bench-ops bench-start bench-programs package docs fmt clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Hundreds of processes are started: none shall compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

# $(call install,what): a virtual environment with tsc, editable, and the extras of it that `what` names.
# (Python compiles what is imported; compiling all of PyTorch takes half of an installation.)
define install
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.$(1)'
	@touch $@
endef

$(STAMP)-base: pyproject.toml
	$(call install,)

$(STAMP)-test: pyproject.toml
	$(call install,[test])
	@touch $(STAMP)-base

$(STAMP)-dev: pyproject.toml
	$(call install,[test$(comma)dev])
	@touch $(STAMP)-base $(STAMP)-test

$(STAMP)-bench: pyproject.toml
	$(call install,[bench])
	@touch $(STAMP)-base

demo: $(STAMP)-base ## load a real .pt without PyTorch, optimize it, run it, show what happened
	$(BIN)/python examples/demo.py

test: $(STAMP)-test ## run all tests (installs PyTorch, the oracle)
	$(PYTEST) -n auto

check: $(STAMP)-dev ## format, lint, types, layering, fast tests
	$(BIN)/ruff format --check src tests tools examples
	$(BIN)/ruff check src tests tools examples
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types fast-tests

# A checker of types allocates all the time: V8 with a large young generation collects a tenth less often.
types: export NODE_OPTIONS := --max-semi-space-size=128
types: $(STAMP)-dev ## types alone
	$(BIN)/pyright

# What compiles machine code by the dozen, or reads all dialects of MLIR.
SLOW := */test_schedule_* */test_widen_windows.py */test_torch_text.py */test_mlir_tools.py
fast-tests: $(STAMP)-dev ## the tests of `check`
	$(PYTEST) -n auto tests/test_layering.py tests/dialects tests/passes $(foreach slow,$(SLOW),--ignore-glob='$(slow)')

SECONDS ?= 600
SEED ?= 0
fuzz: $(STAMP)-test ## random programs against PyTorch: make fuzz SECONDS=600 SEED=1
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

bench: $(STAMP)-bench ## compare with PyTorch, ONNX Runtime and OpenVINO; writes bench-results/
	$(BIN)/python -m tools.bench

bench-ops: $(STAMP)-bench ## operators, and the usual pairs of them, beside PyTorch
	$(BIN)/python -m tools.bench_ops

bench-start: $(STAMP)-bench ## from process start to first answer, beside PyTorch, ONNX Runtime and OpenVINO
	$(BIN)/python -m tools.bench_start --growth

bench-programs: $(STAMP)-bench ## programs whose sizes, loops and state change, held to their goals, beside torch.jit
	$(BIN)/python -m tools.bench_programs

package: $(STAMP)-base ## build the sdist and the wheel, and check them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[package]'
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

docs: $(STAMP)-test ## write what stands elsewhere: docs/cli.md, docs/options.md, docs/language.md, the stub
	$(BIN)/python -m tools.cli_page
	$(BIN)/python -m tools.language_table
	$(BIN)/python -m tools.options_page
	$(BIN)/python -m tools.typed_face

fmt: $(STAMP)-dev ## format the code
	$(BIN)/ruff format src tests tools examples
	$(BIN)/ruff check --fix src tests tools examples

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist bench-results tsc-dump .pytest_cache .ruff_cache src/*.egg-info
