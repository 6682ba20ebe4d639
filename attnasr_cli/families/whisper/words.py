"""Tokens → words, as their time is measured: whole characters first, then whole words."""

from __future__ import annotations

import string
from collections.abc import Sequence

from attnasr_cli.families.languages import SPACELESS
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer

BROKEN = "\ufffd"

Groups = list[tuple[str, list[int]]]
"""texts with the tokens that spell them"""


def split_words(tokenizer: WhisperTokenizer, tokens: Sequence[int], language: str | None) -> Groups:
    """Group tokens into words; in languages without spaces into characters."""
    characters = _characters(tokenizer, tokens)
    return characters if language in SPACELESS else _spaced(tokenizer, characters)


def _characters(tokenizer: WhisperTokenizer, tokens: Sequence[int]) -> Groups:
    """Cut wherever the bytes so far are whole characters; what is broken in the whole text too
    counts as whole."""
    full = tokenizer.decode_with_timestamps(tokens)
    found: Groups = []
    current: list[int] = []
    offset = 0
    for token in tokens:
        current.append(token)
        text = tokenizer.decode_with_timestamps(current)
        place = offset + text.find(BROKEN)
        if BROKEN not in text or (place < len(full) and full[place] == BROKEN):
            found.append((text, current))
            offset += len(text)
            current = []
    return found


def _spaced(tokenizer: WhisperTokenizer, characters: Groups) -> Groups:
    """Join what does not begin a word: no space in front, no special token, no punctuation."""
    found: Groups = []
    for text, tokens in characters:
        special = tokens[0] >= tokenizer.eot
        punctuation = text.strip() in string.punctuation
        if special or text.startswith(" ") or punctuation or not found:
            found.append((text, list(tokens)))
        else:
            before, held = found[-1]
            found[-1] = (before + text, held + tokens)
    return found
