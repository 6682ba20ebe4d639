# The embedded model again from its data: `make repos model`, hours on two cores. A stage that is done
# leaves a stamp in DATA/done; training and hearing go on where they were stopped.
#
#   REPOS  folder of the clones        TEACHER  a Whisper model, by name or folder
#   DATA   folder for what is made     OUT      folder of the model
#
# `make model SMALL=1` goes through every stage with little data and few updates, into another DATA
# and OUT: to see in less than an hour that all of it runs. What it makes is of no use.
REPOS   ?= repos
DATA    ?= $(if $(SMALL),small,data)
OUT     ?= $(if $(SMALL),$(DATA)/model,models/english-small)
DEV     ?= $(DATA)/english/dev.tsv
TEACHER ?= whisper-base

RECIPE  := recipes/english-small
SCRIPT   = $(BIN)/python $(RECIPE)
TRAIN    = $(BIN)/attnasr train
HERE     = $(abspath $(DATA))
DONE     = $(DATA)/done
SPEECH   = $(DATA)/english/train.tsv
TAUGHT   = $(DATA)/taught-1.tsv $(DATA)/taught-2.tsv

# What SMALL puts in: clips of each corpus, files of each repository of long speech, words of each
# source of text, updates of a stage, tokens.
ifdef SMALL
CLIPS      := --most 60
FILES      := --most 2
WORDS      := --max-words 100000
SOME_TOKENS := --set neural_lm.tokens=40000
SOME_WORDS := --set sentences.words=200000
updates     = --set optim.updates=$(1) --set optim.warmup=5 --set run.evaluate=$(1) \
	--set run.dev_utterances=4 --set batch.short_first=5
endif

repos: $(VENV)/.installed   ## the clones that `make model` reads; a few gigabytes
	$(SCRIPT)/clone.py $(REPOS)

model: $(DONE)/measured   ## the embedded model again from its data; hours (SMALL=1: minutes)

$(DONE)/speech: | $(VENV)/.installed
	$(SCRIPT)/prepare.py --repos $(REPOS) --out $(DATA) --with noise unlabelled $(CLIPS)
	mkdir -p $(DONE) && touch $@

$(DONE)/text: $(DONE)/speech
	$(SCRIPT)/prepare_text.py --repos $(REPOS) --out $(DATA)/text --exclude $(DEV) $(WORDS)
	tail -n +2 $(SPEECH) | cut -f3 > $(DATA)/text/transcripts.txt
	tail -n +2 $(DEV) | cut -f3 > $(DATA)/text/dev.txt
	touch $@

# Paths in a recipe of text are relative to it.
$(DONE)/lm: $(DONE)/text
	cp $(RECIPE)/lm.toml $(DATA)/lm.toml && $(TRAIN) $(DATA)/lm.toml -o $(DATA)/lm
	touch $@

$(DONE)/lexicon: $(DONE)/lm
	$(SCRIPT)/prepare_lexicon.py --repos $(REPOS) --lm $(DATA)/lm/lm.safetensors \
		--manifest $(SPEECH) --out $(DATA)/lexicon.txt
	touch $@

$(DONE)/letters: $(DONE)/speech
	$(TRAIN) $(RECIPE)/letters.toml -o $(DATA)/letters --train $(SPEECH) --dev $(DEV) \
		$(call updates,20)
	touch $@

# At one rate first, by the CTC head alone; then falling, with the decoder.
PHONES = $(TRAIN) $(RECIPE)/recipe.toml -o $(DATA)/phones --train $(SPEECH) --dev $(DEV) \
	--set init.model=$(HERE)/letters --set text.lexicon=$(HERE)/lexicon.txt

$(DONE)/phones-1: $(DONE)/letters $(DONE)/lexicon
	$(PHONES) --set optim.updates=5700 --set optim.fall=0.0 $(call updates,20)
	touch $@

$(DONE)/phones: $(DONE)/phones-1
	$(PHONES) --set loss.ctc=0.75 --accept-changes $(call updates,40)
	touch $@

SHIP = $(SCRIPT)/ship.py --lm $(DATA)/lm/lm.safetensors --lexicon $(DATA)/lexicon.txt

$(DONE)/first: $(DONE)/phones
	$(SHIP) $(DATA)/phones --out $(DATA)/first
	touch $@

HEAR = $(SCRIPT)/teacher_labels.py --teacher $(TEACHER)

$(DONE)/heard: $(DONE)/speech
	$(SCRIPT)/prepare_more.py --repos $(REPOS) --out $(DATA) $(FILES)
	$(HEAR) $(DATA)/unlabelled/unlabelled.tsv $(DATA)/heard-1.tsv --train $(DATA)/taught-1.tsv \
		--corpus common-voice-13
	$(HEAR) $(DATA)/untexted/untexted.tsv $(DATA)/heard-2.tsv --train $(DATA)/taught-2.tsv --sure -0.3
	touch $@

# The model so far, with the words that only the teacher wrote.
$(DONE)/names: $(DONE)/first $(DONE)/heard
	mkdir -p $(DATA)/names && cp $(DATA)/first/* $(DATA)/names
	$(SCRIPT)/prepare_lexicon.py --base $(DATA)/first/lexicon.txt --manifest $(SPEECH) $(TAUGHT) \
		--out $(DATA)/names/lexicon.txt
	touch $@

$(DONE)/second: $(DONE)/names
	$(TRAIN) $(RECIPE)/teacher.toml -o $(DATA)/second --dev $(DEV) --workers 1 \
		--set init.model=$(HERE)/names --set distort.noise_folder=$(HERE)/noise \
		$(foreach manifest,$(SPEECH) $(TAUGHT),--train $(manifest)) $(call updates,20)
	touch $@

$(DONE)/sentences: $(DONE)/heard
	$(SCRIPT)/prepare_sentences.py --repos $(REPOS) --out $(DATA)/written --exclude $(DEV) \
		--labels $(DATA)/heard-1.tsv $(DATA)/heard-2.tsv $(WORDS)
	cp $(RECIPE)/sentences.toml $(DATA)/sentences.toml
	$(TRAIN) $(DATA)/sentences.toml -o $(DATA)/sentences $(SOME_WORDS)
	touch $@

$(DONE)/neural: $(DONE)/text
	cp $(RECIPE)/neural_lm.toml $(DATA)/neural_lm.toml
	$(TRAIN) $(DATA)/neural_lm.toml -o $(DATA)/neural --dev $(DATA)/text/dev.txt $(SOME_TOKENS)
	touch $@

$(DONE)/measured: $(DONE)/second $(DONE)/sentences $(DONE)/neural
	$(SHIP) $(DATA)/second --mix $(DATA)/first --share 0.3 --out $(OUT) \
		--neural-lm $(DATA)/neural/neural_lm.safetensors \
		--sentences $(DATA)/sentences/sentences.safetensors \
		--before $(DATA)/letters $(DATA)/phones \
		--speech $(SPEECH) --taught $(TAUGHT) --teacher $(TEACHER) \
		--origin recipe=$(RECIPE)/teacher.toml licence=Apache-2.0
	cp $(DATA)/LICENSE-cmudict.txt $(OUT)
	$(SCRIPT)/measure.py $(OUT) $(DEV)
	touch $@
