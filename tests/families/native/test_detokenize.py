"""What is written for tokens that are sounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnasr_cli.families.native.detokenize import written_texts, written_words
from attnasr_cli.lm.scorer import NgramScorer
from attnasr_cli.lm.train import LmConfig, train_ngram
from attnasr_cli.text.chars import CharTokenizer
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import BOS, UNKNOWN

LEXICON = "# phones: B IY K ER\nbe B IY\nbee B IY\nbeaker B IY K ER\na ER\n"


@pytest.fixture
def tokenizer() -> PhoneTokenizer:
    return PhoneTokenizer.from_bytes(LEXICON.encode())


@pytest.fixture
def lm(tmp_path: Path, tokenizer: PhoneTokenizer) -> NgramScorer:
    text, file = tmp_path / "text.txt", tmp_path / "lm.safetensors"
    text.write_text("a bee\nbe a bee\nbeaker be\n" * 3)
    train_ngram(LmConfig(texts=((str(text), 1),), order=2, min_count=1), file)
    return NgramScorer(
        file, tokenizer.pieces, tokenizer.encode, tokenizer.eos, spoken=tokenizer.spoken
    )


def test_the_language_model_tells_apart_what_sounds_alike(
    tokenizer: PhoneTokenizer, lm: NgramScorer
) -> None:
    tokens = tokenizer.encode("be a be")
    assert written_texts(tokenizer, lm, [tokens, tokens]) == ["be a bee"] * 2
    assert written_texts(tokenizer, None, [tokens]) == ["be a be"]


@pytest.mark.parametrize("special", [BOS, UNKNOWN])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_special_tokens_are_no_words_wherever_they_stand(
    tokenizer: PhoneTokenizer, lm: NgramScorer, special: int, place: int
) -> None:
    tokens = tokenizer.encode("a bee")
    tokens.insert(place, special)
    assert written_words(tokenizer, lm, [tokens]) == [["a", "bee"]]


def test_what_begins_inside_a_word_and_what_is_unknown_is_written_as_the_nearest(
    tokenizer: PhoneTokenizer, lm: NgramScorer
) -> None:
    beaker = tokenizer.encode("beaker")
    assert written_words(tokenizer, lm, [[beaker[1], *beaker]]) == [["be", "beaker"]]


def test_a_tokenizer_that_spells_needs_no_help(lm: NgramScorer) -> None:
    letters = CharTokenizer(list("▁be"))
    assert written_words(letters, lm, [letters.encode("be")]) is None
    assert written_texts(letters, None, [letters.encode("be"), []]) == ["be", ""]
