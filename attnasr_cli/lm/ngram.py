"""A back-off n-gram model that answers for many rows and words at once.

Every order is a sorted array of integers, context · V + word, as it is counted (``counts.py``), so
a look-up is a binary search, and all rows are looked up together. R rows, W words each, n orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.counts import Level
from attnasr_cli.lm.kneser_ney import Estimate, Mask
from attnasr_cli.lm.vocabulary import BORDER, Ints, Vocabulary

Floats = npt.NDArray[np.float32]
NOTHING = -1  # in a context: further left than the beginning of the sentence


class Order(NamedTuple):
    """The M n-grams of one order, sorted."""

    keys: Ints
    """(M,) index of the context at the order below · V + last word"""
    log_prob: Floats
    """(M,) natural logarithm of p(last word | context)"""
    backoff: Floats
    """(M,) log γ of the n-gram as a context; empty at the highest order"""


def pick(values: Floats, at: Ints, otherwise: Floats | float) -> Floats:
    """values[at] where ``at`` is not -1, and ``otherwise`` where it is."""
    found = values[at] if len(values) else np.zeros(at.shape, np.float32)
    return np.where(at >= 0, found, otherwise)


class NgramModel:
    """Words, probabilities, and what a word outside the vocabulary costs."""

    def __init__(self, vocabulary: Vocabulary, orders: Sequence[Order], spelling: Floats) -> None:
        self.vocabulary = vocabulary
        self.orders = list(orders)
        self.spelling = spelling
        size = len(vocabulary)
        # starts[j][c] … starts[j][c + 1]: the n-grams of order j + 2 after context c
        self.starts = [
            np.searchsorted(above.keys, np.arange(len(below.keys) + 1, dtype=np.int64) * size)
            for below, above in zip(self.orders, self.orders[1:], strict=False)
        ]

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

    def log_prob(self, contexts: Ints, words: Ints) -> Floats:
        """log p(word | context): contexts (R, n-1), words (R, W) → (R, W)."""
        total = self.orders[0].log_prob[words]
        for length in range(1, self.order):
            node = self.context(contexts, length)[:, None]
            hit = self.find(length + 1, node, words)
            total = total + pick(self.orders[length - 1].backoff, node, 0)
            total = pick(self.orders[length].log_prob, hit, total)
        return total.astype(np.float32)

    def extend(self, contexts: Ints, words: Ints) -> Ints:
        """The contexts (R, n-1) after one more word (R,)."""
        return np.concatenate([contexts, words[:, None]], 1)[:, 1:]

    def followers(self, context: Sequence[int]) -> tuple[Ints, Floats, float]:
        """Words counted after one context, their log p, and log γ: (M,), (M,), a number."""
        row = np.array([[*([NOTHING] * (self.order - 1)), *context]])[:, -(self.order - 1) :]
        node = int(self.context(row, len(context))[0])
        if node < 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32), 0.0
        above = self.orders[len(context)]
        at = slice(*self.starts[len(context) - 1][node : node + 2])
        weight = float(self.orders[len(context) - 1].backoff[node])
        return above.keys[at] - node * len(self.vocabulary), above.log_prob[at], weight


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
