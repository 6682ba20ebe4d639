"""Look-ahead: the probability of the best word that a prefix can still become, for each context.

The value of a trie node after a context is max log p(word | context) over the words below it. For a
context it is made from that of the context one word shorter,

    value(h) = max(value(h') + log γ(h), log p(w|h) of the words that were counted after h),

which is exact but for words whose own probability after h is less than their backed-off one
(language model look-ahead: Ortmanns, Ney and Eiden 1996; for attention decoders: Hori, Cho and
Watanabe 2018).

The words below a node are a range of the sorted entries of the lexicon. So the second part is the
largest value of a range among the entries that were counted after h, which are few; nothing as
large as the trie is kept for a context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.lexicon import Lexicon, Lists
from attnasr_cli.lm.ngram import Floats, NgramModel
from attnasr_cli.lm.vocabulary import Ints

LEAST = np.float32(-60.0)  # where no word is below
NEVER = np.float32(-np.inf)
REMEMBERED = 4_000_000
"""cached words after contexts, 8 bytes each; then the cache is cleared"""
CONTEXTS = 100_000  # kept at most, for the same reason

Words = tuple[int, ...]


class _Context:
    """The words counted after one context."""

    __slots__ = ("depth", "entries", "first", "log_prob", "shorter", "values", "weight", "words")

    def __init__(
        self, shorter: _Context | None, weight: float, words: Ints, log_prob: Floats, first: Floats
    ) -> None:
        self.shorter, self.weight = shorter, np.float32(weight)
        self.depth: int = 0 if shorter is None else shorter.depth + 1
        self.words, self.log_prob = words, log_prob
        self.first = first
        """(F,) values of the nodes that begin words"""
        self.entries: npt.NDArray[np.int32] | None = None
        """(M,) the entries of these words in order; None until they are needed"""
        self.values: Floats = log_prob
        """(M + 1,) their values, and one that is never the largest"""


class LookAhead:
    """Values of nodes after contexts of some words. Thread-safe: cached values never change, and
    lost ones are computed again."""

    def __init__(
        self,
        model: NgramModel,
        lexicon: Lexicon,
        first: Ints,
        contexts: int = CONTEXTS,
        remembered: int = REMEMBERED,
    ) -> None:
        """first (F,): the nodes that begin words."""
        self.model, self.lexicon = model, lexicon
        self.limits = contexts, remembered
        ends = np.append(model.orders[0].log_prob[lexicon.entry_words], LEAST)
        self.bounds = np.stack([lexicon.low, lexicon.high], 1).astype(np.int32)  # (N, 2)
        self.base: Floats = np.maximum.reduceat(ends, self.bounds.ravel())[::2]
        """(N,) after no context"""
        column = np.full(lexicon.size + 1, -1)
        column[first] = np.arange(len(first))
        ways = column[lexicon.entry_nodes]  # node -1 is the last one, which begins nothing
        entry, depth = np.nonzero(ways >= 0)
        size = len(model.vocabulary)
        self.columns = Lists.of(lexicon.entry_words[entry], ways[entry, depth], size)
        """which of the nodes that begin words each word lies below"""
        nothing = np.zeros(0, np.int64)
        self.root = _Context(None, 0.0, nothing, np.zeros(0, np.float32), self.base[first])
        self.forget()

    def forget(self) -> None:
        self.known: dict[Words, _Context] = {(): self.root}
        self.kept = 0

    def first(self, contexts: Sequence[Words]) -> Floats:
        """The values (R, F) of the nodes that begin words, after each context."""
        return np.array([self._context(words).first for words in contexts], np.float32)

    def values(self, contexts: Sequence[Words], rows: Ints, nodes: Ints) -> Floats:
        """The values (M,) of nodes (M,) after the contexts of rows (M,)."""
        value: Floats = self.base[nodes]
        bounds = self.bounds[nodes]
        for context, at in self._parts(contexts, rows):
            entries, log_prob = self._entries(context)
            here = value[at] + context.weight
            if len(entries):
                span = entries.searchsorted(bounds[at])  # (m, 2)
                best = np.maximum.reduceat(log_prob, span.ravel())[::2]
                best = np.where(span[:, 0] < span[:, 1], best, NEVER)
                here = np.maximum(here, best)
            value[at] = here
        return value

    def _parts(self, contexts: Sequence[Words], rows: Ints) -> Iterator[tuple[_Context, Ints]]:
        """Every context and its shorter ones, these first, and the places in ``rows`` of each."""
        number: dict[Words, int] = {}
        kind = np.array([number.setdefault(words, len(number)) for words in contexts], np.int64)
        kind = kind[rows]
        different = [self._context(words) for words in number]
        deepest = max((context.depth for context in different), default=0)
        for depth in range(1, deepest + 1):
            found: dict[int, tuple[int, _Context]] = {}
            part = np.full(len(different), -1)
            for i, context in enumerate(different):
                while context.depth > depth and context.shorter is not None:
                    context = context.shorter
                if context.depth == depth:
                    part[i] = found.setdefault(id(context), (len(found), context))[0]
            of_place = part[kind]
            order = np.argsort(of_place, kind="stable")
            ends = of_place[order].searchsorted(np.arange(len(found) + 1))
            for i, context in found.values():
                yield context, order[ends[i] : ends[i + 1]]

    def _context(self, words: Words) -> _Context:
        """The context of these words, or of the longest suffix of them that was counted."""
        found = self.known.get(words)
        if found is not None:
            return found
        if words[0] < 0:  # before the beginning of the sentence
            return self._context(words[1:])
        shorter = self._context(words[1:])
        after, log_prob, weight = self.model.followers(words)
        if not len(after) and weight == 0:
            found = shorter
        else:
            first = shorter.first + np.float32(weight)
            columns, of = self.columns.at(after)
            np.maximum.at(first, columns, log_prob[of])
            found = _Context(shorter, weight, after, log_prob, first)
        if len(self.known) >= self.limits[0] or self.kept > self.limits[1]:
            self.forget()
        self.kept += len(after)
        self.known[words] = found
        return found

    def _entries(self, context: _Context) -> tuple[npt.NDArray[np.int32], Floats]:
        """The entries (M,) counted after a context in order, and their log p (M + 1,)."""
        if context.entries is None:
            entries, of = self.lexicon.entries.at(context.words)
            order = np.argsort(entries)
            context.values = np.append(context.log_prob[of[order]], NEVER)
            context.entries = entries[order].astype(np.int32)
        return context.entries, context.values
