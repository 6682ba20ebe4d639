"""Adds case and punctuation to plain words with a neural net."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch

from attnasr_cli.text.sentences.file import Loaded, load_net
from attnasr_cli.text.sentences.net import looked_up
from attnasr_cli.text.sentences.words import BEGIN, END
from attnasr_cli.text.sentences.written import ENDS, SIGNS, Case, Mark, capital, spelled

BEFORE = 48
"""words of context before a stretch"""
AT_ONCE = 1000
"""words processed at once; the next ones have the last of these as context"""


class Punctuator:
    """A sentence net, ready to be used."""

    def __init__(self, loaded: Loaded) -> None:
        self.net, self.ids, self.spellings = loaded.net, loaded.ids, loaded.spellings

    @torch.inference_mode()
    def labels(self, words: Sequence[str], before: Sequence[str], first: bool) -> list[Label]:
        """(case, mark) of each word. before: words that stand to the left; first: nothing else
        stands before those."""
        lead: list[str | int] = [BEGIN] if first else []
        row = [*lead, *(w.lower() for w in before), *(w.lower() for w in words), END]
        vectors = self.net.vectors(*looked_up(row, self.ids))
        case, mark = self.net(vectors[None])
        places = slice(len(row) - 1 - len(words), len(row) - 1)
        return list(
            zip(case[0, places].argmax(1).tolist(), mark[0, places].argmax(1).tolist(), strict=True)
        )


Label = tuple[int, int]
"""case and mark of a word"""


class Sentences:
    """The sentences of one recording, stretch by stretch in the order of time."""

    def __init__(self, punctuator: Punctuator) -> None:
        self.punctuator = punctuator
        self.before: deque[str] = deque(maxlen=BEFORE)
        self.count = 0
        self.begins = True

    def write(self, words: Sequence[str]) -> list[str]:
        """The next words in spoken form → with case and punctuation. Later words do not change the
        result."""
        written: list[str] = []
        for start in range(0, len(words), AT_ONCE):
            some = words[start : start + AT_ONCE]
            first = self.count == len(self.before)
            for word, label in zip(
                some, self.punctuator.labels(some, list(self.before), first), strict=True
            ):
                written.append(self._written(word, *label))
            self.before.extend(some)
            self.count += len(some)
        return written

    def _written(self, word: str, case: int, mark: int) -> str:
        text = spelled(word, case, self.punctuator.spellings)
        if self.begins and case == Case.LOWER:
            text = capital(text)
        if not any(c.isalnum() for c in text[-1:]):  # whoever wrote it, it has a mark
            mark = Mark.NONE
        self.begins = mark in ENDS
        return text + SIGNS[Mark(mark)]


@lru_cache(maxsize=4)
def load_punctuator(path: Path, sha256: str) -> Punctuator:
    """That of a file with this checksum, which is kept in memory. Raises ModelError."""
    return Punctuator(load_net(path))
