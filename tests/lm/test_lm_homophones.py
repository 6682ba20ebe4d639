"""Words that sound alike, and words that are said in several ways."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.lm.homophones import Homophones
from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.scorer import NgramScorer
from attnasr_cli.lm.vocabulary import BORDER

SOUNDS = "abcde"
PIECES = ["<blank>", "<s>", "</s>", *SOUNDS, *("▁" + c for c in SOUNDS)]
EOS = 2
BONUS = 0.3


def spoken(model: NgramModel) -> dict[str, list[str]]:
    """Few sounds for many words, so that most share theirs; every third is said in two ways."""
    found = {}
    for i, word in enumerate(model.vocabulary.words[2:]):
        ways = [SOUNDS[i % 5] + SOUNDS[i % 3], SOUNDS[i % 4]]
        found[word] = ways[: 1 + (i % 3 == 0)]
    return found


def scorer_of(model: NgramModel) -> NgramScorer:
    return NgramScorer(model, PIECES, lambda text: [8], EOS, word_bonus=BONUS, spoken=spoken(model))


def tokens_of(way: str) -> list[int]:
    return [PIECES.index("▁" + way[0]), *(PIECES.index(c) for c in way[1:])]


def log_prob(model: NgramModel, words: list[int]) -> float:
    context, total = model.start(1), 0.0
    for word in [*words, BORDER]:
        total += float(model.log_prob(context, np.array([[word]]))[0, 0])
        context = model.extend(context, np.array([word]))
    return total


def candidates(model: NgramModel, way: str) -> list[int]:
    ids = model.vocabulary.ids
    return [ids[word] for word, ways in spoken(model).items() if way in ways][:6]


WAYS = ["aa", "bb", "cc", "da", "eb", "a", "d"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(WAYS), min_size=1, max_size=3))
def test_the_most_probable_sentence_of_those_that_sound_like_it(
    model: NgramModel, ways: list[str]
) -> None:
    choices = [candidates(model, way) for way in ways]
    best = max(log_prob(model, list(words)) for words in itertools.product(*choices))
    [found] = Homophones(model).likeliest([choices])
    assert log_prob(model, found) == pytest.approx(best, abs=1e-4)
    [words] = scorer_of(model).words([[t for way in ways for t in tokens_of(way)]])
    chosen = [model.vocabulary.ids[word] for word in words if word is not None]
    assert log_prob(model, chosen) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_a_word_costs_what_the_most_probable_of_its_homophones_costs(
    model: NgramModel, way: str
) -> None:
    scorer = scorer_of(model)
    state, total = scorer.start(None, 1), 0.0
    for token in [*tokens_of(way), EOS]:
        total += float(scorer.score(state)[0, token])
        state = scorer.advance(state, torch.tensor([token]))
    first = np.array([candidates(model, way)])
    word = int(first[0, model.log_prob(model.start(1), first)[0].argmax()])
    assert total == pytest.approx(log_prob(model, [word]) + BONUS, abs=1e-3)


def test_a_sound_that_is_no_word_is_unknown(model: NgramModel) -> None:
    assert scorer_of(model).words([tokens_of("eeeee")]) == [[None]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*WAYS, "eeeee"]), max_size=4), max_size=5))
def test_many_sentences_at_once_are_what_each_is_alone(
    model: NgramModel, sentences: list[list[str]]
) -> None:
    rows = [[t for way in ways for t in tokens_of(way)] for ways in sentences]
    assert scorer_of(model).words(rows) == [scorer_of(model).words([row])[0] for row in rows]


def test_what_is_known_is_begun_anew_when_it_is_much(
    model: NgramModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = [[candidates(model, way) for way in ways] for ways in (("aa", "bb"), ("cc", "d"))]
    expected = Homophones(model).likeliest(choices)
    monkeypatch.setattr("attnasr_cli.lm.homophones.REMEMBERED", 1)
    small = Homophones(model)
    assert [small.likeliest([one])[0] for one in choices] == expected
