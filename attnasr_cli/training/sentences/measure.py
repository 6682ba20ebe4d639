"""Measures punctuation and case of a text against a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

from attnasr_cli.text.sentences.written import IGNORED, Labelled, Mark


@dataclass
class Marks:
    """Counts of one punctuation mark, with precision, recall and F1."""

    right: int = 0
    written: int = 0
    wanted: int = 0

    @property
    def f1(self) -> float:
        return 2 * self.right / max(self.written + self.wanted, 1)

    @property
    def precision(self) -> float:
        return self.right / max(self.written, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.wanted, 1)


@dataclass
class Writing:
    """Counts over all texts."""

    words: int = 0
    """that are the same on both sides, but for their case"""
    cased: int = 0
    """of these, the ones in the right case"""
    marks: dict[Mark, Marks] = field(
        default_factory=lambda: {mark: Marks() for mark in Mark if mark != Mark.NONE}
    )

    @property
    def case(self) -> float:
        """Share of the words in the right case."""
        return self.cased / max(self.words, 1)

    def summary(self) -> str:
        """In one line."""
        names = {Mark.STOP: "full stops", Mark.COMMA: "commas", Mark.QUESTION: "question marks"}
        parts = [f"{name} F1 {100 * self.marks[mark].f1:.1f} %" for mark, name in names.items()]
        return f"{', '.join(parts)}; case {100 * self.case:.1f} % of {self.words} words"


def compare(pairs: Iterable[tuple[list[Labelled], list[Labelled]]]) -> Writing:
    """(right text, text to be measured), aligned by their words. A mark of another kind on the
    right side (a dash, a semicolon) is left out of the count, whatever stands on the other."""
    total = Writing()
    for right, other in pairs:
        _add(total, right, other)
    return total


def _add(total: Writing, right: list[Labelled], other: list[Labelled]) -> None:
    wanted, written = [w.word for w in right], [w.word for w in other]
    partner: dict[int, int] = {}  # place on the other side → place on the right one
    for op in Levenshtein.opcodes(wanted, written):
        if op.tag in ("equal", "replace"):
            places = range(op.dest_start, op.dest_end), range(op.src_start, op.src_end)
            partner |= dict(zip(*places, strict=True))
    for mark, counts in total.marks.items():
        counts.wanted += sum(w.mark == mark for w in right)
    for i, word in enumerate(other):
        there = right[partner[i]] if i in partner else None
        if there is not None and there.word == word.word:
            total.words += 1
            total.cased += there.written == word.written
        if there is not None and there.mark == IGNORED:
            continue
        if word.mark not in (Mark.NONE, IGNORED):
            counts = total.marks[Mark(word.mark)]
            counts.written += 1
            counts.right += there is not None and there.mark == word.mark
