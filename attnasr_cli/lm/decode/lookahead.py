"""Look-ahead: the probability of the best word that a prefix can still become, for each context.

The value of a trie node after a context is max log p(word | context) over the words below it. For a
context it is made from that of the context one word shorter,

    value(h) = max(value(h') + log γ(h), log p(w|h) of the words that were counted after h),

which is exact but for words whose own probability after h is less than their backed-off one
(language model look-ahead: Ortmanns, Ney and Eiden 1996; for attention decoders: Hori, Cho and
Watanabe 2018).

The words below a node are a range of the sorted entries of the lexicon. So the second part is the
largest value of a range among the entries that were counted after h, which are few; nothing as
large as the trie is kept for a context. The entries of all contexts stand in one sorted array, so
that any number of nodes is looked up at once.

C contexts, E entries of the lexicon, F nodes that begin words.
"""

from __future__ import annotations

import copy
import threading

import numpy as np

from attnasr_cli.lm.decode.growing import Growing
from attnasr_cli.lm.lexicon import Lexicon
from attnasr_cli.lm.ngram import Floats, NgramModel, ranges
from attnasr_cli.lm.vocabulary import Ints

LEAST = np.float32(-60.0)  # where no word is below
REMEMBERED = 4_000_000
"""entries after contexts that are remembered, 12 bytes each; then they are begun anew"""


class LookAhead:
    """Values of nodes after contexts of at most ``words`` words. The number of a context stays
    valid for this object. Thread-safe."""

    def __init__(self, model: NgramModel, lexicon: Lexicon, first: Ints, words: int) -> None:
        """first (F,): the nodes that begin words."""
        self.model, self.lexicon = model, lexicon
        self.words = min(words, model.order - 1)
        self.first_nodes = first
        ends = np.append(model.orders[0].log_prob[lexicon.entry_words], LEAST)
        self.bounds = np.stack([lexicon.low, lexicon.high], 1)  # (N, 2)
        self.base: Floats = np.maximum.reduceat(ends, self.bounds.ravel())[::2]
        """(N,) after no context"""
        self.stride = len(lexicon.entry_words) + 1
        self._begin()

    def _begin(self) -> None:
        """With the context of no words, number 0."""
        self.lock = threading.Lock()
        self.known: dict[tuple[int, int], int] = {}
        """the number of a context, by its length and its place in the model"""
        self.weight = Growing((), np.float32)
        """(C,) log γ"""
        self.chain = Growing((self.words,), np.int64)
        """(C, words) the suffixes of one word, of two … that were counted, 0 where there is none"""
        self.keys = Growing((), np.int64, 1 << 16)
        """(M,) context · (E + 1) + entry, sorted"""
        self.log_prob = Growing((), np.float32, 1 << 16)
        """(M,) of the word of the entry after the context"""
        self.firsts = Growing((len(self.first_nodes),), np.float32)
        """(…, F) values of the nodes that begin words, after contexts for which all were wanted"""
        self.first_at = Growing((), np.int64)
        """(C,) where those of a context stand in ``firsts``, -1 where they were not wanted"""
        self.weight.add(np.zeros(1))
        self.chain.add(np.zeros((1, self.words)))
        self.first_at.add(np.full(1, -1))

    @property
    def full(self) -> bool:
        return self.keys.size > REMEMBERED

    def fresh(self) -> LookAhead:
        """The same without any context."""
        other = copy.copy(self)
        other._begin()
        return other

    def numbers(self, places: Ints) -> Ints:
        """The number (R,) of each context, of which only the last ``words`` words count; places
        (R, n-1) as from ``NgramModel.places``."""
        with self.lock:
            number = np.zeros(len(places), np.int64)
            for length in range(1, self.words + 1):
                number = self._longer(length, places[:, length - 1], number)
        return number

    def first(self, contexts: Ints) -> Floats:
        """The values (R, F) of the nodes that begin words, after contexts (R,)."""
        with self.lock:
            new = np.unique(contexts[self.first_at.room[contexts] < 0])
            if len(new):
                begin = np.tile(self.first_nodes, len(new))
                values = self.values(np.repeat(new, len(self.first_nodes)), begin)
                self.first_at.room[new] = np.arange(len(new)) + self.firsts.size
                self.firsts.add(values.reshape(len(new), -1))
            found: Floats = self.firsts.room[self.first_at.room[contexts]]
        return found

    def values(self, contexts: Ints, nodes: Ints) -> Floats:
        """The values (M,) of nodes (M,) after contexts (M,)."""
        value: Floats = self.base[nodes]
        bounds = self.bounds[nodes]  # (M, 2)
        chain, weight = self.chain.room[contexts], self.weight.room
        keys, log_prob = self.keys.all, self.log_prob.room
        for depth in range(self.words):
            at = chain[:, depth]
            value = value + weight[at]
            spans = keys.searchsorted(bounds + (at * self.stride)[:, None])
            count = spans[:, 1] - spans[:, 0]
            some = np.flatnonzero(count)
            if len(some):
                inside, begin = ranges(spans[some, 0], count[some])
                best = np.maximum.reduceat(log_prob[inside], begin)
                value[some] = np.maximum(value[some], best)
        return value

    def _longer(self, length: int, places: Ints, shorter: Ints) -> Ints:
        """The numbers (R,) of contexts of ``length`` words at places (R,), whose suffixes one word
        shorter have numbers (R,)."""
        known = self.known
        wanted = places.tolist()
        missing: dict[int, int] = {}
        for i, place in enumerate(wanted):
            if place >= 0 and (length, place) not in known:
                missing.setdefault(place, i)
        if missing:
            new = np.array(list(missing), np.int64)
            numbers = self._add(length, new, shorter[list(missing.values())])
            known.update(((length, p), n) for p, n in zip(missing, numbers.tolist(), strict=True))
        rows = zip(wanted, shorter.tolist(), strict=True)
        return np.array([known[length, p] if p >= 0 else n for p, n in rows], np.int64)

    def _add(self, length: int, places: Ints, shorter: Ints) -> Ints:
        """Number new contexts (R,)."""
        first = self.weight.size
        words, log_prob, count = self.model.followers(length, places)
        entries, of = self.lexicon.entries.at(words)
        context = np.repeat(np.arange(first, first + len(places)), count)
        keys = context[of] * self.stride + entries
        order = np.argsort(keys)
        self.keys.add(keys[order])
        self.log_prob.add(log_prob[of[order]])
        self.weight.add(self.model.orders[length - 1].backoff[places])
        chain = self.chain.room[shorter]
        numbers = np.arange(first, first + len(places))
        chain[:, length - 1] = numbers
        self.chain.add(chain)
        self.first_at.add(np.full(len(places), -1))
        return numbers
