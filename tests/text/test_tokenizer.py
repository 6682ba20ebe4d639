"""Characters and sentencepiece: any script, there and back."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.errors import ModelError
from attnasr_cli.text.chars import CharTokenizer
from attnasr_cli.text.load import load_tokenizer
from attnasr_cli.text.subwords import BpeTokenizer
from attnasr_cli.text.tokenizer import UNKNOWN, Tokenizer

TEXTS = ["it's a fine day", "तुम कैसे हो", "今日は良い天気", "ça va très bien", "مرحبا بك"]


@pytest.fixture(scope="module")
def bpe() -> BpeTokenizer:
    return BpeTokenizer.train(TEXTS * 10, 80)


@pytest.mark.parametrize("text", TEXTS)
def test_any_script_there_and_back(text: str, bpe: BpeTokenizer) -> None:
    characters = CharTokenizer.train(TEXTS)
    for tokenizer in (characters, bpe):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert min(tokenizer.encode(text)) > UNKNOWN


@given(st.text(alphabet="abc xyz'é漢", max_size=30))
@settings(deadline=None)
def test_characters_give_back_every_text_with_single_spaces(text: str) -> None:
    tokenizer = CharTokenizer(["a", "b", "c", "x", "y", "z", "'", "é", "漢", "▁"])
    wanted = " ".join(unicodedata.normalize("NFC", text).split())
    assert tokenizer.decode(tokenizer.encode(text)) == wanted


def test_what_cannot_be_written_is_unknown(bpe: BpeTokenizer) -> None:
    tokenizers: list[Tokenizer] = [CharTokenizer(["a", "▁"]), bpe]
    for tokenizer in tokenizers:
        assert UNKNOWN in tokenizer.encode("a Ω")
        assert "Ω" not in tokenizer.decode(tokenizer.encode("a Ω"))


def test_files_are_read_back(tmp_path: Path, bpe: BpeTokenizer) -> None:
    for tokenizer in (CharTokenizer.train(TEXTS), bpe):
        path = tmp_path / tokenizer.file_name
        path.write_bytes(tokenizer.to_bytes())
        again = load_tokenizer(path)
        assert again.pieces == tokenizer.pieces
        assert again.encode(TEXTS[0]) == tokenizer.encode(TEXTS[0])


@pytest.mark.parametrize("name", ["characters.json", "sentencepiece.model", "lexicon.txt"])
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(ModelError, match="no tokenizer file"):
        load_tokenizer(path)
    path.write_bytes(b"\xff\xfenot a tokenizer")
    with pytest.raises(ModelError, match=f"damaged tokenizer file .*{name}"):
        load_tokenizer(path)
    with pytest.raises(ModelError, match="unknown tokenizer file"):
        load_tokenizer(tmp_path / "vocab.txt")


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_few_texts_give_fewer_pieces_and_many_characters_need_as_many(kind: str) -> None:
    few = BpeTokenizer.train(["a b c", "cab"], 900, kind)
    assert few.vocab_size < 20
    assert few.decode(few.encode("b cab")) == "b cab"
    with pytest.raises(ModelError, match=f"cannot make 5 {kind} pieces"):
        BpeTokenizer.train(["a b c"], 5, kind)


def test_pieces_are_made_once(bpe: BpeTokenizer) -> None:
    """They are asked for at every segment, and a vocabulary has tens of thousands."""
    assert bpe.pieces is bpe.pieces
    assert BpeTokenizer.from_bytes(bpe.to_bytes()).pieces == bpe.pieces
