"""Rules from letters to sounds, learnt from a lexicon."""

from __future__ import annotations

import math

import pytest

from attnasr_cli.text.letters import LetterSounds, divide, plain

# c is s before e and i, else k; sh is one sound; x is two; e at the end is silent.
SOUNDS = {"a": "a", "b": "b", "i": "i", "n": "n", "o": "o", "t": "t"}


def said(word: str) -> str:
    out = []
    for i, letter in enumerate(word):
        after = word[i + 1 : i + 2]
        if letter == "c":
            out.append("s" if after in ("e", "i") and after else "k")
        elif letter == "x":
            out.append("ks")
        elif letter == "s":
            out.append("ʃ" if after == "h" else "s")
        elif letter == "e":
            out.append("" if i == len(word) - 1 else "e")
        else:
            out.append(SOUNDS.get(letter, ""))
    return "".join(out)


LEXICON = {
    word: [said(word)]
    for word in (
        a + b + c + d
        for a in ("ca", "ce", "ci", "co", "ba", "sha", "sa", "ti")
        for b in ("n", "t", "b", "x", "c")
        for c in ("a", "e", "i", "o")
        for d in ("", "n", "t", "sh", "te")
    )
}


@pytest.fixture(scope="module")
def sounds() -> LetterSounds:
    return LetterSounds(LEXICON)


@pytest.mark.parametrize("word", ["cabbit", "cinacot", "tishobe", "boxen", "nacito", "shacebin"])
def test_words_that_no_lexicon_has_are_said_by_its_rules(sounds: LetterSounds, word: str) -> None:
    assert word not in LEXICON
    single = word.replace("bb", "b")  # a doubled letter is one sound
    assert sounds.say(word) == said(single)


def test_a_letter_that_was_never_seen_has_no_sound(sounds: LetterSounds) -> None:
    assert sounds.say("caqa") is None
    assert sounds.say("ca#a") is None
    assert sounds.say("") is None


def test_a_word_is_divided_as_cheaply_as_can_be() -> None:
    costs = {
        "x": {"ks": 0.1, "k": 2.0},
        "s": {"s": 0.1},
        "o": {"o": 0.1, "": 3.0},
        "e": {"": 0.1, "e": 0.2},
    }
    assert divide("soxe", "soks", costs) == ["s", "o", "ks", ""]
    for word, phones in (("oxo", "oks"), ("s", ""), ("se", "sese")):
        assert "".join(divide(word, phones, costs)) == phones
    assert len(divide("oxo", "oks", costs)) == 3
    assert math.isfinite(sum(map(len, divide("zz", "abcd", costs))))


def test_accents_are_left_out() -> None:
    assert plain("Café") == "Cafe"
