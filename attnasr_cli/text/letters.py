"""Pronunciations of words that a lexicon lacks, by letter-to-sound rules learnt from the lexicon.

Each letter of a known word maps to 0 to 2 phones (Black, Lenzo and Pagel 1998). The mapping is
estimated on some words by alternating between the cheapest division of every word under the current
counts and the counts of these divisions. A rule maps a letter in the context of its neighbours to
its most frequent phones; of the rules that apply, the one with the longest context wins. Rules are
derived when a word needs them, as a table of all would take half a minute and a text needs few.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

EDGE = "#"
MOST_PHONES = 2
"""of one letter: x is K S, u is Y UW"""
CONTEXTS = ((3, 3), (2, 3), (2, 2), (1, 2), (1, 1), (0, 1), (0, 0))
"""letters before and after, from the most to the least"""
FIRST_WORDS = 1_000
"""words for finding what letters stand for at all"""
WITNESSES = 15
"""words that a rule is counted from, the more frequent ones"""
ROUNDS = 3

Costs = Mapping[str, Mapping[str, float]]
"""letter → phones (a string, a character a phone) → −log probability"""


class LetterSounds:
    """A table of rules: ``say`` gives the phones of any word of its letters."""

    def __init__(self, spoken: Mapping[str, Sequence[str]]) -> None:
        """spoken: word → its pronunciations, a character a phone, the usual one first."""
        known = [
            (word, ways[0])
            for word, ways in spoken.items()
            if word.isalpha() and len(ways[0]) <= MOST_PHONES * len(word)
        ]
        some = _spread(known, FIRST_WORDS)
        divided = [(word, _evenly(len(word), phones)) for word, phones in some]
        for _ in range(ROUNDS):
            costs = _costs(divided)
            divided = [(word, divide(word, phones, costs)) for word, phones in some]
        self._costs = _costs(divided)
        self._phones = dict(known)
        self._text = "".join(f"{EDGE}{word}" for word, _ in known) + EDGE
        self._rule = lru_cache(maxsize=100_000)(self._counted)
        self._divided = lru_cache(maxsize=100_000)(self._division)

    def say(self, word: str) -> str | None:
        """The phones of a word, a character each; None where a letter of it was never seen."""
        if EDGE in word:
            return None
        padded = f"{EDGE}{word}{EDGE}"
        phones: list[str] = []
        for i in range(1, len(word) + 1):
            rule = self._first_rule(padded, i)
            if rule is None:
                return None
            doubled = padded[i] == padded[i - 1] and phones[-1] == rule  # ll, ss
            phones.append("" if doubled else rule)
        return "".join(phones) or None

    def _first_rule(self, padded: str, i: int) -> str | None:
        """The phones of the letter at ``i``, by the rule with the longest context."""
        for before, after in CONTEXTS:
            first = max(i - before, 0)
            rule = self._rule(padded[first : i + after + 1], i - first)
            if rule is not None:
                return rule
        return None

    def _counted(self, letters: str, at: int) -> str | None:
        """The most frequent phones of the letter at ``at`` in this context."""
        counts: Counter[str] = Counter()
        place = self._text.find(letters)
        while place >= 0 and counts.total() < WITNESSES:
            begin = self._text.rindex(EDGE, 0, place + at) + 1
            word = self._text[begin : self._text.index(EDGE, begin)]
            counts[self._divided(word)[place + at - begin]] += 1
            place = self._text.find(letters, place + 1)
        return counts.most_common(1)[0][0] if counts else None

    def _division(self, word: str) -> list[str]:
        return divide(word, self._phones[word], self._costs)


def plain(word: str) -> str:
    """A word without its accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


def divide(word: str, phones: str, costs: Costs) -> list[str]:
    """The cheapest way to give each letter 0 to 2 of the phones, in order.

    ``phones`` has no more than twice as many as the word has letters.
    """
    unseen: Mapping[str, float] = {}
    n, m = len(word), len(phones)
    best = [0.0] + [math.inf] * m  # by the number of phones that are given out
    back: list[list[int]] = []
    for letter in word:
        known = costs.get(letter, unseen)
        new, came = [math.inf] * (m + 1), [0] * (m + 1)
        for j in range(m + 1):
            for k in range(min(MOST_PHONES, j) + 1):
                cost = best[j - k] + known.get(phones[j - k : j], 12.0)
                if cost < new[j]:
                    new[j], came[j] = cost, k
        best = new
        back.append(came)
    chunks, j = [], m
    for i in range(n - 1, -1, -1):
        k = back[i][j]
        chunks.append(phones[j - k : j])
        j -= k
    return chunks[::-1]


def _spread(entries: Sequence[tuple[str, str]], most: int) -> Sequence[tuple[str, str]]:
    """At most so many entries, evenly from all of them."""
    return entries[:: max(len(entries) // most, 1)]


def _evenly(letters: int, phones: str) -> list[str]:
    edges = [round(i * len(phones) / letters) for i in range(letters + 1)]
    return [phones[a:b] for a, b in pairwise(edges)]


def _costs(divided: Iterable[tuple[str, Sequence[str]]]) -> Costs:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for word, chunks in divided:
        for letter, chunk in zip(word, chunks, strict=True):
            counts[letter][chunk] += 1
    return {
        letter: {chunk: -math.log(n / found.total()) for chunk, n in found.items()}
        for letter, found in counts.items()
    }
