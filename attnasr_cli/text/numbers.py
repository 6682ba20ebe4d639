"""Converts number words to digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt")
"""those that text2num knows"""
CENTURIES, REST = range(11, 21), range(10, 100)
"""nineteen sixty one: two English numbers that make a year"""
ARTICLES = ("a", "an")
"""a hundred stays, as "a 100" is no English"""


@dataclass(frozen=True)
class Part:
    """Some words in a row, and how they are written."""

    count: int
    text: str


@dataclass(frozen=True)
class _Token:
    """A word as text2num asks for it."""

    core: str
    apart: bool
    """a mark stands before it, so that it goes on no number"""

    def text(self) -> str:
        return self.core

    def nt_separated(self, _previous: _Token) -> bool:
        return self.apart

    def not_a_number_part(self) -> bool:
        return False


def in_digits(words: Sequence[str], language: str) -> list[Part]:
    """The words of a text, each with its marks → the same with numbers in digits: every part
    stands for one word, or for those of a number. Small numbers alone stay as words.

    language: one of ``LANGUAGES``; text in another one stays as it is.
    """
    if language not in LANGUAGES:
        return [Part(1, word) for word in words]
    from text_to_num import find_numbers

    stripped = [_stripped(word) for word in words]
    tokens = [
        _Token(core.lower(), bool(lead) or (i > 0 and bool(stripped[i - 1][2])))
        for i, (lead, core, _) in enumerate(stripped)
    ]
    parts: list[Part] = []
    done = 0
    for start, end, text in _joined(find_numbers(tokens, language), tokens, language):
        parts += [Part(1, word) for word in words[done:start]]
        parts.append(Part(end - start, stripped[start][0] + text + stripped[end - 1][2]))
        done = end
    return parts + [Part(1, word) for word in words[done:]]


def _joined(
    found: Sequence[object], tokens: Sequence[_Token], language: str
) -> list[tuple[int, int, str]]:
    """(first word, the word behind the last, digits) of each number."""
    numbers: list[tuple[int, int, str]] = []
    for one in found:
        start, end, text = one.start, one.end, one.text  # type: ignore[attr-defined]
        english = language == "en"
        if english and start and tokens[start - 1].core in ARTICLES:
            continue
        before = numbers[-1] if numbers else (0, -1, "")
        touches = before[1] == start and not tokens[start].apart
        if english and touches and _is_year(before[2], text):
            numbers[-1] = (before[0], end, before[2] + text)
        else:
            numbers.append((start, end, text))
    return numbers


def _is_year(first: str, second: str) -> bool:
    both = first.isdecimal() and second.isdecimal()
    return both and int(first) in CENTURIES and int(second) in REST


def _stripped(word: str) -> tuple[str, str, str]:
    """What stands before a word, the word, and what stands behind it."""
    letters = [i for i, c in enumerate(word) if c.isalnum()]
    if not letters:
        return "", word, ""
    first, last = letters[0], letters[-1] + 1
    return word[:first], word[first:last], word[last:]
