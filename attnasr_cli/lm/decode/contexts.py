"""Contexts of the language model by number, with what is looked up repeatedly for each: its places
in the model, the probabilities that the sentence ends after it or continues with a word outside the
vocabulary, and its number for look-ahead.

C contexts of n-1 words each.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from attnasr_cli.lm.decode.growing import Growing
from attnasr_cli.lm.decode.lookahead import LookAhead
from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.vocabulary import BORDER, UNKNOWN, Ints

CONTEXTS = 100_000
"""remembered at most; then they are begun anew"""

Words = tuple[int, ...]


class Contexts:
    """Numbered contexts. A number stays valid for this object; where it is ``full``, the next
    search takes a ``fresh`` one. Thread-safe."""

    def __init__(self, model: NgramModel, look_ahead: LookAhead) -> None:
        self.model, self.look_ahead = model, look_ahead
        self.known: dict[Words, int] = {}
        self.words: list[Words] = []
        self.lock = threading.Lock()
        self.places = Growing((model.order - 1,), np.int64)
        """(C, n-1) the index at orders 1 … n-1, or -1"""
        self.ends = Growing((2,), np.float32)
        """(C, 2) log p(end of the sentence) and log p(<unk>)"""
        self.recent = Growing((), np.int64)
        """(C,) the number in ``look_ahead`` of the last words"""

    @property
    def full(self) -> bool:
        return len(self.known) > CONTEXTS or self.look_ahead.full

    def fresh(self) -> Contexts:
        """The same without any context."""
        return Contexts(self.model, self.look_ahead.fresh())

    def numbers(self, contexts: Sequence[Words]) -> Ints:
        """The number (R,) of each context."""
        known = self.known
        missing = list(dict.fromkeys(words for words in contexts if words not in known))
        if missing:
            with self.lock:
                self._add([words for words in missing if words not in known])
        return np.array([known[words] for words in contexts], np.int64)

    def after(self, contexts: Ints, words: Ints) -> Ints:
        """The numbers (R,) of contexts (R,) after one more word (R,)."""
        pairs = zip(contexts.tolist(), words.tolist(), strict=True)
        return self.numbers([(*self.words[context], word)[1:] for context, word in pairs])

    def _add(self, missing: list[Words]) -> None:
        if not missing:
            return
        places = self.model.places(np.array(missing, np.int64))
        asked = np.tile(np.array([[BORDER, UNKNOWN]]), (len(missing), 1))
        self.places.add(places)
        self.ends.add(self.model.log_prob_at(places, asked))
        self.recent.add(self.look_ahead.numbers(places))
        first = len(self.words)
        self.words += missing
        self.known.update((words, first + i) for i, words in enumerate(missing))
