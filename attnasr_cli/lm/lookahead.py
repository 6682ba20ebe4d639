"""How probable the best word is that can still come of a beginning, for each context.

The value of a column (a group of trie nodes) after a context is max log p(word | context) over the
words below it. For a context it is made from that of the context one word shorter,

    value(h) = max(value(h') + log γ(h), log p(w|h) of the words that were counted after h),

which is exact but for words whose own probability after h is less than their backed-off one. Rows
are computed when a context is first met, and cached (language model look-ahead: Ortmanns, Ney and
Eiden 1996; for attention decoders: Hori, Cho and Watanabe 2018).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.vocabulary import Ints

Floats = npt.NDArray[np.float32]
LEAST = np.float32(-60.0)  # where no word is below
CONTEXTS = 200_000  # remembered at most: many share a row, so they can be more than the rows


class LookAhead:
    """Cached rows of values, one a context."""

    def __init__(self, model: NgramModel, paths: Ints, columns: int, capacity: int) -> None:
        """paths (W, P): the columns of each word, padded with ``columns``; capacity in rows."""
        self.model = model
        self.paths = paths
        self.table = np.empty((capacity, columns + 1), np.float32)
        """(capacity, columns + 1); the last column is for padding"""
        self.table[0] = LEAST  # the empty context
        log_prob = model.orders[0].log_prob
        np.maximum.at(self.table[0], paths, np.broadcast_to(log_prob[:, None], paths.shape))
        self._forget()
        self.used = np.zeros(capacity, np.int64)
        """(capacity,) the call in which a row was last used"""
        self.calls = 0

    def _forget(self) -> None:
        self.slots: dict[tuple[int, ...], int] = {(): 0}
        self.free = list(range(1, len(self.table)))

    def all_columns(self, contexts: Ints) -> Floats:
        """The values (R, columns) after each context (R, n-1)."""
        slots = self._slots(contexts)
        return self.table[slots, :-1]

    def some_columns(self, contexts: Ints, rows: Ints, columns: Ints) -> Floats:
        """The values (M,) of columns (M,) after the contexts of rows (M,)."""
        slots = self._slots(contexts)
        return self.table[slots[rows], columns]

    def _slots(self, contexts: Ints) -> Ints:
        """The row of the table (R,) for each context (R, n-1). Valid until the next call."""
        self.calls += 1
        if len(self.slots) > CONTEXTS:
            self._forget()
        wanted = [tuple(row) for row in contexts.tolist()]
        different = set(wanted)
        there = [self.slots[context] for context in different if context in self.slots]
        self.used[there] = self.calls
        missing = [context for context in different if context not in self.slots]
        if missing:
            self._make_room(len(missing) * contexts.shape[1])
        for context in missing:
            self.slots[context] = self._slot(tuple(word for word in context if word >= 0))
        return np.array([self.slots[context] for context in wanted], np.int64)

    def _make_room(self, need: int) -> None:
        """See to it that ``need`` rows are free: forget the half that was not used the longest."""
        if need <= len(self.free):
            return
        taken = np.setdiff1d(np.arange(1, len(self.table)), self.free)
        idle = taken[self.used[taken] < self.calls]
        half = max(need, len(self.table) // 2)
        gone = set(idle[np.argsort(self.used[idle], kind="stable")][:half].tolist())
        self.slots = {c: slot for c, slot in self.slots.items() if slot not in gone}
        self.free += sorted(gone)
        if need > len(self.free):
            size = len(self.table)
            self.table = np.concatenate([self.table, np.empty_like(self.table[:1]).repeat(need, 0)])
            self.used = np.append(self.used, np.zeros(need, np.int64))
            self.free += range(size, size + need)

    def _slot(self, context: tuple[int, ...]) -> int:
        """The row of one context, computed unless it is there."""
        slot = self.slots.get(context)
        if slot is None:
            shorter = self._slot(context[1:])
            words, log_prob, weight = self.model.followers(context)
            if not len(words) and weight == 0:
                slot = shorter
            else:
                slot = self.free.pop()
                row = self.table[slot]
                np.add(self.table[shorter], np.float32(weight), out=row)
                best_last = np.argsort(log_prob)  # where columns repeat, the last value stays
                way = self.paths[words[best_last]]
                row[way] = np.maximum(row[way], log_prob[best_last, None])
            self.slots[context] = slot
        self.used[slot] = self.calls
        return slot
