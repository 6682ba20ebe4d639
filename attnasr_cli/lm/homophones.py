"""Chooses among homophones by the most probable sentence.

The search chooses at the end of each word, knowing only the words before it; here the words after
it count, too (Viterbi over the words, with a state for each context of the n-gram model).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.vocabulary import BORDER, UNKNOWN

STATES = 64
"""contexts kept after a word"""
REMEMBERED = 200_000
"""questions to the model whose answers are kept; then they are begun anew"""

Words = tuple[int, ...]
Way = tuple[Any, int] | None
"""the words to a context: those before the last one in the same form, and the last one"""


class Homophones:
    """Chooses by one model, and remembers what it said: the hypotheses of a recording differ in few
    words. Thread-safe: an answer that is lost is asked for again."""

    def __init__(self, model: NgramModel) -> None:
        self.model = model
        self._known: dict[tuple[Words, Words], list[float]] = {}

    def likeliest(self, choices: Sequence[Sequence[int]]) -> list[int]:
        """One word id for each list of ids; an empty list gives the unknown word."""
        start: Words = tuple(self.model.start(1)[0].tolist())
        ways: dict[Words, tuple[float, Way]] = {start: (0.0, None)}
        for ids in choices:
            words = tuple(ids) or (UNKNOWN,)
            found: dict[Words, tuple[float, Way]] = {}
            for context, (score, before) in ways.items():
                for word, log_prob in zip(words, self._log_probs(context, words), strict=True):
                    after, total = (*context, word)[1:], score + log_prob
                    if after not in found or total > found[after][0]:
                        found[after] = (total, (before, word))
            if len(found) > STATES:
                best = sorted(found.items(), key=lambda item: -item[1][0])
                found = dict(best[:STATES])
            ways = found
        ends = ((score + self._log_probs(c, (BORDER,))[0], way) for c, (score, way) in ways.items())
        _, way = max(ends, key=lambda end: end[0])
        chosen: list[int] = []
        while way is not None:
            way, word = way
            chosen.append(word)
        return chosen[::-1]

    def _log_probs(self, context: Words, words: Words) -> list[float]:
        known = self._known
        found = known.get((context, words))
        if found is None:
            if len(known) > REMEMBERED:
                known = self._known = {}
            asked = self.model.log_prob(np.array([context]), np.array([words]))
            found = known[context, words] = asked[0].tolist()
        return found
