"""Joins the texts of a recording's segments into one transcript."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.families.words import spaced
from attnasr_cli.recognize.jobs import Result, Span
from attnasr_cli.recognize.transcript import NO_TEXT, Segment, Transcript
from attnasr_cli.recognize.writing.writer import Writer
from attnasr_cli.version import __version__


def stitch(parts: Sequence[tuple[float, Decoded]], offset_s: float = 0.0) -> list[Segment]:
    """(start of a segment in seconds, its result) → the segments of the transcript.

    ``offset_s`` is added to all times: the start of the transcribed part in the file.
    """
    return Stitcher(offset_s).push(parts)


class Stitcher:
    """Stitches segment by segment. Times never run backwards, even where a decoder overshoots the
    end of its segment."""

    def __init__(
        self, offset_s: float = 0.0, write: Callable[[Decoded], Decoded] | None = None
    ) -> None:
        """write: turns each result into its written form; called in the order of time."""
        self.offset_s, self.write, self.count, self.previous = offset_s, write, 0, 0.0

    def push(self, parts: Sequence[tuple[float, Decoded]]) -> list[Segment]:
        """Add the next (start in seconds, result) in order; returns the next segments of the
        transcript."""
        segments: list[Segment] = []
        for start_s, decoded in parts:
            decoded = decoded if self.write is None else self.write(decoded)
            for piece in decoded.pieces:
                if piece.text.strip() or decoded.extra.get("rejected"):
                    segments.append(self._segment(start_s + self.offset_s, piece, decoded))
        return segments

    def _segment(self, shift: float, piece: Piece, decoded: Decoded) -> Segment:
        start = max(piece.start + shift, self.previous)
        end = max(piece.end + shift, start)
        self.previous, number = end, self.count
        self.count += 1
        return Segment(
            id=number,
            start=start,
            end=end,
            text=spaced(piece.text),
            tokens=piece.tokens,
            avg_logprob=piece.avg_logprob,
            temperature=decoded.temperature,
            compression_ratio=decoded.compression_ratio,
            no_speech_prob=decoded.no_speech_prob,
            fallbacks=decoded.fallbacks,
            suspect=decoded.suspect,
            words=[_moved(word, shift, start, end) for word in piece.words],
            extra=decoded.extra,
        )


def shifted(spans: Sequence[Span], offset_s: float) -> list[Span]:
    """(start, end) pairs moved later by ``offset_s``."""
    return [(start + offset_s, end + offset_s) for start, end in spans]


def mark(segments: Sequence[Segment], uncovered: Sequence[Span]) -> list[Segment]:
    """Mark speech without text in ``suspect`` of the segment before it, or, at the start of a
    recording, of the one after it."""
    marked = list(segments)
    for start, end in uncovered:
        if not marked:
            break
        before = [i for i, segment in enumerate(marked) if segment.start <= start]
        i = before[-1] if before else 0
        where = "after" if before else "before"
        reason = f"{NO_TEXT} {where} it, {start:.1f} to {end:.1f} s"
        known = marked[i].suspect
        marked[i] = replace(marked[i], suspect=f"{known}; {reason}" if known else reason)
    return marked


def language_of(parts: Sequence[tuple[float, Decoded]]) -> str | None:
    """The language of most segments; among equals the first."""
    counts = Counter(d.language for _, d in parts if d.language)
    return counts.most_common(1)[0][0] if counts else None


def _moved(word: Word, shift: float, earliest: float, latest: float) -> Word:
    start = min(max(word.start + shift, earliest), latest)
    return replace(word, start=start, end=min(max(word.end + shift, start), latest))


@dataclass(frozen=True)
class About:
    """A model with its device and options, as results name them."""

    model: str
    languages: tuple[str, ...]
    """that it knows; empty where the model does not say"""
    device: str
    """one or several, with commas between"""
    dtype: str
    options: Mapping[str, Any]
    """every setting that the text depends on, with defaults filled in"""
    writer: Writer

    def stitcher(self, offset_s: float = 0.0) -> Stitcher:
        """A stitcher for the segments of one recording; ``offset_s`` is added to all times."""
        return Stitcher(offset_s, self.writer.recording())

    def transcript(self, result: Result) -> Transcript:
        """The transcript of a result without an error."""
        only = self.languages[0] if len(self.languages) == 1 else None
        offset_s = result.job.start_s or 0.0
        uncovered = shifted(result.uncovered, offset_s)
        return Transcript(
            file=result.job.shown,
            duration=result.duration_s,
            segments=mark(self.stitcher(offset_s).push(result.parts), uncovered),
            language=language_of(result.parts) or only,
            model=self.model,
            device=self.device,
            dtype=self.dtype,
            options=dict(self.options),
            version=__version__,
            channel=result.job.channel,
            audio_track=result.job.audio_track,
            warnings=result.warnings,
            uncovered=uncovered,
        )
