"""Turns tokens into text; where tokens are phones, chooses among homophones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import SPECIAL, Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.lm.scorer import NgramScorer


def written_text(tokenizer: Tokenizer, lm: NgramScorer | None, tokens: Sequence[int]) -> str:
    """The text of tokens."""
    words = written_words(tokenizer, lm, tokens)
    return tokenizer.decode(tokens) if words is None else " ".join(words)


def written_words(
    tokenizer: Tokenizer, lm: NgramScorer | None, tokens: Sequence[int]
) -> list[str] | None:
    """The words, where tokens are phones: among homophones the language model chooses, or without
    one the frequency. None for other tokenizers."""
    if not isinstance(tokenizer, PhoneTokenizer):
        return None
    tokens = [t for t in tokens if t >= len(SPECIAL)]  # special ones stand for no sound
    sounds = tokenizer.spoken_words(tokens)
    words = lm.words(tokens) if lm is not None else [None] * len(sounds)
    return [word or tokenizer.word(s) for word, s in zip(words, sounds, strict=True)]
