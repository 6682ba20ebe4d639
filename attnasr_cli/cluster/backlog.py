"""The queue of work for the workers.

Neighbouring recordings are grouped into chunks that fill batches. Chunks do not depend on the
number of workers or on which worker gets them, so batches and texts do not either. The chunk of a
worker that died is tried again alone, on an idle worker, and after that recording by recording,
which finds the recording that kills.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from attnasr_cli import remote
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.load import probe
from attnasr_cli.cluster.recordings import Open
from attnasr_cli.errors import AttnasrError
from attnasr_cli.recognize.jobs import Job

FLAT, CODED = 32_000, 8_000
"""bytes a second: 16 kHz at 16 bits, and 64 kbit/s"""
UNKNOWN_S = 60.0
"""assumed length of a recording whose header does not give one"""


@dataclass(eq=False)
class Item:
    """A recording, or some segments of one."""

    recording: Open
    job: Job
    seconds: float
    """of audio, about"""
    survey: bool = False
    """whether it is only to be cut"""
    deaths: int = 0
    """how many workers died while they had it"""

    def named(self) -> dict[str, object]:
        """Its name and part, for the manifest."""
        row: dict[str, object] = {"input": self.job.shown}
        if self.job.places:
            first, last = self.job.places[0], self.job.places[-1]
            row["start"] = round(first.first / SAMPLE_RATE_HZ, 3)
            row["end"] = round((last.first + last.count) / SAMPLE_RATE_HZ, 3)
        return row

    def travelling(self) -> Job:
        """The job for another process, with earlier results."""
        return replace(self.job, check=self.job.check.elsewhere())


@dataclass(eq=False)
class Chunk:
    """The items that a worker gets at once."""

    items: list[Item]

    @property
    def survey(self) -> bool:
        return self.items[0].survey

    @property
    def suspect(self) -> bool:
        return self.items[0].deaths > 0


class Backlog:
    """Chunks in the order of the run, and recordings that are suspected of killing workers."""

    def __init__(self, chunk_s: float) -> None:
        """chunk_s: seconds of audio from which a chunk is full."""
        self.chunk_s = chunk_s
        self.chunks: deque[Chunk] = deque()
        self.suspects: deque[Chunk] = deque()
        self.filling: list[Item] = []
        self.held_s = 0.0

    def __len__(self) -> int:
        return len(self.chunks) + len(self.suspects)

    def add(self, item: Item) -> None:
        """Add the next item. The content of a chunk depends only on the order of the run."""
        if item.survey:
            self.chunks.append(Chunk([item]))
            return
        self.filling.append(item)
        self.held_s += item.seconds
        if self.held_s >= self.chunk_s:
            self.flush()

    def flush(self) -> None:
        """Close the current chunk, as no more items are available now."""
        if self.filling:
            self.chunks.append(Chunk(self.filling))
        self.filling, self.held_s = [], 0.0

    def begin(self, items: Sequence[Item]) -> None:
        """Add the stretches of a recording, each as a chunk, before all others, so that recordings
        in progress end first."""
        self.chunks.extendleft(Chunk([item]) for item in reversed(items))

    def put_back(self, chunk: Chunk) -> None:
        """Return the chunk of a lost worker. If the chunk may be the cause, it is tried again
        alone, unchanged so that its batches are the same; if that worker dies too, recording by
        recording."""
        deaths = max(item.deaths for item in chunk.items)
        if deaths > 1:
            self.suspects.extend(Chunk([item]) for item in chunk.items)
        elif deaths:
            self.suspects.append(chunk)
        else:
            self.chunks.appendleft(chunk)

    def suspect(self) -> Chunk | None:
        """The next chunk that must run alone, or None."""
        return _next(self.suspects)

    def take(self) -> Chunk | None:
        """The next chunk, or None."""
        return _next(self.chunks)


def _next(chunks: deque[Chunk]) -> Chunk | None:
    """The first chunk that still has unfinished items."""
    while chunks:
        left = [item for item in chunks.popleft().items if not item.recording.given_back]
        if left:
            return Chunk(left)
    return None


def seconds_of(job: Job) -> float:
    """The length of a job by the header of its recording, or by its size where it is remote."""
    if remote.is_url(job.path):
        rate = FLAT if str(job.path).lower().endswith((".wav", ".flac", ".aiff")) else CODED
        return UNKNOWN_S if job.size is None else job.size / rate
    try:
        total = probe(str(job.path), job.audio_track).duration_s
    except AttnasrError:
        total = None  # reading it will say what is wrong
    if total is None:
        return UNKNOWN_S
    end = total if job.end_s is None else min(total, job.end_s)
    return max(end - (job.start_s or 0.0), 0.0)
