# The two commands are `make demo` and `make test`; `make help` lists the rest.
#
#   PYTHON=python3.12       the interpreter the environment is made from (>= 3.10; the first that fits is taken)
#   TORCH='torch==2.13.0'   which torch to install; it is installed first, so no later step can change it
#   TORCH_INDEX=URL         another package index for torch alone, such as PyTorch's own index of CPU builds:
#                           from PyPI, torch for Linux brings CUDA libraries of several gigabytes
#   TOKENIZER=DIR           a folder with tokenizer.json, for `make bench`
#   CORPUS=FILE             a corpus of bad input (benchmarks/reliability.py says what is in it), for `make conformance`

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$python && break; done)
TORCH ?= torch>=2.6,<2.14
TORCH_INDEX ?=
TOKENIZER ?=
CORPUS ?=
VENV ?= .venv
RIVALS ?= .venv-rivals

PIP := -m pip install --quiet --disable-pip-version-check
TORCH_FROM := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
CORE := setup.py pyproject.toml $(wildcard _fast/*.pyx _fast/*.pxi _fast/*.h guided/automata/*.py guided/schema/*.py)

.DEFAULT_GOAL := help
.PHONY: help demo test slow conformance lint build bench bench-awrs rivals clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: $(VENV)/.library  ## create .venv, build, and write three JSON objects with the built-in model
	$(VENV)/bin/guided demo

test: $(VENV)/.tests  ## create .venv if it is missing, then ruff, mypy --strict and pytest
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest

slow: $(VENV)/.tests  ## the longer suites, which `make test` leaves out
	$(VENV)/bin/python -m pytest -m slow

conformance: $(VENV)/.tests  ## the whole JSON-Schema-Test-Suite, schemas from the field, Lark's law, random schemas and grammars: GUIDED_DATA=DIR
	$(VENV)/bin/python -m pytest -m 'data or slow' tests/schema tests/context_free tests/composition tests/laws tests/test_grammars.py
	@test -z "$(CORPUS)" || $(VENV)/bin/python -m benchmarks.reliability "$(CORPUS)"

lint: $(VENV)/.tests  ## ruff and mypy alone
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

build: $(VENV)/.library  ## create .venv and build the compiled core into the source tree

bench: $(VENV)/.library rivals  ## measure this library and its rivals: make bench TOKENIZER=DIR
	@test -n "$(TOKENIZER)" || { echo "make bench needs TOKENIZER=DIR, a folder with tokenizer.json" >&2; exit 2; }
	$(VENV)/bin/python -m benchmarks.run --tokenizer "$(TOKENIZER)" --rivals "$(RIVALS)"
	$(VENV)/bin/python -m benchmarks.generation

bench-awrs: $(VENV)/.library $(RIVALS)/genlm-control/.ready  ## measure sampling under any test, beside genlm-control; draws docs/awrs_quality.svg
	OMP_NUM_THREADS=1 PYTHONPATH=. $(RIVALS)/genlm-control/bin/python -m benchmarks.awrs step
	OMP_NUM_THREADS=1 PYTHONPATH=. $(RIVALS)/genlm-control/bin/python -m benchmarks.awrs_questions
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m benchmarks.awrs mask --rounds 1000
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m benchmarks.awrs asked --rounds 4
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m benchmarks.awrs particles --rounds 5
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m benchmarks.awrs_quality --plot docs/awrs_quality.svg

rivals: $(RIVALS)/llguidance/.ready $(RIVALS)/xgrammar/.ready $(RIVALS)/outlines-core/.ready $(RIVALS)/genlm-control/.ready  ## install the libraries that bench compares with

clean:  ## remove what was built, and both environments
	rm -rf build dist *.egg-info guided/*.so guided/*/*.so _fast/*.c $(VENV) $(RIVALS)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.torch:
	@test -n "$(PYTHON)" || { echo "guided needs Python >= 3.10; name one with PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) $(TORCH_FROM) '$(TORCH)'
	@touch $@

$(VENV)/.library: $(VENV)/.torch $(CORE)
	$(VENV)/bin/python $(PIP) --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.torch $(CORE)
	$(VENV)/bin/python $(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.library

# One environment for each rival: they must not agree on one version of anything.
$(RIVALS)/llguidance/.ready: WANTS = llguidance==1.9.1
$(RIVALS)/xgrammar/.ready: WANTS = xgrammar==0.2.8
$(RIVALS)/outlines-core/.ready: WANTS = outlines-core==0.2.14
# It is measured in one process with this library, whose own requirements it then needs too.
$(RIVALS)/genlm-control/.ready: WANTS = genlm-control==0.4.1 lark interegular pydantic referencing
$(RIVALS)/xgrammar/.ready $(RIVALS)/genlm-control/.ready: NEEDS_TORCH = yes

$(RIVALS)/%/.ready:
	$(PYTHON) -m venv $(RIVALS)/$*
	$(if $(NEEDS_TORCH),$(RIVALS)/$*/bin/python $(PIP) $(TORCH_FROM) '$(TORCH)')
	$(RIVALS)/$*/bin/python $(PIP) $(WANTS) 'transformers>=5,<6' numpy
	@touch $@
