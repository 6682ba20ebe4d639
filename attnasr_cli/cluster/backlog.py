"""What waits for a worker.

Neighbours go together, so that they fill batches, in chunks that are the same whoever gets them and
however many there are: so are the batches, and the texts to the last digit. What was in the hands
of a worker that died goes alone, to a worker that has nothing else, and at last by single
recordings: which one kills is known by name then.
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
"""bytes of a second: 16 kHz of 16 bits, and 64 kbit/s"""
UNKNOWN_S = 60.0
"""a recording whose header does not say how long it is"""


@dataclass(eq=False)
class Item:
    """A recording, or some segments of one."""

    recording: Open
    job: Job
    seconds: float
    """of audio, about"""
    survey: bool = False
    """it is only to be cut"""
    deaths: int = 0
    """workers that died with it in hand"""

    def named(self) -> dict[str, object]:
        """What it is, for a list of what ran where."""
        row: dict[str, object] = {"input": self.job.shown}
        if self.job.places:
            first, last = self.job.places[0], self.job.places[-1]
            row["start"] = round(first.first / SAMPLE_RATE_HZ, 3)
            row["end"] = round((last.first + last.count) / SAMPLE_RATE_HZ, 3)
        return row

    def travelling(self) -> Job:
        """The job for another process, with what is known by now."""
        return replace(self.job, check=self.job.check.elsewhere())


@dataclass(eq=False)
class Chunk:
    """What a worker gets at once."""

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
        """The next one: what is in a chunk depends on the order of the run alone."""
        if item.survey:
            self.chunks.append(Chunk([item]))
            return
        self.filling.append(item)
        self.held_s += item.seconds
        if self.held_s >= self.chunk_s:
            self.flush()

    def flush(self) -> None:
        """No more are there at the moment."""
        if self.filling:
            self.chunks.append(Chunk(self.filling))
        self.filling, self.held_s = [], 0.0

    def begin(self, items: Sequence[Item]) -> None:
        """The stretches of a recording, each a chunk, before all others: what is begun ends."""
        self.chunks.extendleft(Chunk([item]) for item in reversed(items))

    def put_back(self, chunk: Chunk) -> None:
        """A worker was lost with it. If that may be its doing, it goes alone, as it is, so that its
        batches are the same; and when that one dies too, by single recordings."""
        deaths = max(item.deaths for item in chunk.items)
        if deaths > 1:
            self.suspects.extend(Chunk([item]) for item in chunk.items)
        elif deaths:
            self.suspects.append(chunk)
        else:
            self.chunks.appendleft(chunk)

    def suspect(self) -> Chunk | None:
        """One that is to go alone."""
        return _next(self.suspects)

    def take(self) -> Chunk | None:
        """The next chunk."""
        return _next(self.chunks)


def _next(chunks: deque[Chunk]) -> Chunk | None:
    """The first chunk of which something is still wanted."""
    while chunks:
        left = [item for item in chunks.popleft().items if not item.recording.given_back]
        if left:
            return Chunk(left)
    return None


def seconds_of(job: Job) -> float:
    """How long a job is by the header of its recording, or by its size where that is far away."""
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
