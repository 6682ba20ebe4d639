# Two commands set everything up: `make demo` and `make test`. `make help` lists all.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo test check lint types repos model eval pictures wheel clean

help:   ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10


$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,plot]'
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps openai-whisper
	touch $@

demo: $(VENV)/.installed   ## transcribe the sample recording with the model that ships inside
	@$(BIN)/attnasr transcribe examples/sample.flac

test: $(VENV)/.installed-dev   ## all tests, a process a core
	$(BIN)/python -m pytest -n auto --maxprocesses 4

lint: $(VENV)/.installed-dev   ## style, and what may import what
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev   ## mypy, strict
	$(BIN)/mypy

check: lint types test   ## the gate: the same here and in CI

include recipes/english-small/model.mk

eval: $(VENV)/.installed   ## WER of the embedded model on the development speakers
	$(BIN)/attnasr score $(DEV) --model english-small --normalizer lower

pictures: $(VENV)/.installed-dev   ## the pictures in README; needs Chromium
	$(BIN)/attnasr attend examples/sample.flac -o docs/images/attention.png
	$(BIN)/attnasr score examples/references.tsv examples/hypotheses.tsv --by speaker -o build/report.html
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1100,1000 \
		--screenshot=docs/images/score.png build/report.html

wheel: $(VENV)/.installed-dev   ## the wheel, into dist/
	$(BIN)/python -m build --wheel

clean:   ## what was built and cached
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache
