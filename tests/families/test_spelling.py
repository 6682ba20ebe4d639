"""Written words as the tokens of a model that aligns them."""

from __future__ import annotations

import pytest

from attnasr_cli.families.spelling import Speller
from attnasr_cli.text.chars import CharTokenizer
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import Tokenizer

LEXICON = b"""# phones: AH B D EH F IY K L M N OW S T W Z
the DH AH
"""
WORDS = {
    "don't": "D OW N T", "well": "W EH L", "known": "N OW N", "bet": "B EH T", "met": "M EH T",
    "tell": "T EH L", "dog's": "D OW K S", "f": "EH F", "b": "B IY", "cafe": "K AH F EH",
    "lend": "L EH N D", "tend": "T EH N D", "ebb": "EH B",
}  # fmt: skip


@pytest.fixture(scope="module")
def lexicon() -> PhoneTokenizer:
    phones = LEXICON.decode().splitlines()[0].split()[2:]
    return PhoneTokenizer(phones, [(word, said.split()) for word, said in WORDS.items()])


@pytest.fixture(scope="module")
def speller(lexicon: PhoneTokenizer) -> Speller:
    return Speller(lexicon, "lower")


def shown(tokenizer: Tokenizer, tokens: object) -> str:
    assert isinstance(tokens, tuple)
    return "".join(tokenizer.pieces[t] for t in tokens)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (" Don’t,", "▁dOnt"),
        ("“well-known”", "▁wɛl▁nOn"),
        ("FB", "▁ɛfbi"),
        ("café?", "▁kʌfɛ"),
        ("Bend.", "▁bɛnd"),  # by the rules
        ("mell", "▁mɛl"),
    ],
)
def test_words_are_spelled_as_they_are_said(
    speller: Speller, lexicon: PhoneTokenizer, written: str, said: str
) -> None:
    assert shown(lexicon, speller.spell(written)) == said


def test_what_is_not_said_has_no_tokens_and_what_is_said_somehow_has_none_known(
    speller: Speller,
) -> None:
    assert speller.spell(" —") == ()
    assert speller.spell("...") == ()
    for written in ("1984", "4th", "&", "50%", "слово", "我"):
        assert speller.spell(written) is None


def test_characters_are_spelled_by_the_tokenizer() -> None:
    tokenizer = CharTokenizer.train(["abc de"])
    speller = Speller(tokenizer, "lower")
    assert shown(tokenizer, speller.spell("Bad!")) == "▁bad"
    assert speller.spell("bay") is None
