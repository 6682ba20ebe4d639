"""Word ids: frequent words have their own, and all words have those of their letter n-grams."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

PADDING, UNKNOWN, BEGIN, END = 0, 1, 2, 3
"""the first ids: nothing, any other word, the begin of a recording, the end of what is known"""
SPECIAL = 4
SHORTEST, LONGEST = 2, 4
"""letters in the n-grams of a word, with < before it and > behind it"""
LONGEST_WORD = 40
"""of a longer one only so many characters count"""


class WordIds:
    """The numbers of words."""

    def __init__(self, vocabulary: Sequence[str], buckets: int) -> None:
        """vocabulary: the frequent words, in lower case; buckets: numbers that n-grams share."""
        self.vocabulary, self.buckets = list(vocabulary), buckets
        self.ids = {word: i for i, word in enumerate(self.vocabulary, SPECIAL)}
        self.letters = lru_cache(maxsize=20_000)(self._letters)

    @property
    def size(self) -> int:
        return SPECIAL + len(self.vocabulary)

    def id(self, word: str) -> int:
        return self.ids.get(word, UNKNOWN)

    def _letters(self, word: str) -> tuple[int, ...]:
        """The numbers of the n-grams of a word. All digits are alike."""
        text = "<" + "".join("0" if c.isdigit() else c for c in word[:LONGEST_WORD]) + ">"
        grams = (
            text[i : i + n] for n in range(SHORTEST, LONGEST + 1) for i in range(len(text) - n + 1)
        )
        return tuple(zlib.crc32(gram.encode("utf-8", "replace")) % self.buckets for gram in grams)
