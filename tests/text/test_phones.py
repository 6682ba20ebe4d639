"""A pronouncing lexicon as the tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnasr_cli.errors import DataError
from attnasr_cli.text.load import load_tokenizer
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import SPECIAL, UNKNOWN

LEXICON = """# phones: AH B DH ER IY K L N T qq
the DH AH
the DH IY
be B IY
bee B IY
learn L ER N
tic T qq K
"""
KNOWN = ["the", "be", "learn", "tic"]


@pytest.fixture
def tokenizer() -> PhoneTokenizer:
    return PhoneTokenizer.from_bytes(LEXICON.encode())


def test_a_phone_has_a_token_within_a_word_and_one_at_its_beginning(
    tokenizer: PhoneTokenizer,
) -> None:
    assert tokenizer.vocab_size == len(SPECIAL) + 2 * 10
    pieces = [tokenizer.pieces[t] for t in tokenizer.encode("the bee")]
    assert pieces == ["▁ð", "ʌ", "▁b", "i"]


@given(st.lists(st.sampled_from(KNOWN)))
def test_words_come_back(words: list[str]) -> None:
    tokenizer = PhoneTokenizer.from_bytes(LEXICON.encode())
    assert tokenizer.decode(tokenizer.encode(" ".join(words))) == " ".join(words)


def test_of_words_that_sound_alike_the_first_is_written(tokenizer: PhoneTokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("bee")) == "be"


def test_every_pronunciation_is_understood(tokenizer: PhoneTokenizer) -> None:
    assert [tokenizer.word(spoken) for spoken in tokenizer.spoken["the"]] == ["the", "the"]


def test_what_is_no_word_becomes_the_word_that_sounds_most_like_it(
    tokenizer: PhoneTokenizer,
) -> None:
    learn = tokenizer.encode("learn")
    assert tokenizer.decode(learn[:-1]) == "learn"
    assert tokenizer.decode([]) == ""


def test_a_word_that_the_lexicon_lacks_is_one_unknown(tokenizer: PhoneTokenizer) -> None:
    assert tokenizer.encode("be zebra")[-1:] == [UNKNOWN]
    assert tokenizer.decode([UNKNOWN]) == ""


def test_the_file_comes_back(tmp_path: Path, tokenizer: PhoneTokenizer) -> None:
    assert tokenizer.to_bytes().decode() == LEXICON
    path = tmp_path / PhoneTokenizer.file_name
    path.write_bytes(tokenizer.to_bytes())
    assert load_tokenizer(path).pieces == tokenizer.pieces


@pytest.mark.parametrize("text", ["the DH AH\n", "# phones: DH\nthe DH AH\n", "# phones: A\na\n"])
def test_what_is_no_lexicon_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(text)
    with pytest.raises(DataError, match="no lexicon"):
        PhoneTokenizer.read(path)
