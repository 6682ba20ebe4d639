"""Splits a subtitle into lines of even width, where the text allows it, avoiding a single word on a
line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from attnasr_cli.families.base import Word
from attnasr_cli.output.breaks import badness, stranding, width

UNEVEN = 2.0
STRANDED = 0.5  # one word of a sentence alone at the end or the beginning of a line
ALONE = 3.0  # one word in a line beside a longer one
TOP_HEAVY = 0.1
LONE_WIDTH = 12  # columns from which a single word fills a line well enough


def line_text(words: Sequence[Word]) -> str:
    return "".join(word.word for word in words).strip()


class Measure:
    """Widths of a text and costs of splitting it, computed once."""

    def __init__(self, words: Sequence[Word], language: str | None) -> None:
        self.words = words
        self.parted = [badness(a, b, language) for a, b in pairwise(words)]
        """the cost of splitting after each word"""
        self.stranded = stranding(words)
        """how much that leaves one or two words of a sentence behind"""
        self._ends = [0, *accumulate(width(word.word) for word in words)]
        self._leads = [len(word.word) - len(word.word.lstrip()) for word in words]

    def width(self, start: int, end: int) -> int:
        """Columns of the words from start to before end in one line."""
        return self._ends[end] - self._ends[start] - self._leads[start]

    def fewest_lines(self, start: int, end: int, columns: int) -> int:
        """The fewest lines that hold the words; a word wider than a line has one for itself."""
        count, first = 1, start
        for i in range(start + 1, end):
            if self.width(first, i + 1) > columns:
                count, first = count + 1, i
        return count

    def layout(self, start: int, end: int, columns: int) -> tuple[list[int], float]:
        """The ends of the lines in the best division into the fewest lines, and its cost."""
        count = self.fewest_lines(start, end, columns)
        if count == 1:
            return [end], 0.0
        ideal = self.width(start, end) / count
        # (cost, ends) of the words up to an end in so many lines
        best: dict[int, tuple[float, list[int]]] = {start: (0.0, [])}
        for _ in range(count):
            following: dict[int, tuple[float, list[int]]] = {}
            for first, (cost, ends) in best.items():
                for last in range(first + 1, end + 1):
                    size = self.width(first, last)
                    if size > columns and last - first > 1:
                        break
                    total = cost + UNEVEN * ((size - ideal) / columns) ** 2
                    if last - first == 1 and size < LONE_WIDTH and end - start > count:
                        total += ALONE
                    if first == start and size > ideal:
                        total += TOP_HEAVY
                    if last < end:
                        total += self.parted[last - 1] + STRANDED * self.stranded[last - 1]
                    if last not in following or total < following[last][0]:
                        following[last] = (total, [*ends, last])
            best = following
        cost, ends = best[end]
        return ends, cost
