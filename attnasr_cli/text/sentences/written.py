"""Converts written text to spoken words with labels for case and punctuation, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

IGNORED = -1
"""the label where the text does not show the case, as at the beginning of a sentence"""


class Case(IntEnum):
    """How the letters of a word are written."""

    LOWER = 0
    CAPITAL = 1
    UPPER = 2
    """all of them, as in NASA"""
    MIXED = 3
    """as a list of spellings says: McDonald"""


class Mark(IntEnum):
    """The punctuation mark after a word."""

    NONE = 0
    COMMA = 1
    STOP = 2
    QUESTION = 3


SIGNS = {Mark.NONE: "", Mark.COMMA: ",", Mark.STOP: ".", Mark.QUESTION: "?"}
ENDS = (Mark.STOP, Mark.QUESTION)
"""marks after which a sentence begins"""

ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "st", "prof", "gen", "col", "capt", "lt", "rev", "hon", "vs", "jr"}
)
"""words whose full stop ends no sentence"""
APOSTROPHES = str.maketrans(dict.fromkeys("‘’‛ʼ`´", "'"))
OPENING = "\"“„«([{‘'"
INSIDE = re.compile(r"[-‐‑‒–—/_…]+|\.{2,}")
"""separators of words inside a token: well-known, he said--and"""
INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]?")


@dataclass(frozen=True)
class Labelled:
    """A spoken word with its case and mark; either may be ``IGNORED``."""

    word: str
    """in lower case"""
    case: int
    mark: int
    written: str
    """as it stands in the text, without marks"""


def read(line: str) -> list[Labelled]:
    """The words of a text in lower case, with their labels."""
    found: list[Labelled] = []
    tokens = line.translate(APOSTROPHES).split()
    begins = True  # nothing is known of the case of a word that begins a sentence
    for i, token in enumerate(tokens):
        core, lead, tail = _stripped(token)
        if not core:  # a dash that stands alone, or a mark with a space before it
            if found and found[-1].mark == Mark.NONE:
                mark = _mark(token, "", tokens[i + 1 : i + 2])
                found[-1] = replace(found[-1], mark=mark)
                begins = mark != Mark.COMMA
            continue
        begins = begins or any(c in OPENING for c in lead)
        parts = _parts(core)
        for n, (part, after) in enumerate(parts):
            last = n + 1 == len(parts)
            mark = _mark(tail, part, tokens[i + 1 : i + 2]) if last else after
            found.append(Labelled(part.lower(), _case(part, begins), mark, part))
            begins = mark not in (Mark.NONE, Mark.COMMA)
    return found


def _stripped(token: str) -> tuple[str, str, str]:
    """A token without what stands around it, and that before and after it."""
    letters = [i for i, c in enumerate(token) if c.isalnum()]
    if not letters:
        return "", "", token
    first, last = letters[0], letters[-1] + 1
    return token[first:last], token[:first], token[last:]


def _parts(core: str) -> list[tuple[str, int]]:
    """The words in a token, and the mark after each but the last."""
    if "." in core and INITIALS.fullmatch(core):
        return [(letter, Mark.NONE) for letter in core.replace(".", "")]
    parts: list[tuple[str, int]] = []
    start = 0
    for found in INSIDE.finditer(core):
        hyphen = len(found.group()) == 1 and found.group() in "-‐‑/_"
        parts.append((core[start : found.start()], Mark.NONE if hyphen else IGNORED))
        start = found.end()
    parts.append((core[start:], Mark.NONE))
    return [(part, mark) for part, mark in parts if part]


def _mark(tail: str, word: str, following: list[str]) -> int:
    """The mark that stands for what is written after a word."""
    after = next((c for token in following for c in token if c.isalnum()), "")
    goes_on = after.islower()
    if "?" in tail:
        return Mark.QUESTION
    if "…" in tail or ".." in tail:
        return IGNORED
    if "." in tail:
        initial = len(word) == 1 and word.isupper() and word != "I" and after
        if word.lower() in ABBREVIATIONS or initial:
            return Mark.NONE
        return IGNORED if goes_on else Mark.STOP
    if "!" in tail:  # how loud a word is, it does not say itself
        return IGNORED if goes_on else Mark.STOP
    if "," in tail:
        return Mark.COMMA
    return IGNORED if any(c in ";:-–—" for c in tail) else Mark.NONE


def _case(part: str, begins: bool) -> int:
    stem, _ = without_possessive(part)
    if stem.islower() or not any(c.isalpha() for c in stem):
        return IGNORED if begins else Case.LOWER
    if stem.isupper() and sum(c.isalpha() for c in stem) > 1:
        return Case.UPPER
    rest = stem[1:]
    if stem[0].isupper() and not any(c.isupper() for c in rest):
        return IGNORED if begins else Case.CAPITAL
    return Case.MIXED


def spelled(word: str, case: int, spellings: Mapping[str, str]) -> str:
    """A word in this case. ``spellings``: those of words in mixed case, by their lower case."""
    if case == Case.LOWER:
        return word.lower()
    stem, ending = without_possessive(word.lower())
    if case == Case.UPPER:
        upper = stem.upper()
        return (upper if upper.lower() == stem else stem) + ending
    if case == Case.MIXED and stem in spellings:
        return spellings[stem] + ending
    return capital(stem) + ending


def without_possessive(word: str) -> tuple[str, str]:
    """A word without its possessive ending, and that ending."""
    for ending in ("'s", "'S"):
        if word.endswith(ending) and len(word) > len(ending):
            return word[: -len(ending)], ending
    return word, ""


def capital(word: str) -> str:
    """The word with its first letter as a capital one."""
    for i, c in enumerate(word):
        if c.isalnum():
            upper = c.upper()
            return word[:i] + upper + word[i + 1 :] if upper.lower() == c.lower() else word
    return word
