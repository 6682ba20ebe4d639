"""Word times from cross-attention, for decoders that write no timestamps.

U tokens, the end token among them · S memory positions · L layers · H heads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from attnasr_cli.families.base import Word
from attnasr_cli.families.words import is_spaceless, spaced
from attnasr_cli.search.alignment import attention_align, sharpest

LONGEST_WORD_S = 1.5
"""a word aligned with more than this has a pause before or after it"""
PAUSE_S = 0.6
"""a text is split into pieces at pauses of this length"""
SENTENCE_END = ".。!！?？…"
CLOSING = "\"'”’)]»"

Groups = list[tuple[str, list[int]]]
"""texts with the indices of the tokens that spell them"""


@dataclass(frozen=True)
class Clock:
    """The times of memory positions."""

    step_s: float
    """from one to the next"""
    offset_s: float
    """seconds by which the middle of the first position is later than half a step"""
    duration_s: float
    """of the segment"""


def join_words(characters: Groups) -> Groups:
    """Join characters into words: a word begins with a space, or with a character of a script
    without spaces. Other symbols stay with the word before them."""
    words: Groups = []
    for text, indices in characters:
        begins = not words or text.startswith(" ") or is_spaceless(text[:1])
        if not begins:
            before = words[-1][0]
            alone = not before.strip()  # a space that is a token of its own
            begins = not alone and is_spaceless(before[-1:]) and text[:1].isalnum()
        if begins:
            words.append((text, list(indices)))
        else:
            before, held = words[-1]
            words[-1] = (before + text, held + indices)
    return [(text, indices) for text, indices in words if text.strip()]


def align_words(
    words: Groups, token_log_probs: Sequence[float], weights: Tensor, clock: Clock
) -> list[Word]:
    """Words with times in seconds. weights (L, H, U, S): the cross-attention at each token and at
    the end token, which takes the audio after the last word.

    The cheapest monotonic path assigns every position to a token, also silence; a word that gets
    more than LONGEST_WORD_S is placed at the maximum of its attention.
    """
    seen = sharpest(weights)  # (U, S)
    spans = attention_align(weights)
    found: list[Word] = []
    previous = 0.0
    for text, indices in words:
        first, last = int(spans.first[indices[0]]), int(spans.last[indices[-1]])
        start, end = first * clock.step_s, (last + 1) * clock.step_s
        if end - start > LONGEST_WORD_S:
            peak = first + int(seen[indices, first : last + 1].sum(0).argmax())
            middle = (peak + 0.5) * clock.step_s
            start = max(start, middle - LONGEST_WORD_S / 2)
            end = min(end, middle + LONGEST_WORD_S / 2)
        start, end = start + clock.offset_s, end + clock.offset_s
        if first == 0 and not found:
            start -= clock.offset_s  # nothing is before it
        start = min(max(start, previous), clock.duration_s)
        end = min(max(end, start), clock.duration_s)
        probability = sum(math.exp(token_log_probs[i]) for i in indices) / len(indices)
        written = text.rstrip() if found else spaced(text)
        found.append(Word(written, start, end, probability))
        previous = end
    return found


def stretches(words: Sequence[Word]) -> list[tuple[int, int]]:
    """Ranges of words between sentence ends or pauses."""
    found: list[tuple[int, int]] = []
    first = 0
    for i, word in enumerate(words):
        last = i + 1 == len(words)
        ended = word.word.rstrip(CLOSING)[-1:] in SENTENCE_END and bool(word.word.strip())
        if last or ended or words[i + 1].start - word.end > PAUSE_S:
            found.append((first, i + 1))
            first = i + 1
    return found
