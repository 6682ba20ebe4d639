"""Smoothing against a brute-force implementation with dictionaries."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.lm.counts import count_ngrams
from attnasr_cli.lm.kneser_ney import adjusted_counts, discounts, estimate
from attnasr_cli.lm.ngram import NgramModel, build
from attnasr_cli.lm.prune import keep, losses, threshold_for
from attnasr_cli.lm.vocabulary import Vocabulary

Make = Any  # a function: see conftest.py
Ngram = tuple[int, ...]


def brute_force(sentences: list[list[int]], order: int, size: int) -> dict[Ngram, float]:
    """p of every counted n-gram (Chen and Goodman 1998), all with dictionaries."""
    counts: list[Counter[Ngram]] = [Counter() for _ in range(order)]
    left: defaultdict[Ngram, set[int]] = defaultdict(set)
    for sentence in sentences:
        padded = [0, *sentence, 0]
        for end in range(1, len(padded)):
            for k in range(1, min(order, end + 1) + 1):
                gram = tuple(padded[end - k + 1 : end + 1])
                counts[k - 1][gram] += 1
                if k < order and end - k >= 0:
                    left[gram].add(padded[end - k])
    p: dict[Ngram, float] = {}
    for k in range(1, order + 1):
        a = {
            gram: n if k == order or (k > 1 and gram[0] == 0) else len(left[gram])
            for gram, n in counts[k - 1].items()
        }
        d = discounts(np.array(list(a.values()), np.float64))
        total: Counter[Ngram] = Counter()
        saved: defaultdict[Ngram, float] = defaultdict(float)
        for gram, n in a.items():
            total[gram[:-1]] += n
            saved[gram[:-1]] += d[min(n, 3)]
        grams = a if k > 1 else {(word,): a.get((word,), 0) for word in range(size)}
        for gram, n in grams.items():
            h = gram[:-1]
            lower = p[gram[1:]] if k > 1 else 1 / size
            p[gram] = (n - d[min(n, 3)] + saved[h] * lower) / total[h]
    return p


def stream_of(sentences: list[list[int]]) -> np.ndarray:
    return np.array([0, *(word for s in sentences for word in [*s, 0])], np.int32)


def stored(model: NgramModel) -> dict[Ngram, float]:
    """Every n-gram of a model with its probability."""
    size = len(model.vocabulary)
    grams: list[Ngram] = [(i,) for i in range(size)]
    found = dict(zip(grams, np.exp(model.orders[0].log_prob), strict=True))
    for order in model.orders[1:]:
        grams = [(*grams[key // size], int(key % size)) for key in order.keys]
        found |= dict(zip(grams, np.exp(order.log_prob), strict=True))
    return found


def all_contexts(model: NgramModel) -> np.ndarray:
    size = len(model.vocabulary)
    shape = (size,) * (model.order - 1)
    contexts = np.stack([axis.ravel() for axis in np.indices(shape)], 1) - 0
    contexts[:, :-1][contexts[:, :-1] == 0] = -1  # a border is only ever the nearest word
    return contexts


SMALL = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=6), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(SMALL, st.integers(2, 4))
def test_equals_brute_force(sentences: list[list[int]], order: int) -> None:
    vocabulary = Vocabulary(list("abcd"))
    levels = count_ngrams([(stream_of(sentences), 1)], order, len(vocabulary))
    model = build(vocabulary, levels, estimate(levels), None, np.zeros(256, np.float32))
    expected = brute_force(sentences, order, len(vocabulary))
    assert stored(model) == pytest.approx(expected, rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(SMALL, st.integers(2, 3), st.floats(0.0, 1.0))
def test_sums_to_one_also_when_pruned(
    sentences: list[list[int]], order: int, quantile: float
) -> None:
    vocabulary = Vocabulary(list("abcd"))
    levels = count_ngrams([(stream_of(sentences), 1)], order, len(vocabulary))
    loss = losses(levels, estimate(levels))
    kept = keep(levels, loss, float(np.quantile(np.concatenate(loss), quantile)))
    model = build(vocabulary, levels, estimate(levels, kept), kept, np.zeros(256, np.float32))
    contexts = all_contexts(model)
    words = np.tile(np.arange(len(vocabulary)), (len(contexts), 1))
    np.testing.assert_allclose(np.exp(model.log_prob(contexts, words)).sum(1), 1, rtol=1e-4)


def test_a_text_that_counts_twice_is_the_text_twice() -> None:
    rng = np.random.default_rng(0)
    one = stream_of([[int(w) for w in rng.integers(1, 6, 5)] for _ in range(10)])
    other = stream_of([[int(w) for w in rng.integers(1, 6, 5)] for _ in range(10)])
    weighted = count_ngrams([(one, 1), (other, 2)], 3, 6)
    repeated = count_ngrams([(one, 1), (other, 1), (other, 1)], 3, 6)
    for a, b in zip(weighted, repeated, strict=True):
        assert [list(x) for x in a[:2]] == [list(x) for x in b[:2]]
        assert list(a.times) == list(b.times)


def test_losses_are_not_negative_and_a_threshold_meets_its_budget(
    text: Path, make_model: Make
) -> None:
    _, levels = make_model(text)
    loss = losses(levels, estimate(levels))
    assert all((level > -1e-6).all() for level in loss)
    counts = [len(level) for level in levels]
    budget = counts[0] + 0.6 * (counts[1] + counts[2])
    kept = keep(levels, loss, threshold_for(levels, loss, [1.0, 1.0, 1.0], budget))
    number = sum(int(mask.sum()) for mask in kept)
    assert 0.4 * budget < number <= budget
    for above, below, level in zip(kept[1:], kept, levels[1:], strict=False):
        assert below[level.prefix[above]].all()  # no n-gram without its context


def test_keeping_everything_is_not_pruning(text: Path, make_model: Make) -> None:
    _, levels = make_model(text)
    kept = [np.ones(len(level), bool) for level in levels]
    for a, b in zip(estimate(levels), estimate(levels, kept), strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y)


def test_adjusted_counts_are_left_neighbours(
    text: Path, make_model: Make, sentences: list[str]
) -> None:
    model, levels = make_model(text, order=2)
    ids = model.vocabulary.ids
    neighbours = {
        s.split()[i - 1] for s in sentences for i, w in enumerate(s.split()) if w == "sat"
    }
    assert adjusted_counts(levels)[0][ids["sat"]] == len(neighbours)
