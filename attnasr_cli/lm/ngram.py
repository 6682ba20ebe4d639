"""A back-off n-gram model with vectorised look-up for many rows and words.

Every order is a sorted array of integers, context · V + word, as it is counted (``counts.py``), so
a look-up is a binary search, and all rows are looked up together. R rows, W words each, n orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.counts import Level
from attnasr_cli.lm.kneser_ney import Estimate, Mask
from attnasr_cli.lm.vocabulary import BORDER, Ints, Vocabulary

Floats = npt.NDArray[np.float32]
NOTHING = -1  # in a context: further left than the beginning of the sentence


class Coded:
    """An array of numbers with at most 256 distinct values, stored as one byte each; indexing gives
    the numbers."""

    def __init__(self, codes: npt.NDArray[np.uint8], table: Floats) -> None:
        """codes (M,), table (256,)"""
        self.codes, self.table = codes, table

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, at: Any) -> Floats:
        """The numbers at some places, a slice or an array of any shape."""
        found: Floats = self.table[self.codes[at]]
        return found


class Order(NamedTuple):
    """The M n-grams of one order, sorted."""

    keys: Ints
    """(M,) index of the context at the order below · V + last word"""
    log_prob: Floats | Coded
    """(M,) natural logarithm of p(last word | context)"""
    backoff: Floats | Coded
    """(M,) log γ of the n-gram as a context; empty at the highest order"""


def pick(values: Floats | Coded, at: Ints, otherwise: Floats | float) -> Floats:
    """values[at] where ``at`` is not -1, and ``otherwise`` where it is."""
    found = values[at] if len(values) else np.zeros(at.shape, np.float32)
    return np.where(at >= 0, found, otherwise)


class NgramModel:
    """The vocabulary, the probabilities of its n-grams, and the spelling model for other words."""

    def __init__(self, vocabulary: Vocabulary, orders: Sequence[Order], spelling: Floats) -> None:
        self.vocabulary = vocabulary
        self.orders = list(orders)
        self.spelling = spelling

    @property
    def order(self) -> int:
        return len(self.orders)

    def start(self, rows: int) -> Ints:
        """The context (R, n-1) at the beginning of a sentence."""
        context = np.full((rows, self.order - 1), NOTHING, np.int64)
        context[:, -1:] = BORDER
        return context

    def find(self, k: int, context: Ints, words: Ints) -> Ints:
        """Index at order k of (context, word), or -1. Arrays broadcast; -1 inside gives -1."""
        keys = self.orders[k - 1].keys
        wanted = context * len(self.vocabulary) + words
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = (context >= 0) & (words >= 0) & (keys[at] == wanted) if len(keys) else at < 0
        return np.where(found, at, -1)

    def context(self, contexts: Ints, length: int) -> Ints:
        """Index (R,) at order ``length`` of the last words of every context (R, n-1), or -1."""
        node = contexts[:, -length]
        for k in range(2, length + 1):
            node = self.find(k, node, contexts[:, k - 1 - length])
        return node

    def places(self, contexts: Ints) -> Ints:
        """The index of every context at orders 1 … n-1, or -1: (R, n-1)."""
        lengths = range(1, self.order)
        found = [self.context(contexts, length) for length in lengths]
        return np.stack(found, 1) if found else np.zeros((len(contexts), 0), np.int64)

    def log_prob(self, contexts: Ints, words: Ints) -> Floats:
        """log p(word | context): contexts (R, n-1), words (R, W) → (R, W)."""
        return self.log_prob_at(self.places(contexts), words)

    def log_prob_at(self, places: Ints, words: Ints) -> Floats:
        """log p(word | context) where the ``places`` (R, n-1) of the contexts are known."""
        total = self.orders[0].log_prob[words]
        for length in range(1, self.order):
            node = places[:, length - 1, None]
            hit = self.find(length + 1, node, words)
            total = total + pick(self.orders[length - 1].backoff, node, 0)
            total = pick(self.orders[length].log_prob, hit, total)
        return total.astype(np.float32)

    def extend(self, contexts: Ints, words: Ints) -> Ints:
        """The contexts (R, n-1) after one more word (R,)."""
        return np.concatenate([contexts, words[:, None]], 1)[:, 1:]

    def followers(self, length: int, places: Ints) -> tuple[Ints, Floats, Ints]:
        """The words counted after each context of ``length`` words at places (R,), all behind each
        other, (M,), their log p (M,), and how many follow each context (R,)."""
        size, above = len(self.vocabulary), self.orders[length]
        spans = above.keys.searchsorted(np.stack([places, places + 1], 1) * size)
        count = spans[:, 1] - spans[:, 0]
        at, _ = ranges(spans[:, 0], count)
        return above.keys[at] - np.repeat(places, count) * size, above.log_prob[at], count


def ranges(start: Ints, count: Ints) -> tuple[Ints, Ints]:
    """The numbers (M,) of several ranges behind each other, start (R,) and count (R,), and where
    each begins (R,)."""
    begin = count.cumsum() - count
    return np.repeat(start - begin, count) + np.arange(count.sum()), begin


def build(
    vocabulary: Vocabulary,
    levels: Sequence[Level],
    estimate: Estimate,
    kept: Sequence[Mask] | None,
    spelling: Floats,
) -> NgramModel:
    """The model of the n-grams that are kept (all where ``kept`` is None)."""
    size = len(vocabulary)
    orders: list[Order] = []
    new = np.arange(1)
    for k, level in enumerate(levels):
        mask = np.ones(len(level), bool) if kept is None else kept[k]
        keys = new[level.prefix[mask]] * (size if k else 0) + level.words[mask]
        log_prob = np.log(estimate.probability[k][mask])
        last = k == len(levels) - 1
        backoff = np.zeros(0) if last else np.log(np.maximum(estimate.backoff[k][mask], 1e-30))
        orders.append(
            Order(keys.astype(np.int64), log_prob.astype(np.float32), backoff.astype(np.float32))
        )
        new = np.cumsum(mask, dtype=np.int64) - 1
    return NgramModel(vocabulary, orders, spelling)
