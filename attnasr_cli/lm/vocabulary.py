"""The vocabulary of a language model, and text as a stream of word ids.

Id 0 is the border between sentences: as the last word of an n-gram it is the end of a sentence, as
the first it is the beginning (an n-gram with a border inside is never counted). Id 1 is every word
outside the vocabulary. The other ids follow in the order of frequency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from attnasr_cli.errors import DataError

BORDER = 0
UNKNOWN = 1
SPECIAL = ("<s>", "<unk>")
BLOCK = 1 << 24  # characters read at once, 16 MiB

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]


def read_blocks(path: Path) -> Iterator[str]:
    """The text of a file in blocks of whole lines."""
    try:
        with path.open(encoding="utf-8") as file:
            while lines := file.readlines(BLOCK):
                yield "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {error}", "give UTF-8 text with one sentence a line") from error


class Vocabulary:
    """Words and their ids."""

    def __init__(self, words: Sequence[str]) -> None:
        """``words`` without the two special entries, most frequent first."""
        self.words = [*SPECIAL, *words]
        self.ids = {word: i for i, word in enumerate(self.words)}
        if len(self.ids) != len(self.words):
            raise DataError("a word is twice in the vocabulary", "make the language model again")

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Sequence[str]) -> list[int]:
        """The id of every word, 1 for a word that is not known."""
        return [self.ids.get(word, UNKNOWN) for word in words]

    def stream(self, path: Path) -> Words:
        """A text as ids (N,): 0, the words of the first line, 0, those of the second … 0."""
        ids = self.ids | {"\0": BORDER}
        parts = [np.zeros(1, np.int32)]
        for block in read_blocks(path):
            words = block.replace("\n", " \0 ").split()
            parts.append(np.fromiter((ids.get(w, UNKNOWN) for w in words), np.int32, len(words)))
        joined = np.concatenate(parts)
        empty = (joined[1:] == BORDER) & (joined[:-1] == BORDER)
        return np.asarray(joined[np.concatenate([[True], ~empty])], np.int32)


def count_words(texts: Sequence[tuple[Path, int]]) -> Counter[str]:
    """How often every word occurs in texts, each with the number of times it counts."""
    total: Counter[str] = Counter()
    for path, times in texts:
        counts: Counter[str] = Counter()
        for block in read_blocks(path):
            counts.update(block.split())
        total.update({word: times * count for word, count in counts.items()})
    for special in SPECIAL:
        del total[special]
    return total


def choose(counts: Counter[str], size: int, min_count: int) -> Vocabulary:
    """The ``size`` most frequent words of those seen at least ``min_count`` times."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Vocabulary([word for word, count in ranked[:size] if count >= min_count])
