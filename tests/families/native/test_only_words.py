"""A model without a language model writes words of its lexicon, chosen by the search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnasr_cli.audio.load import load
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import choose
from attnasr_cli.families import models
from attnasr_cli.families.native.decoder import NativeDecoder
from attnasr_cli.families.native.options import NativeOptions
from attnasr_cli.families.native.words import only_words
from attnasr_cli.text.phones import PhoneTokenizer

SAMPLE = Path(__file__).parents[3] / "examples" / "sample.flac"
WORDS = ["there", "was", "nothing", "door"]  # "more" is said, which is not among them


@pytest.fixture(scope="module")
def model() -> Model:
    return models.load("english-small")


def test_the_search_knows_the_words(model: Model) -> None:
    assert only_words(model) == ()  # its language model knows them
    lexicon = model.tokenizer
    assert isinstance(lexicon, PhoneTokenizer)
    few = lexicon.of_words({word: lexicon.spoken[word][:1] for word in WORDS})
    header = replace(model.header, lm=None)
    decoder = NativeDecoder(
        replace(model, header=header, tokenizer=few), choose("cpu", "float32"), NativeOptions()
    )
    (piece,) = decoder.decode([load(SAMPLE, 0.0, 1.3)])[0].pieces
    assert few.spoken_words(piece.tokens) == [few.spoken[word][0] for word in WORDS]
    assert piece.text.split() == WORDS
