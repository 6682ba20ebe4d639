"""From tokens with places to words with times and probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attnasr_cli.families.base import Word
from attnasr_cli.text.tokenizer import SPACE, Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.search.alignment import Spans

LEAD_S = 0.04
"""A CTC head fires inside a token, not at its onset: words are taken to begin this much earlier.
Measured with english-small and Whisper tiny.en's words on praatIO's hand-aligned clips: the starts
are 4 ms early at 0.02, 24 at 0.04, 44 at 0.06; on synthetic speech 13 ms early at 0.06."""
TAIL_S = 0.08
"""and to last this much longer, where the next one leaves room"""


def group(tokens: Sequence[int], pieces: Sequence[str]) -> list[list[int]]:
    """Indices of the tokens of each word; a word begins with ▁ (scripts without spaces have
    none: there every token is a word of its own)."""
    words: list[list[int]] = []
    spaceless = False
    for i, token in enumerate(tokens):
        piece = pieces[token]
        if piece.startswith("<") and piece.endswith(">"):
            continue
        if piece == SPACE or piece.startswith(SPACE) or not words or spaceless:
            words.append([i])
        else:
            words[-1].append(i)
        spaceless = is_spaceless(piece[-1:])
        if spaceless and len(words[-1]) > 1 and pieces[tokens[words[-1][0]]] != SPACE:
            words.append([words[-1].pop()])
    return words


def is_spaceless(character: str) -> bool:
    """Whether a character is of a script that does not part words by spaces."""
    if not character:
        return False
    code = ord(character)
    return (
        0x0E00 <= code <= 0x0EFF  # Thai, Lao
        or 0x1000 <= code <= 0x109F  # Burmese
        or 0x1780 <= code <= 0x17FF  # Khmer
        or 0x3040 <= code <= 0x30FF  # kana
        or 0x3400 <= code <= 0x9FFF  # Chinese characters
        or 0x20000 <= code <= 0x3FFFF
    )


def spaced(text: str) -> str:
    """A text with a space before it, as openai-whisper writes, unless its script has none."""
    text = text.strip()
    return text if not text or is_spaceless(text[0]) else " " + text


def words_of(
    tokens: Sequence[int],
    token_log_probs: Sequence[float],
    spans: Spans,
    step_s: float,
    duration_s: float,
    tokenizer: Tokenizer,
    lead_s: float = LEAD_S,
    tail_s: float = TAIL_S,
    texts: Sequence[str] | None = None,
) -> list[Word]:
    """Words with times in seconds from the segment's start. step_s: seconds a memory position.

    ``texts``: the words, where the tokenizer alone does not know how they are written.
    """
    groups = group(tokens, tokenizer.pieces)
    pieces = tokenizer.pieces
    edges: list[tuple[float, float, str, float]] = []
    for n, indices in enumerate(groups):
        text = texts[n] if texts is not None else tokenizer.decode([tokens[i] for i in indices])
        if not text:
            continue
        spoken = [i for i in indices if pieces[tokens[i]] != SPACE] or indices
        start = float(spans.first[spoken[0]]) * step_s - lead_s
        end = float(spans.last[spoken[-1]] + 1) * step_s + tail_s
        probability = sum(math.exp(token_log_probs[i]) for i in indices) / len(indices)
        edges.append((start, end, text, probability))
    times = in_sequence([edge[:2] for edge in edges], duration_s)
    return [
        Word(spaced(text), start, end, probability)
        for (start, end), (_, _, text, probability) in zip(times, edges, strict=True)
    ]


def in_sequence(
    edges: Sequence[tuple[float, float]], duration_s: float
) -> list[tuple[float, float]]:
    """(start, end) of words in order, cut so that none begins before the one before it ends and
    all lie inside ``duration_s``."""
    found: list[tuple[float, float]] = []
    previous = 0.0
    for i, (start, end) in enumerate(edges):
        start = min(max(start, previous), duration_s)
        if i + 1 < len(edges):
            end = min(end, max(edges[i + 1][0], start))
        end = min(max(end, start), duration_s)
        found.append((start, end))
        previous = end
    return found
