"""Turns tokens into text; where tokens are phones, chooses among homophones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import SPECIAL, Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.lm.scorer import NgramScorer


def written_texts(
    tokenizer: Tokenizer, lm: NgramScorer | None, rows: Sequence[Sequence[int]]
) -> list[str]:
    """The text of each row of tokens."""
    words = written_words(tokenizer, lm, rows)
    return [tokenizer.decode(row) for row in rows] if words is None else list(map(" ".join, words))


def written_words(
    tokenizer: Tokenizer, lm: NgramScorer | None, rows: Sequence[Sequence[int]]
) -> list[list[str]] | None:
    """The words of each row, where tokens are phones: among homophones the language model chooses,
    or without one the frequency. None for other tokenizers."""
    if not isinstance(tokenizer, PhoneTokenizer):
        return None
    rows = [[t for t in row if t >= len(SPECIAL)] for row in rows]  # special: they have no sound
    sounds = [tokenizer.spoken_words(row) for row in rows]
    unknown: list[list[str | None]] = [[None] * len(row) for row in sounds]
    found = unknown if lm is None else lm.words(rows)
    return [
        [word or tokenizer.word(sound) for word, sound in zip(words, spoken, strict=True)]
        for words, spoken in zip(found, sounds, strict=True)
    ]
