"""Batches of windows of text as the net sees them in use: the words of a stretch of a recording
with the words before it, or from its beginning, and none after it.

All windows of a batch are of one length, so that none is padded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from attnasr_cli.text.sentences.words import BEGIN, END
from attnasr_cli.text.sentences.written import IGNORED
from attnasr_cli.training.sentences.corpus import Corpus, Ints

WHOLE = 0.7
"""share of batches whose windows end at sentence ends; the others end anywhere, as pauses occur
anywhere"""
FROM_BEGIN = 0.5
"""share of batches whose windows begin at the start of a recording"""
SHORTEST, LONGEST = 3, 80
"""words of a stretch"""
CONTEXT = 48
"""words before it, at most"""

Batch = tuple[Ints, Ints, Ints]
"""(B, T) places of words in the corpus' types, or special ids; cases; marks"""


class Windows:
    """Draws windows from a corpus; the same seed gives the same windows."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus, self.draw = corpus, np.random.default_rng(seed)
        self.ended = corpus.ended
        self.ends = np.flatnonzero(self.ended)
        self.starts = np.append(0, self.ends + 1)

    def batches(self, words: int, batch: int) -> Iterator[Batch]:
        """Batches of about ``batch`` words, until ``words`` are seen."""
        seen = 0
        while seen < words:
            found = self._batch(batch)
            seen += found[0].size
            yield found

    def _batch(self, batch: int) -> Batch:
        size = len(self.corpus.words)
        count = min(int(self.draw.integers(SHORTEST, LONGEST + 1)), size)
        begins = bool(self.draw.random() < FROM_BEGIN)
        before = 0 if begins else int(self.draw.integers(0, min(CONTEXT, size - count) + 1))
        rows = max(batch // (before + count + 1 + begins), 1)
        first = self._first(count, before, begins, rows) - before
        places = first[:, None] + np.arange(before + count)
        lead = [BEGIN] if begins else []
        return (
            _framed(self.corpus.words[places], lead, END),
            _framed(self.corpus.cases[places], [IGNORED] * begins, IGNORED),
            _framed(self.corpus.marks[places], [IGNORED] * begins, IGNORED),
        )

    def _first(self, count: int, before: int, begins: bool, rows: int) -> Ints:
        """First words (rows,) of stretches of ``count`` words with ``before`` words to the left."""
        last = len(self.corpus.words) - count
        whole = self.draw.random() < WHOLE
        candidates = self.starts if begins else self.ends - count + 1 if whole else None
        if candidates is not None:
            candidates = candidates[(candidates >= before) & (candidates <= last)]
            if begins and whole:
                exact = candidates[self.ended[candidates + count - 1]]
                candidates = exact if len(exact) else candidates
        if candidates is None or not len(candidates):
            return self.draw.integers(before, last + 1, rows)
        return candidates[self.draw.integers(0, len(candidates), rows)]


def _framed(values: Ints, lead: list[int], end: int) -> Ints:
    """(B, T) with columns of these before and behind them."""
    rows = len(values)
    parts = [np.full((rows, 1), value) for value in lead]
    return np.concatenate([*parts, values, np.full((rows, 1), end)], 1)
