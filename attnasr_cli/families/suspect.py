"""Flags texts that may be wrong, judging by text and score alone."""

from __future__ import annotations

REPETITIVE = 2.4  # a text that compresses better than this repeats itself, as in openai-whisper
IMPROBABLE = -1.0  # mean log probability of a token


def suspect(finished: bool, average: float, ratio: float) -> str:
    """Empty, or the reason. finished: whether the end was found; average: mean log probability;
    ratio: compression ratio."""
    if not finished:
        return "cut off: no end was found"
    if ratio > REPETITIVE:
        return f"repetitive (compression ratio {ratio:.1f})"
    if average < IMPROBABLE:
        return f"improbable (mean log probability {average:.2f})"
    return ""
