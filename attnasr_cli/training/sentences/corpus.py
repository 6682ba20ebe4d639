"""Text as arrays: distinct words, and the case and punctuation mark of every occurrence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from attnasr_cli.data import read_text
from attnasr_cli.errors import DataError
from attnasr_cli.text.sentences.words import SPECIAL
from attnasr_cli.text.sentences.written import (
    ENDS,
    IGNORED,
    Case,
    Labelled,
    read,
    without_possessive,
)

Ints = npt.NDArray[np.int64]

SHOUTED = 0.6
"""a line with a larger share of capital letters is a heading"""


@dataclass(frozen=True)
class Corpus:
    """All N words of the texts in order."""

    types: list[str]
    """distinct words; the first ``SPECIAL`` are placeholders"""
    counts: Ints
    """how often each occurs"""
    words: Ints
    """(N,) places in ``types``"""
    cases: Ints
    """(N,)"""
    marks: Ints
    """(N,)"""
    spellings: list[str]
    """of words that are mostly in mixed case"""

    @property
    def ended(self) -> npt.NDArray[np.bool_]:
        """(N,) whether a sentence ends with this word"""
        return np.isin(self.marks, [int(mark) for mark in ENDS])


def read_lines(path: Path) -> Iterator[list[Labelled]]:
    """The words of each line of a text. Raises DataError."""
    for line in read_text(path).split("\n"):
        letters = [c for c in line if c.isalpha()]
        if letters and sum(c.isupper() for c in letters) < SHOUTED * len(letters):
            yield read(line)


def load(texts: Sequence[tuple[Path, int]]) -> Corpus:
    """The corpus of several texts, each as often as it counts. Raises DataError without words."""
    places: dict[str, int] = {}
    types = [""] * SPECIAL
    columns: tuple[list[Ints], list[Ints], list[Ints]] = [], [], []
    mixed: Counter[str] = Counter()
    for path, times in texts:
        own: tuple[list[int], list[int], list[int]] = [], [], []
        for line in read_lines(path):
            for item in line:
                place = places.get(item.word)
                if place is None:
                    place = places[item.word] = len(types)
                    types.append(item.word)
                own[0].append(place)
                own[1].append(item.case)
                own[2].append(item.mark)
                if item.case == Case.MIXED:
                    mixed[item.written] += times
        for column, values in zip(columns, own, strict=True):
            column += [np.asarray(values, np.int64)] * times
    words, cases, marks = (np.concatenate(column) for column in columns)
    if not len(words):
        names = ", ".join(str(path) for path, _ in texts)
        raise DataError(f"no sentences in {names}", "give text with case and punctuation")
    counts = np.bincount(words, minlength=len(types))
    upper = np.bincount(words[cases == Case.UPPER], minlength=len(types))
    loud = (cases == Case.UPPER) & (2 * upper < counts)[words]  # said with stress, or a heading's
    cases[loud] = IGNORED
    frequent = [s for s, n in mixed.items() if 2 * n > counts[places[s.lower()]]]
    spellings = {without_possessive(s)[0] for s in frequent}
    return Corpus(types, counts, words, cases, marks, sorted(spellings))
