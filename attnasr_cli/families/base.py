"""What lies between a stretch of audio and a transcript: the decoder of segments.

``Recognizer`` cuts recordings into segments and stitches texts; a ``SegmentDecoder`` turns a batch
of segments into texts. A model says which one it needs by its feature style:
``families/native/decoder.py`` for the nets that are trained here,
``families/whisper/decode/batched.py`` for 30 s windows with timestamp tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Word:
    """A word with its place in the audio."""

    word: str
    start: float
    """seconds"""
    end: float
    probability: float


@dataclass(frozen=True)
class Piece:
    """A stretch of text inside a segment; times are seconds from the segment's first sample."""

    start: float
    end: float
    text: str
    tokens: list[int]
    avg_logprob: float
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class Decoded:
    """What was heard in one segment, and how far to trust it."""

    pieces: list[Piece]
    """in order; empty where nothing was said"""
    avg_logprob: float
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float = 0.0
    fallbacks: int = 0
    language: str | None = None
    suspect: str = ""
    """why the text should not be trusted, or empty"""
    extra: dict[str, Any] = field(default_factory=dict)


class SegmentDecoder(Protocol):
    """Turns segments into text, many at once. One object serves one model with fixed options."""

    max_segment_s: float
    """the longest stretch of audio that the net can see at once"""

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """segments: mono float32 samples (N,) at 16 kHz. The result is in the same order and does
        not depend on what else is in the batch."""
