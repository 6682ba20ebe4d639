"""Subtitle cues from words: lines that fit, cut between words, shown long enough to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Word
from attnasr_cli.families.words import is_spaceless
from attnasr_cli.recognize.transcript import Segment, Transcript

PAUSE_S = 1.0  # a pause this long begins a new cue
ENDS_OF_SENTENCES = (".", "?", "!", "…", "。", "？", "！")


@dataclass(frozen=True)
class CueConfig:
    """Limits of subtitles."""

    max_line_width: int = 42
    """characters in a line; a longer word stands alone"""
    max_line_count: int = 2
    """lines in a cue"""
    max_cue_duration: float = 7.0
    """seconds that a cue may be shown"""
    min_cue_duration: float = 1.0
    """a shorter cue stays until then, or until the next one"""
    cue_gap: float = 0.08
    """seconds between two cues: two frames at 25 a second"""
    words: bool = False
    """one cue for each word, which is highlighted in its line"""

    def __post_init__(self) -> None:
        for name in ("max_line_width", "max_line_count", "max_cue_duration"):
            if getattr(self, name) <= 0:
                flag = "--" + name.replace("_", "-")
                raise UsageError(f"{flag} is {getattr(self, name)}", "use a number above 0")
        for name in ("min_cue_duration", "cue_gap"):
            if getattr(self, name) < 0:
                flag = "--" + name.replace("_", "-")
                raise UsageError(f"{flag} is {getattr(self, name)}", "use 0 or more")
        if self.min_cue_duration > self.max_cue_duration:
            raise UsageError(
                f"cues of at least {self.min_cue_duration} s and at most {self.max_cue_duration} s",
                "lower --min-cue-duration",
            )


@dataclass(frozen=True)
class Cue:
    """What is shown at once; seconds."""

    start: float
    end: float
    lines: list[list[Word]]

    @property
    def words(self) -> list[Word]:
        return [word for line in self.lines for word in line]

    @property
    def text(self) -> str:
        """Lines joined by line ends."""
        return "\n".join(line_text(line) for line in self.lines)


def line_text(words: Sequence[Word]) -> str:
    return "".join(word.word for word in words).strip()


def cues(transcript: Transcript, config: CueConfig | None = None) -> list[Cue]:
    """The cues of a transcript, in order, without overlap."""
    config = config or CueConfig()
    found: list[list[list[Word]]] = []
    for segment in transcript.segments:
        for word in words_of(segment):
            if not found or not _add(found[-1], word, config):
                found.append([[word]])
    return _timed(found, config)


def words_of(segment: Segment) -> list[Word]:
    """A segment's words; where none are known, its text cut at spaces and spread over its time by
    the number of characters."""
    if segment.words:
        return segment.words
    text = segment.text.strip()
    pieces: list[str] = []
    for character in text:
        if (
            not pieces
            or character == " "
            or is_spaceless(character)
            or is_spaceless(pieces[-1][-1])
        ):
            pieces.append(character)
        else:
            pieces[-1] += character
    pieces = [piece for piece in pieces if piece.strip()]
    total = sum(len(piece) for piece in pieces)
    words: list[Word] = []
    position = 0
    for piece in pieces:
        start = segment.start + (segment.end - segment.start) * position / total
        position += len(piece)
        end = segment.start + (segment.end - segment.start) * position / total
        words.append(Word(piece, start, end, 0.0))
    if words and segment.text.startswith(" "):
        words[0] = Word(" " + words[0].word, words[0].start, words[0].end, 0.0)
    return words


def _add(lines: list[list[Word]], word: Word, config: CueConfig) -> bool:
    """Put a word into the last cue if it belongs there and fits."""
    first, last = lines[0][0], lines[-1][-1]
    if word.start - last.end > PAUSE_S or word.end - first.start > config.max_cue_duration:
        return False
    if last.word.endswith(ENDS_OF_SENTENCES) and len(lines) == config.max_line_count:
        return False
    if len(line_text([*lines[-1], word])) <= config.max_line_width:
        lines[-1].append(word)
        return True
    if len(lines) < config.max_line_count:
        lines.append([word])
        return True
    return False


def _timed(found: list[list[list[Word]]], config: CueConfig) -> list[Cue]:
    """Times of cues: long enough, never into the next one, a gap between."""
    result: list[Cue] = []
    for i, lines in enumerate(found):
        start, end = lines[0][0].start, lines[-1][-1].end
        end = max(end, start + config.min_cue_duration)
        if i + 1 < len(found):
            following = found[i + 1][0][0].start
            end = min(end, max(following - config.cue_gap, (start + following) / 2))
        end = min(end, start + config.max_cue_duration)
        result.append(Cue(start, max(end, start), lines))
    return result
