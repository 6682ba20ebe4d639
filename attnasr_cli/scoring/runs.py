"""Finds long runs of deleted or inserted words, as when a stretch of a recording was not
recognised.

An error rate hides them: fourteen lost words of a thousand are 1.4 %, whether spread over a
recording or all in one place. So the longest runs are reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from attnasr_cli.scoring.types import Row

LEAST = 5  # words: runs from here on are counted
_NOTHING = 3  # words: shorter runs are not worth a line


@dataclass(frozen=True, slots=True)
class Run:
    """Words in a row that were deleted from the reference, or inserted into the hypothesis."""

    id: str
    first: int  # number of its first word in the reference (deleted) or hypothesis, from 1
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def long(self) -> bool:
        return len(self.words) >= LEAST

    @property
    def notable(self) -> bool:
        return len(self.words) >= _NOTHING


def deleted(rows: Iterable[Row]) -> list[Run]:
    """All runs of deleted words, the longest first; without rows whose hypothesis is missing."""
    return _sorted(
        run for row in rows if not row.missing and "D" in row.ops for run in _runs(row, "D", "I")
    )


def inserted(rows: Iterable[Row]) -> list[Run]:
    """All runs of inserted words, the longest first."""
    return _sorted(run for row in rows if "I" in row.ops for run in _runs(row, "I", "DO"))


def _sorted(found: Iterable[Run]) -> list[Run]:
    return sorted(found, key=lambda run: -len(run.words))  # equals in the order of the rows


def _runs(row: Row, kind: str, absent: str) -> list[Run]:
    """The runs of one utterance.

    kind: the letter of the columns. absent: letters of the columns without a word on this side. A
    run may be moved one word later where its first word equals the word after it ("[the dog] the
    cat" or "the [dog the] cat"); it is moved where that joins it with the next run.
    """
    words = (row.reference if kind == "D" else row.hypothesis).split()
    ops = [op for op in row.ops if op not in absent]
    spans: list[tuple[int, int]] = []
    for place, op in enumerate(ops):
        if op != kind:
            continue
        if spans and spans[-1][1] == place:
            spans[-1] = spans[-1][0], place + 1
        else:
            spans.append((place, place + 1))
    merged: list[tuple[int, int]] = []
    for begin, end in spans:
        if merged and (first := _moved(words, ops, merged[-1], begin)) is not None:
            merged[-1] = first, end
        else:
            merged.append((begin, end))
    return [Run(row.id, begin + 1, tuple(words[begin:end])) for begin, end in merged]


def _moved(words: list[str], ops: list[str], span: tuple[int, int], goal: int) -> int | None:
    """Where a run begins once it is moved up to ``goal``; None if it cannot be."""
    begin, end = span
    while end < goal:
        if ops[end] != "C" or words[begin] != words[end]:
            return None
        begin, end = begin + 1, end + 1
    return begin
