"""Makes subtitles of words: split where the text allows it, in even lines, shown long enough to be
read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Word
from attnasr_cli.families.options import option
from attnasr_cli.families.words import is_spaceless
from attnasr_cli.output.breaks import ends_sentence, width
from attnasr_cli.output.layout import LONE_WIDTH, Measure, line_text
from attnasr_cli.recognize.transcript import Segment, Transcript

PAUSE_S = 1.0  # a pause this long begins a new cue
LEAD_S = 0.2  # a cue that would be too short may appear so much before it is said
SHORTEST_S = 0.04  # one frame at 25 a second: no cue has less, whatever the times of its words
CPS = {"en": 20.0, "ar": 20.0, "zh": 18.0, "ja": 18.0, "ko": 21.0, "hi": 21.0}
"""comfortable reading speed in columns a second, as in broadcasters' guidelines; East Asian
characters count twice"""
OTHER_CPS = 17.0

# Costs of a division into cues; the sum over all cues is minimised.
EACH = 0.5  # fewer cues are better
BREAK = 3.0  # times the cost of splitting where a cue ends
STRANDED = 2.0  # one word of a sentence left behind, or sent ahead, in another cue
LINES = 1.0  # times the cost of its lines
FAST = 6.0  # times the share of reading time that is missing
SHORT = 4.0  # times the share of the shortest time that is missing
ALONE = 4.0  # one short word that belongs to the text around it


@dataclass(frozen=True)
class CueConfig:
    """Limits of subtitles."""

    max_line_width: int = option(42, "Columns of a subtitle; 我 takes two.")
    max_line_count: int = option(2, "Lines in a subtitle.")
    max_cue_duration: float = option(7.0, "Longest time of a subtitle, in seconds.")
    min_cue_duration: float = option(1.0, "Shortest time of a subtitle, in seconds.")
    cue_gap: float = option(0.08, "Time between two subtitles, in seconds.")
    max_cps: float | None = option(None, "Columns of a subtitle a second; 17 to 21, by language.")
    words: bool = option(False, "Highlight each word of a subtitle as it is said.")

    def __post_init__(self) -> None:
        for name in ("max_line_width", "max_line_count", "max_cue_duration", "max_cps"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                flag = "--" + name.replace("_", "-")
                raise UsageError(f"{flag} is {value}", "use a number above 0")
        for name in ("min_cue_duration", "cue_gap"):
            if getattr(self, name) < 0:
                flag = "--" + name.replace("_", "-")
                raise UsageError(f"{flag} is {getattr(self, name)}", "use 0 or more")
        if self.min_cue_duration > self.max_cue_duration:
            raise UsageError(
                f"cues of at least {self.min_cue_duration} s and at most {self.max_cue_duration} s",
                "lower --min-cue-duration",
            )

    def cps(self, language: str | None) -> float:
        """Columns a second that may be shown."""
        return self.max_cps or CPS.get(language or "", OTHER_CPS)


@dataclass(frozen=True)
class Cue:
    """One subtitle; times in seconds."""

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


def cues(transcript: Transcript, config: CueConfig | None = None) -> list[Cue]:
    """The cues of a transcript, in order, without overlap."""
    config = config or CueConfig()
    words = [word for segment in transcript.segments for word in words_of(segment)]
    words = [word for word in words if word.word.strip()]
    found: list[list[list[Word]]] = []
    start = 0
    for i in range(1, len(words) + 1):
        if i == len(words) or words[i].start - words[i - 1].end > PAUSE_S:
            following = words[i].start if i < len(words) else None
            stretch = _Stretch(words[start:i], following, config, transcript.language)
            found += stretch.divided()
            start = i
    return _timed(found, config, transcript.language)


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


class _Stretch:
    """Words without a long pause between them, and their best division into cues."""

    def __init__(
        self, words: list[Word], following: float | None, config: CueConfig, language: str | None
    ) -> None:
        """``following``: when the next stretch begins."""
        self.words, self.following, self.config = words, following, config
        self.measure, self.cps = Measure(words, language), config.cps(language)

    def divided(self) -> list[list[list[Word]]]:
        """The best division: for each cue its lines of words."""
        n = len(self.words)
        # (cost of the words up to here, where their last cue begins, where its lines end)
        best: list[tuple[float, int, list[int]]] = [(0.0, 0, [])]
        for end in range(1, n + 1):
            parted = 0.0
            if end < n:
                parted = BREAK * self.measure.parted[end - 1]
                parted += STRANDED * self.measure.stranded[end - 1]
            found = (float("inf"), end - 1, [end])
            for start in range(end - 1, -1, -1):
                if not self._fits(start, end):
                    break
                ends, uneven = self.measure.layout(start, end, self.config.max_line_width)
                total = best[start][0] + parted + LINES * uneven + self._cost(start, end)
                if total < found[0]:
                    found = (total, start, ends)
            best.append(found)
        result: list[list[list[Word]]] = []
        end = n
        while end:
            _, start, ends = best[end]
            result.append([self.words[a:b] for a, b in pairwise([start, *ends])])
            end = start
        return result[::-1]

    def _fits(self, start: int, end: int) -> bool:
        """Whether these words may stand in one cue; one word always may."""
        if end - start == 1:
            return True
        config = self.config
        if self.words[end - 1].end - self.words[start].start > config.max_cue_duration:
            return False
        lines = self.measure.fewest_lines(start, end, config.max_line_width)
        return lines <= config.max_line_count

    def _cost(self, start: int, end: int) -> float:
        """The cost of a cue without that of its lines."""
        words, config = self.words, self.config
        size = max(self.measure.width(start, end), 1)
        following = words[end].start if end < len(words) else self.following
        room = config.max_cue_duration
        if following is not None:
            room = min(room, following - config.cue_gap - words[start].start)
        room = max(room, SHORTEST_S)
        total = EACH + FAST * max(1.0 - room * self.cps / size, 0.0)
        if config.min_cue_duration:
            total += SHORT * max(1.0 - room / config.min_cue_duration, 0.0)
        if end - start == 1 and size < LONE_WIDTH:
            begins = start == 0 or ends_sentence(words[start - 1])
            ends = end == len(words) or ends_sentence(words[start])
            total += 0.0 if begins and ends else ALONE
        return total


def _timed(found: list[list[list[Word]]], config: CueConfig, language: str | None) -> list[Cue]:
    """Set the times of cues: long enough to be read, with a gap before the next one."""
    cps, shortest = config.cps(language), min(SHORTEST_S, config.max_cue_duration)
    result: list[Cue] = []
    before = 0.0  # when the cue before ends
    for i, lines in enumerate(found):
        spoken, end = lines[0][0].start, lines[-1][-1].end
        start = max(spoken, before)
        size = sum(width(line_text(line)) for line in lines) + len(lines) - 1
        wanted = max(config.min_cue_duration, size / cps)
        end = max(end, start + wanted)
        if i + 1 < len(found):
            following = found[i + 1][0][0].start
            end = min(end, max(following - config.cue_gap, (start + following) / 2))
        if end - start < config.min_cue_duration:
            earliest = max(spoken - LEAD_S, before + (config.cue_gap if result else 0.0))
            start = min(start, max(end - config.min_cue_duration, earliest))
        end = max(min(end, start + config.max_cue_duration), start + shortest)
        result.append(Cue(start, end, lines))
        before = end
    return result
