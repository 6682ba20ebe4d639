"""A cache of what is looked up repeatedly for a context: its places in the model, and the
probabilities that the sentence ends after it or continues with a word outside the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attnasr_cli.lm.ngram import Floats, NgramModel
from attnasr_cli.lm.vocabulary import BORDER, UNKNOWN, Ints

CONTEXTS = 100_000
"""the most that are kept; then the cache is cleared"""

Words = tuple[int, ...]


class Contexts:
    """Cached values for contexts of n-1 words. Thread-safe: cached values never change, and lost
    ones are computed again."""

    def __init__(self, model: NgramModel) -> None:
        self.model = model
        self.known: dict[Words, tuple[tuple[int, ...], tuple[float, ...]]] = {}

    def places(self, contexts: Sequence[Words]) -> Ints:
        """The index of each context at orders 1 … n-1, or -1: (R, n-1)."""
        known = self._known(contexts)
        return np.array([known[words][0] for words in contexts], np.int64)

    def ends(self, contexts: Sequence[Words]) -> Floats:
        """log p(end of the sentence) and log p(<unk>) after each context (R, 2)."""
        known = self._known(contexts)
        return np.array([known[words][1] for words in contexts], np.float32)

    def _known(
        self, contexts: Sequence[Words]
    ) -> dict[Words, tuple[tuple[int, ...], tuple[float, ...]]]:
        if len(self.known) > CONTEXTS:
            self.known = {}
        known = self.known  # another thread may begin a new one
        missing = list({words for words in contexts if words not in known})
        if missing:
            places = self.model.places(np.array(missing, np.int64))
            asked = np.tile(np.array([[BORDER, UNKNOWN]]), (len(missing), 1))
            ends = self.model.log_prob_at(places, asked)
            rows = zip(missing, places.tolist(), ends.tolist(), strict=True)
            known.update((words, (tuple(where), tuple(end))) for words, where, end in rows)
        return known
