"""Chooses among homophones by the most probable sentence.

The search chooses at the end of each word, knowing only the words before it; here the words after
it count, too (Viterbi over the words, with a state for each context of the n-gram model).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.vocabulary import BORDER, UNKNOWN

STATES = 64
"""contexts kept after a word"""
REMEMBERED = 200_000
"""questions to the model whose answers are kept; then they are begun anew"""

Words = tuple[int, ...]
Choices = Sequence[Sequence[int]]
"""the ids among which to choose, for each word of a sentence"""
Question = tuple[Words, Words]
"""a context, and the words whose probabilities after it are wanted"""
Answers = dict[Question, list[float]]
"""log p of each of the words"""
Way = tuple[Any, int] | None
"""the words to a context: those before the last one in the same form, and the last one"""
Scored = tuple[float, Way]


class Homophones:
    """Chooses by one model, and remembers what it said: the hypotheses of a recording differ in few
    words. Thread-safe: an answer that another thread asks for meanwhile is asked for twice."""

    def __init__(self, model: NgramModel) -> None:
        self.model = model
        self._known: Answers = {}

    def likeliest(self, sentences: Sequence[Choices]) -> list[list[int]]:
        """One word id for each list of ids in each sentence; an empty list gives the unknown word.

        All sentences are asked for a word at a time, so that the model answers for all of them at
        once: asked for one by one, the texts of a search took as long as the search.
        """
        if len(self._known) > REMEMBERED:
            self._known = {}
        known = self._known
        start: Words = tuple(self.model.start(1)[0].tolist())
        ways: list[dict[Words, Scored]] = [{start: (0.0, None)} for _ in sentences]
        for place in range(max(map(len, sentences), default=0)):
            alive = [i for i, choices in enumerate(sentences) if place < len(choices)]
            words = {i: tuple(sentences[i][place]) or (UNKNOWN,) for i in alive}
            self._ask(known, ((context, words[i]) for i in alive for context in ways[i]))
            for i in alive:
                ways[i] = _longer(ways[i], words[i], known)
        self._ask(known, ((context, (BORDER,)) for found in ways for context in found))
        return [_best(found, known) for found in ways]

    def _ask(self, known: Answers, questions: Iterable[Question]) -> None:
        """Add the answers to what is known."""
        new = [question for question in dict.fromkeys(questions) if question not in known]
        if not new:
            return
        places = self.model.places(np.array([context for context, _ in new]))  # (Q, n-1)
        count = [len(words) for _, words in new]
        words = np.array([word for _, words in new for word in words])[:, None]  # (W, 1)
        found = self.model.log_prob_at(np.repeat(places, count, 0), words)[:, 0].tolist()
        ends = np.cumsum(count).tolist()
        for question, size, end in zip(new, count, ends, strict=True):
            known[question] = found[end - size : end]


def _longer(ways: Mapping[Words, Scored], words: Words, known: Answers) -> dict[Words, Scored]:
    """The best ways to each context with one more of the words."""
    found: dict[Words, Scored] = {}
    for context, (score, before) in ways.items():
        for word, log_prob in zip(words, known[context, words], strict=True):
            after, total = (*context, word)[1:], score + log_prob
            if after not in found or total > found[after][0]:
                found[after] = (total, (before, word))
    if len(found) > STATES:
        return dict(sorted(found.items(), key=lambda item: -item[1][0])[:STATES])
    return found


def _best(ways: Mapping[Words, Scored], known: Answers) -> list[int]:
    """The words of the best way, the end of the sentence included in its score."""
    ends = ((score + known[c, (BORDER,)][0], way) for c, (score, way) in ways.items())
    _, way = max(ends, key=lambda end: end[0])
    chosen: list[int] = []
    while way is not None:
        way, word = way
        chosen.append(word)
    return chosen[::-1]
