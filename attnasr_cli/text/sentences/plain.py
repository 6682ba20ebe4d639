"""Removes punctuation and case from text."""

from __future__ import annotations

import re

KEPT = re.compile(
    r"(?<=\d)[,:](?=\d)|(?<=\w)[.'’&@_/-](?=\w)|[%$€£¥°§&@#+=](?=\w)|(?<=\w)[%$€£¥°+]"
)
"""characters inside a word that are kept: 3.14, 5,000, don't, well-known, $5, 10%"""


def plain(text: str) -> str:
    """A text without the marks between its words, in lower case. Spaces stay."""
    kept = {i for found in KEPT.finditer(text) for i in range(*found.span())}
    letters = (c if i in kept or c.isspace() or _of_word(c) else "" for i, c in enumerate(text))
    return "".join(letters).lower()


def _of_word(c: str) -> bool:
    """Whether a character is of a word: a letter, a digit, or an accent of a letter."""
    import unicodedata

    return c.isalnum() or unicodedata.category(c).startswith("M")
