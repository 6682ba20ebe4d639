"""Units of scoring: words, or characters as people see them (grapheme clusters)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

WORD, CHAR = "word", "char"
UNITS = (WORD, CHAR)


def graphemes(text: str) -> list[str]:
    """The characters of a text, spaces included: é, क्ष, น้ำ and 👨‍👩‍👧 are one each."""
    if text.isascii():
        return list(text)
    clusters: list[str] = _cluster()(text)
    return clusters


@lru_cache(maxsize=1)
def _cluster() -> Callable[[str], list[str]]:
    import regex  # type: ignore[import-untyped]

    find: Callable[[str], list[str]] = regex.compile(r"\X").findall
    return find


def split(text: str, unit: str) -> list[str]:
    """A normalised text as the units that are compared."""
    if unit == WORD:
        return text.split()
    return [cluster for cluster in graphemes(text) if not cluster.isspace()]
