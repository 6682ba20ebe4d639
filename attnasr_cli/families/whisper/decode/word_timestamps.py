"""Assigns words to the spans of a window, with the corrections of times of openai-whisper."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from attnasr_cli.families.whisper.decode.timing import Span, TimedWord

PREPEND = "\"'“¿([{-"
APPEND = "\"'.。,，!！?？:：”)]}、"
SENTENCE_END = ".。!！?？"
LONGEST_MEDIAN_S = 0.7
LONGEST_WORD_S = 1.5
"""a word aligned with more than this covers speech without text"""
LONGEST_PAUSE_S = 1.0
"""so does a longer time between two words of a sentence: the alignment gives it to the comma"""


def place_words(
    spans: Sequence[Span], words: Sequence[TimedWord], end: int, offset_s: float, last_s: float
) -> float:
    """Give the words of a window to its spans; returns when speech ended last.

    end: the first token that is no text; offset_s: where the window starts in the recording;
    last_s: when speech ended before. Times of spans and words become those of the recording.
    Words too long at a sentence's or span's edge are cut to twice the median of the window.
    """
    durations = np.array([word.end - word.start for word in words])
    durations = durations[durations.nonzero()]
    middle = min(LONGEST_MEDIAN_S, float(np.median(durations))) if len(durations) else 0.0
    longest = 2 * middle
    if len(durations):
        _shorten_at_sentences(words, longest)
    _merge_punctuation(words)
    index = 0
    for span in spans:
        wanted = sum(token < end for token in span.tokens)
        taken, placed = 0, []
        while index < len(words) and taken < wanted:
            word = words[index]
            if word.text:
                start, stop = round(offset_s + word.start, 2), round(offset_s + word.end, 2)
                placed.append(TimedWord(word.text, word.tokens, start, stop, word.probability))
            taken += len(word.tokens)
            index += 1
        if placed:
            _fit(span, placed, middle, last_s)
            last_s = span.end
        span.words = placed
    return last_s


def sentences(words: list[TimedWord]) -> list[Span]:
    """Words of a window → spans that end at sentence ends, and where speech may have been left out:
    at a word aligned with more than LONGEST_WORD_S, at a pause of more than LONGEST_PAUSE_S.
    """
    _merge_punctuation(words)
    spans: list[Span] = []
    open_ = False
    for word in words:
        if not word.text:
            continue
        if not open_ or word.start - spans[-1].end > LONGEST_PAUSE_S:
            spans.append(Span(word.start, word.end, []))
        span = spans[-1]
        span.tokens += word.tokens
        hidden = word.end - word.start > LONGEST_WORD_S
        if hidden:
            word.end = word.start + LONGEST_WORD_S / 2
        span.end = word.end
        open_ = not hidden and word.text.rstrip("\"'”’)]")[-1:] not in SENTENCE_END
    return spans


def _shorten_at_sentences(words: Sequence[TimedWord], longest: float) -> None:
    for before, word in pairwise(words):
        if word.end - word.start > longest:
            if word.text in SENTENCE_END:
                word.end = word.start + longest
            elif before.text in SENTENCE_END:
                word.start = word.end - longest


def _merge_punctuation(words: Sequence[TimedWord]) -> None:
    """Join opening punctuation to the next word and closing punctuation to the one before; joined
    words become empty."""
    j = len(words) - 1
    for i in range(len(words) - 2, -1, -1):
        previous, following = words[i], words[j]
        if previous.text.startswith(" ") and previous.text.strip() in PREPEND:
            following.text, following.tokens = (
                previous.text + following.text,
                previous.tokens + following.tokens,
            )
            previous.text, previous.tokens = "", []
        else:
            j = i
    i = 0
    for j in range(1, len(words)):
        previous, following = words[i], words[j]
        if not previous.text.endswith(" ") and following.text in APPEND:
            previous.text, previous.tokens = (
                previous.text + following.text,
                previous.tokens + following.tokens,
            )
            following.text, following.tokens = "", []
        else:
            i = j


def _fit(span: Span, words: list[TimedWord], middle: float, last_s: float) -> None:
    """Shorten first and last words that are too long after a pause, and the span with them."""
    longest, first, last = 2 * middle, words[0], words[-1]
    second = words[1] if len(words) > 1 else None
    if first.end - last_s > 4 * middle and (
        first.end - first.start > longest
        or (second is not None and second.end - first.start > 2 * longest)
    ):
        if second is not None and second.end - second.start > longest:
            first.end = second.start = max(second.end / 2, second.end - longest)
        first.start = max(0, first.end - longest)
    if span.start < first.end and span.start - 0.5 > first.start:
        first.start = max(0, min(first.end - middle, span.start))
    else:
        span.start = first.start
    if span.end > last.start and span.end + 0.5 < last.end:
        last.end = max(last.start + middle, span.end)
    else:
        span.end = last.end
