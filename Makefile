# Two commands set everything up: `make demo` and `make test`. `make help` lists all.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo test check lint types model eval pictures wheel clean

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

# The embedded model again from its data: REPOS holds the clones that prepare.py and
# prepare_text.py name, DATA gets what they make; DATA/labels/*.tsv, if there are any, are what
# teacher_labels.py wrote (its heard.tsv), for the net that writes sentences. Hours on two cores; resumable.
REPOS  ?= repos
DATA   ?= data
DEV    ?= $(DATA)/english/dev.tsv
RECIPE := recipes/english-small

RUN     = $(BIN)/attnasr train $(RECIPE)/recipe.toml -o $(DATA)/run --dev $(DEV) \
	--train $(DATA)/english/native.tsv --set init.model=$(abspath $(DATA))/letters \
	--set text.lexicon=$(abspath $(DATA))/lexicon.txt

SHIP    = $(BIN)/python $(RECIPE)/ship.py --lm $(DATA)/lm/lm.safetensors --lexicon $(DATA)/lexicon.txt

# The teacher: a Whisper model by name or folder.
TEACHER ?= whisper-base
HEAR    = $(BIN)/python $(RECIPE)/teacher_labels.py --teacher $(TEACHER)

model: $(VENV)/.installed   ## the embedded model again from its data; hours
	$(BIN)/python $(RECIPE)/prepare.py --repos $(REPOS) --out $(DATA) --with noise unlabelled
	awk -F'\t' '$$6 != "an4" && $$6 != "speechocean762"' $(DATA)/english/train.tsv > $(DATA)/english/native.tsv
	$(BIN)/python $(RECIPE)/prepare_text.py --repos $(REPOS) --out $(DATA)/text --exclude $(DEV)
	tail -n +2 $(DATA)/english/native.tsv | cut -f3 > $(DATA)/text/transcripts.txt
	cp $(RECIPE)/lm.toml $(DATA)/lm.toml && $(BIN)/attnasr train $(DATA)/lm.toml -o $(DATA)/lm
	$(BIN)/python $(RECIPE)/prepare_lexicon.py --cmudict $(REPOS)/cmudict/cmudict.dict \
		--lm $(DATA)/lm/lm.safetensors --manifest $(DATA)/english/native.tsv --out $(DATA)/lexicon.txt
	$(BIN)/attnasr train $(RECIPE)/letters.toml -o $(DATA)/letters --train $(DATA)/english/native.tsv --dev $(DEV)
	$(RUN) --set optim.updates=5700 --set optim.fall=0.0
	$(RUN) --set loss.ctc=0.75 --accept-changes
	$(SHIP) $(DATA)/run --out $(DATA)/first
	$(BIN)/python $(RECIPE)/prepare_more.py --repos $(REPOS) --out $(DATA)
	$(HEAR) $(DATA)/unlabelled/unlabelled.tsv $(DATA)/heard-1.tsv --train $(DATA)/taught-1.tsv --corpus common-voice-13
	$(HEAR) $(DATA)/untexted/untexted.tsv $(DATA)/heard-2.tsv --train $(DATA)/taught-2.tsv --sure -0.3
	cp -r $(DATA)/first $(DATA)/names && $(BIN)/python $(RECIPE)/prepare_lexicon.py --base $(DATA)/first/lexicon.txt \
		--manifest $(DATA)/english/native.tsv $(DATA)/taught-1.tsv $(DATA)/taught-2.tsv --out $(DATA)/names/lexicon.txt
	$(BIN)/attnasr train $(RECIPE)/teacher.toml -o $(DATA)/second --dev $(DEV) --workers 1 \
		--set init.model=$(abspath $(DATA))/names --set distort.noise_folder=$(abspath $(DATA))/noise \
		--train $(DATA)/english/native.tsv --train $(DATA)/taught-1.tsv --train $(DATA)/taught-2.tsv
	$(BIN)/python $(RECIPE)/prepare_sentences.py --repos $(REPOS) --out $(DATA)/text --exclude $(DEV) \
		--labels $(DATA)/heard-1.tsv $(DATA)/heard-2.tsv
	cp $(RECIPE)/sentences.toml $(DATA)/sentences.toml && $(BIN)/attnasr train $(DATA)/sentences.toml -o $(DATA)/sentences
	tail -n +2 $(DEV) | cut -f3 > $(DATA)/text/dev.txt
	cp $(RECIPE)/neural_lm.toml $(DATA)/neural_lm.toml && \
		$(BIN)/attnasr train $(DATA)/neural_lm.toml -o $(DATA)/neural --dev $(DATA)/text/dev.txt
	$(SHIP) $(DATA)/second --mix $(DATA)/first --share 0.3 --neural-lm $(DATA)/neural/neural_lm.safetensors \
		--sentences $(DATA)/sentences/sentences.safetensors --out models/english-small

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
