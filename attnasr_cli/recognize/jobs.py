"""Input and output of the pipeline: jobs go in; the parts of each recording come out as they are
decoded, then its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attnasr_cli.audio.load import Recording
from attnasr_cli.data import STDIN
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.base import Decoded
from attnasr_cli.files import display_name


@dataclass(frozen=True)
class Job:
    """One recording to transcribe, or one channel or part of it."""

    path: Path | str
    """a file, or ``-`` for stdin"""
    channel: int | None = None
    """from 1; None averages all"""
    start_s: float | None = None
    end_s: float | None = None
    salvage: bool = False
    name: str = ""
    """name in messages and results; by default the path"""
    check: Check = field(default_factory=lambda: Check())
    """called before and after the recording is read"""
    audio_track: int | str | None = None
    """which sound track of a film: its number from 1, or its language; None the default one"""
    size: int | None = None
    """bytes of a file at an address, where known"""
    places: Sequence[Place] | None = None
    """the segments to decode, in order, where the recording was cut earlier"""

    @property
    def shown(self) -> str:
        """The name as valid text, whatever bytes it has and in any locale."""
        if self.name:
            return self.name.encode("utf-8", "replace").decode("utf-8")
        return "stdin" if str(self.path) == STDIN else display_name(self.path)

    def opened(self) -> Recording:
        """Open the recording. Raises AudioError."""
        return Recording(
            self.path,
            self.start_s,
            self.end_s,
            self.channel,
            self.salvage,
            self.shown,
            self.audio_track,
        )


class Skip(Exception):  # noqa: N818 - not an error
    """Raised by ``Check.before`` for a job that needs no work."""


class Check:
    """Hooks around the reading of one recording; this base class does nothing."""

    def before(self) -> Known:
        """Called in the reading thread before anything is read; returns segments that need not be
        decoded again. An AttnasrError fails the job, ``Skip`` ends it without a result."""
        return {}

    def after(self) -> None:
        """Called in the reading thread when all is read. An AttnasrError fails the job."""

    def elsewhere(self) -> Check:
        """A copy for another process, self-contained and picklable."""
        return self

    def adopt(self, other: Check) -> Known:
        """Take over what the copy found in another process; returns what ``before`` returns."""
        return {}


Span = tuple[float, float]
"""(start, end) in seconds of the recording"""


@dataclass(frozen=True)
class Place:
    """The position of a segment in its recording."""

    first: int
    """its first sample, at 16 kHz"""
    count: int
    """of samples"""
    spoken: tuple[Span, ...] = ()
    """the stretches in it where somebody speaks"""

    @property
    def key(self) -> tuple[int, int]:
        """As ``Known`` has it."""
        return self.first, self.count


Known = Mapping[tuple[int, int], "SegmentResult"]
"""(first sample, number of samples) at 16 kHz of a segment → its result in an earlier run"""


@dataclass(frozen=True)
class SegmentResult:
    """The result of one segment."""

    parts: list[tuple[float, Decoded]]
    """(start in seconds, result): one, or several where parts were decoded again"""
    uncovered: list[Span] = field(default_factory=list)
    """where speech was detected and no text came of it"""


@dataclass
class Result:
    """The result of one job, filled as its segments are decoded."""

    job: Job
    number: int
    """of the job in the run, from 0"""
    parts: list[tuple[float, Decoded]] = field(default_factory=list)
    """(start of the segment in seconds, result), in the order of time"""
    uncovered: list[Span] = field(default_factory=list)
    """where speech was detected and no text came of it, also not when it was decoded again"""
    duration_s: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: AttnasrError | None = None
    skipped: bool = False
    complete: bool = False
    """read to the end, all segments decoded"""

    def add(self, outcome: SegmentResult) -> None:
        """Add the next segment in the order of time."""
        self.parts += outcome.parts
        self.uncovered += outcome.uncovered


@dataclass(frozen=True)
class Part:
    """A decoded segment of a recording that is not finished yet."""

    result: Result
    place: tuple[int, int]
    """(first sample, number of samples) at 16 kHz; meaningless where the decoder chose the
    segment"""
    outcome: SegmentResult
    new: bool = True
    """false where it comes from an earlier run"""
