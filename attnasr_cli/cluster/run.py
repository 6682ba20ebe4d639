"""The driver of a run on a cluster: what ``Recognizer.events`` does, by workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.cluster.backlog import Backlog, Chunk, Item, seconds_of
from attnasr_cli.cluster.messages import Done, Loaded
from attnasr_cli.cluster.pool import AT_ONCE, Death, Finished, Pool
from attnasr_cli.cluster.recordings import Open
from attnasr_cli.errors import ClusterError
from attnasr_cli.recognize.jobs import Job, Part, Place, Result
from attnasr_cli.recognize.meter import Meter

CHUNK_BATCHES = 2
"""batches of audio in a chunk at most"""
FEW, SHARES = 256, 8
"""a run of at most FEW recordings is divided into at least SHARES chunks"""
LONG_CHUNKS = 2
"""a recording of this many chunks or more is divided among workers"""
DEATHS = 3
"""how many workers may die with a recording before it counts as failed"""
WAIT_S, GLANCE_S = 0.5, 0.05


class Driver:
    """One run: sends jobs out in chunks and gives segments and results back."""

    def __init__(
        self, pool: Pool, loaded: Loaded, jobs: Iterable[Job | None], meter: Meter, ordered: bool
    ) -> None:
        self.pool, self.jobs, self.meter, self.ordered = pool, iter(jobs), meter, ordered
        self.loaded = loaded
        self.open: dict[int, Open] = {}  # by number, not given back
        self.number = 0
        self.ended = self.idle = False
        self.first = deque(self._first())
        self.backlog = Backlog(self._chunk_s())

    def events(self) -> Iterator[Part | Result]:
        """As ``Recognizer.events``."""
        try:
            while True:
                self._look_ahead()
                self.pool.grow()
                self._hand_out()
                if self.ended and not self.open:
                    return
                for event in self.pool.wait(GLANCE_S if self.idle else WAIT_S):
                    if isinstance(event, Death):
                        yield from self._died(event)
                    else:
                        yield from self._finished(event)
        finally:
            self.pool.drop()

    def _first(self) -> Iterator[tuple[Job, float]]:
        """The first jobs of a run, with their seconds."""
        for _ in range(FEW):
            job = next(self.jobs, StopIteration)
            if not isinstance(job, Job):
                self.ended = job is not None
                return
            yield job, seconds_of(job)

    def _chunk_s(self) -> float:
        """Seconds of audio in a chunk; depends on the recordings, not on the workers."""
        most_s = CHUNK_BATCHES * self.loaded.batch_s
        if not self.ended:
            return most_s
        total_s = sum(seconds for _, seconds in self.first)
        return min(max(total_s / SHARES, self.loaded.longest_s), most_s)

    def _look_ahead(self) -> None:
        """Take as many jobs from the input as the workers will need soon."""
        self.idle = False
        while len(self.backlog) < (AT_ONCE + 1) * max(len(self.pool.seats), 1):
            if self.first:
                self._add(*self.first.popleft())
                continue
            job = None if self.ended else next(self.jobs, StopIteration)
            if not isinstance(job, Job):
                self.backlog.flush()
                self.idle = job is None
                self.ended = self.ended or job is not None
                return
            self._add(job, seconds_of(job))

    def _add(self, job: Job, seconds: float) -> None:
        recording = Open(Result(job, self.number))
        self.open[self.number] = recording
        self.number += 1
        long = seconds > LONG_CHUNKS * self.backlog.chunk_s and not self.loaded.sequential
        self.backlog.add(Item(recording, job, seconds, survey=long))

    def _hand_out(self) -> None:
        """Give every worker a chunk, then a second one to read ahead."""
        for held in range(AT_ONCE):
            for seat in self.pool.ready:
                if len(seat.chunks) != held or seat.quarantined:
                    continue
                chunk = self._next(held)
                if chunk is None:
                    return
                self.pool.submit(seat, chunk)

    def _next(self, held: int) -> Chunk | None:
        """The next chunk for a worker that has ``held`` chunks. A suspect chunk waits for a worker
        that has none."""
        if self.backlog.suspects:
            return self.backlog.suspect() if not held else None
        return self.backlog.take()

    def _finished(self, event: Finished) -> Iterator[Part | Result]:
        report = event.report
        if report.problem is not None:
            raise report.problem
        self.pool.tell(
            {
                "event": "survey" if event.chunk.survey else "done",
                "worker": event.seat.name,
                "seconds": round(report.seconds, 3),
                "recordings": [item.named() for item in event.chunk.items],
            }
        )
        for item, done in zip(event.chunk.items, report.done, strict=True):
            yield from self._take(item, done, event.seat.name)

    def _take(self, item: Item, done: Done, worker: str) -> Iterator[Part | Result]:
        recording, job = item.recording, item.job
        if recording.given_back:
            return
        if done.unseen and Path(job.path).exists():
            raise ClusterError(
                f"worker {worker} does not see {job.shown}",
                "recordings must be on a file system that all machines share, at the same path",
            )
        if job.places is not None:
            recording.stretch(done)
            self.meter.decoded(item.seconds)
            fresh = [key for key, _ in done.outcomes]
            if recording.result.error is None and not self.ordered:
                yield from recording.parts(False, fresh)
            recording.finish()
        elif done.places is not None:
            known = job.check.adopt(done.check)
            stretches = recording.cut(done, known, self.backlog.chunk_s)
            self._count(done.duration_s, sum(p.count for p in done.places) / SAMPLE_RATE_HZ)
            self.meter.decoded(sum(count for _, count in recording.old) / SAMPLE_RATE_HZ)
            if not self.ordered:
                yield from recording.parts(False, sorted(recording.old))
            self.backlog.begin(
                [
                    Item(recording, replace(job, places=places), _seconds(places))
                    for places in stretches
                ]
            )
            recording.finish()
        else:
            job.check.adopt(done.check)
            recording.whole(done)
            if not done.skipped:
                self._count(done.duration_s, done.duration_s)
                self.meter.decoded(done.duration_s)
        yield from self._ready()

    def _count(self, read_s: float, found_s: float) -> None:
        self.meter.read(read_s)
        self.meter.found(found_s)

    def _ready(self) -> Iterator[Part | Result]:
        """Yield what can be given back."""
        for number in list(self.open):
            recording = self.open[number]
            result = recording.result
            if self.ordered and result.error is None:
                yield from recording.parts(True, ())
            if result.complete or result.skipped or result.error is not None:
                result.complete = recording.given_back = True
                del self.open[number]
                yield result
            elif self.ordered:
                return

    def _died(self, event: Death) -> Iterator[Part | Result]:
        """Give the chunks of a dead worker to others, unless they have killed too many."""
        for chunk in event.chunks:
            for item in chunk.items:
                item.deaths += not event.blameless
                if item.deaths >= DEATHS and not item.recording.given_back:
                    item.recording.result.error = ClusterError(
                        f"{item.job.shown}: {DEATHS} workers died of it: {event.reason}",
                        "is there memory enough for it? try it alone, with a smaller --batch",
                    )
        yield from self._ready()
        for chunk in event.chunks:
            self.backlog.put_back(chunk)


def _seconds(places: Sequence[Place]) -> float:
    return sum(place.count for place in places) / SAMPLE_RATE_HZ
