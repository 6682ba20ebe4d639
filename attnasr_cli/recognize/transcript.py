"""The text of one recording with times and measures of reliability."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from attnasr_cli.families.base import Word

NO_TEXT = "no text for the speech"
"""how ``Segment.suspect`` begins where speech next to the segment has no text"""
DIGITS = 3  # times to the millisecond, probabilities to a thousandth


@dataclass(frozen=True)
class Segment:
    """A stretch of a transcript; times in seconds from the recording's first sample."""

    id: int
    start: float
    end: float
    text: str
    tokens: list[int]
    avg_logprob: float
    temperature: float = 0.0
    compression_ratio: float | None = None
    no_speech_prob: float | None = None
    fallbacks: int = 0
    suspect: str = ""
    """why the text should not be trusted, or empty"""
    words: list[Word] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """With openai-whisper's keys and ours after them."""
        table: dict[str, Any] = {
            "id": self.id,
            "seek": round(self.start * 100),  # openai-whisper counts frames of 10 ms
            "start": round(self.start, DIGITS),
            "end": round(self.end, DIGITS),
            "text": self.text,
            "tokens": self.tokens,
            "temperature": self.temperature,
            "avg_logprob": round(self.avg_logprob, DIGITS),
            "compression_ratio": _rounded(self.compression_ratio),
            "no_speech_prob": _rounded(self.no_speech_prob),
            "fallbacks": self.fallbacks,
            "suspect": self.suspect,
        }
        if self.words:
            table["words"] = [
                {
                    "word": w.word,
                    "start": round(w.start, DIGITS),
                    "end": round(w.end, DIGITS),
                    "probability": round(w.probability, DIGITS),
                }
                for w in self.words
            ]
        return table | self.extra


@dataclass(frozen=True)
class Transcript:
    """The transcript of one recording, or of one channel of it."""

    file: str
    duration: float
    """seconds of audio that were read"""
    segments: list[Segment]
    language: str | None
    model: str
    device: str
    dtype: str
    options: dict[str, Any]
    version: str
    channel: int | None = None
    """the channel, from 1, where one was picked"""
    audio_track: int | str | None = None
    """the sound track, by number or language, where one was chosen"""
    warnings: list[str] = field(default_factory=list)
    """what was wrong with the recording"""
    uncovered: list[tuple[float, float]] = field(default_factory=list)
    """(start, end) in seconds of detected speech without text"""

    @property
    def text(self) -> str:
        """The text of all segments, stripped."""
        return "".join(segment.text for segment in self.segments).strip()

    @property
    def words(self) -> list[Word]:
        return [word for segment in self.segments for word in segment.words]

    def to_json(self) -> dict[str, Any]:
        """A superset of what openai-whisper writes."""
        table: dict[str, Any] = {
            "text": self.text,
            "segments": [segment.to_json() for segment in self.segments],
            "language": self.language,
            "file": self.file,
            "duration": round(self.duration, DIGITS),
            "model": self.model,
            "device": self.device,
            "dtype": self.dtype,
            "options": self.options,
            "version": self.version,
        }
        if self.channel is not None:
            table["channel"] = self.channel
        if self.audio_track is not None:
            table["audio_track"] = self.audio_track
        if self.warnings:
            table["warnings"] = self.warnings
        if self.uncovered:
            table["uncovered"] = [
                {"start": round(start, DIGITS), "end": round(end, DIGITS)}
                for start, end in self.uncovered
            ]
        return table


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
