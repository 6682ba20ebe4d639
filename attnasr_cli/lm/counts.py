"""All n-grams of a text, order by order, as sorted arrays.

An n-gram of order k is its context's index at order k - 1 times the vocabulary size, plus its last
word: one integer, whatever the order. Sorting these integers gives the n-grams, their counts and
a trie at once: the n-grams that share a context lie beside each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.vocabulary import BORDER, Words

Index = npt.NDArray[np.int32]


class Level(NamedTuple):
    """The M different n-grams of one order, sorted by context and then by last word."""

    words: Index
    """(M,) last word"""
    prefix: Index
    """(M,) index, one order below, of the n-gram without its last word: the context"""
    suffix: Index
    """(M,) index, one order below, of the n-gram without its first word"""
    times: npt.NDArray[np.int64]
    """(M,) occurrences, weighted"""
    at_start: npt.NDArray[np.bool_]
    """(M,) the first word is the border: nothing can be to the left of it"""

    def __len__(self) -> int:
        return len(self.words)


def first_level(stream: Words, weight: npt.NDArray[np.int64] | None, size: int) -> Level:
    """Order 1: all ``size`` words of the vocabulary, whether they occur or not."""
    zeros = np.zeros(size, np.int32)
    times = np.bincount(stream[1:], None if weight is None else weight[1:], size)
    words = np.arange(size, dtype=np.int32)
    return Level(words, zeros, zeros, times.astype(np.int64), words == BORDER)


def next_level(
    stream: Words,
    weight: npt.NDArray[np.int64] | None,
    at: Index,
    below: Level,
    order: int,
    size: int,
) -> tuple[Level, Index]:
    """The level of ``order``. ``at`` (N,): which n-gram of the order below ends there, or -1.

    Returns the level, and the same array for it.
    """
    # the context ends one position earlier, and does not end with a border unless it is only that
    context = at[:-1]
    usable = context >= 0
    if order > 2:
        usable = usable & (stream[:-1] != BORDER)
    positions = np.flatnonzero(usable).astype(np.int32) + np.int32(1)
    keys = context[positions - 1].astype(np.int64) * size + stream[positions]
    ranking = np.argsort(keys)
    ranked = keys[ranking]
    del keys
    new = np.append(True, ranked[1:] != ranked[:-1])[: len(ranked)]
    first = np.flatnonzero(new)
    unique = ranked[first]
    del ranked
    end_at = np.full(len(stream), -1, np.int32)
    lengths = np.diff(np.append(first, len(ranking)))
    end_at[positions[ranking]] = np.repeat(np.arange(len(first), dtype=np.int32), lengths)
    times = lengths
    if weight is not None and len(first):
        times = np.add.reduceat(weight[positions[ranking]], first)
    prefix = (unique // size).astype(np.int32)
    level = Level(
        (unique % size).astype(np.int32),
        prefix,
        at[positions[ranking[first]]],
        times.astype(np.int64),
        below.at_start[prefix],
    )
    return level, end_at


def count_ngrams(streams: Sequence[tuple[Words, int]], order: int, size: int) -> list[Level]:
    """The levels of orders 1 … ``order``, of id streams that each count a number of times."""
    stream = np.concatenate([streams[0][0][:1], *(ids[1:] for ids, _ in streams)])
    weight: npt.NDArray[np.int64] | None = None
    if any(times != 1 for _, times in streams):
        weight = np.concatenate([[1], *(np.full(len(s) - 1, times) for s, times in streams)])
    levels = [first_level(stream, weight, size)]
    at: Index = stream
    for k in range(2, order + 1):
        level, at = next_level(stream, weight, at, levels[-1], k, size)
        levels.append(level)
    return levels
