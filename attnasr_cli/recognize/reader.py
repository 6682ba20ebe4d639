"""Reads and cuts recordings ahead of the net, in threads, within a budget of waiting audio."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.segment import SegmentConfig, Segmenter, Speech
from attnasr_cli.errors import AttnasrError
from attnasr_cli.recognize.jobs import Job, Known, SegmentResult, Skip
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.places import BLOCK_S, Cutter, Placed


@dataclass
class End:
    """Marks the end of a recording, or the point where reading it failed."""

    duration_s: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: AttnasrError | None = None
    skipped: bool = False


Item = tuple[Speech, SegmentResult | None]
"""a segment, and its result in an earlier run"""


def place_of(speech: Speech) -> tuple[int, int]:
    """(first sample, number of samples) at 16 kHz."""
    return round(speech.start_s * SAMPLE_RATE_HZ), speech.samples.shape[0]


class Budget:
    """Limits the seconds of audio that wait for the net.

    The job whose turn it is has the whole limit for itself, whatever later jobs hold: it can always
    continue once its own audio has been taken, so there is no deadlock.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s, self.turn = limit_s, 0
        self.held_s: dict[int, float] = {}
        self.stopped = False
        self.changed = threading.Condition()

    def take(self, number: int, seconds: float) -> None:
        """Wait for room. Raises Skip where the run has been stopped."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopped or self._fits(number, seconds))
            if self.stopped:
                raise Skip
            self.held_s[number] = self.held_s.get(number, 0.0) + seconds

    def _fits(self, number: int, seconds: float) -> bool:
        own = self.held_s.get(number, 0.0)
        if number <= self.turn:
            return own == 0.0 or own + seconds <= self.limit_s
        return sum(self.held_s.values()) + seconds <= self.limit_s

    def give(self, number: int, seconds: float) -> None:
        """A segment has been taken out of the queue."""
        with self.changed:
            left = self.held_s.get(number, 0.0) - seconds
            self.held_s[number] = left if left > 1e-6 else 0.0
            self.changed.notify_all()

    def set_turn(self, number: int) -> None:
        with self.changed:
            self.held_s = {n: held for n, held in self.held_s.items() if held and n >= number}
            self.turn = number
            self.changed.notify_all()

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()


class Reader:
    """Reads several jobs in parallel; ``segments`` gives the segments of one in order."""

    def __init__(
        self,
        cut: SegmentConfig,
        threads: int,
        budget_s: float,
        meter: Meter | None = None,
    ) -> None:
        self.cut, self.meter = cut, meter or Meter()
        self.pool = ThreadPoolExecutor(threads, "attnasr-read", initializer=_one_thread)
        self.budget = Budget(budget_s)
        self.queues: dict[int, queue.SimpleQueue[Item | End]] = {}
        self.submitted = 0

    def submit(self, job: Job) -> int:
        """Start reading a job as soon as a thread is free; returns its number."""
        number = self.submitted
        self.submitted += 1
        self.queues[number] = queue.SimpleQueue()
        self.pool.submit(self._read, number, job)
        return number

    def segments(self, number: int) -> Iterator[Item | End]:
        """Yield the segments of a job as they are ready, each with its earlier result if there is
        one; the last item is an ``End``."""
        self.budget.set_turn(number)
        waiting = self.queues[number]
        while True:
            item = waiting.get()
            if isinstance(item, End):
                del self.queues[number]
                yield item
                return
            self.budget.give(number, item[0].duration_s)
            yield item

    def close(self) -> None:
        """Stop all reading and wait for the threads."""
        self.budget.stop()
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, number: int, job: Job) -> None:
        end = End(error=AttnasrError("reading was given up", "please report this"))
        try:
            end.error = self._attempt(number, job, end)
        finally:  # always, as ``segments`` waits for it
            self.queues[number].put(end)

    def _attempt(self, number: int, job: Job, end: End) -> AttnasrError | None:
        """Read a job; returns what went wrong."""
        try:
            self._cut(number, job, end, job.check.before())
            job.check.after()
        except Skip:
            end.skipped = True
        except AttnasrError as problem:
            return problem
        except OSError as problem:
            return AttnasrError(f"{job.shown}: {problem.strerror or problem}", "try it again")
        except Exception as problem:  # one strange file must not stop the others
            return AttnasrError(
                f"{job.shown}: {type(problem).__name__}: {problem}", "please report this recording"
            )
        return None

    def _cut(self, number: int, job: Job, end: End, known: Known) -> None:
        placed = None if job.places is None else Placed(job.places)
        cutter: Cutter = placed or Segmenter(self.cut)
        with job.opened() as recording:
            for block in recording.blocks(BLOCK_S):
                if self.budget.stopped:
                    raise Skip
                seconds = block.shape[0] / SAMPLE_RATE_HZ
                end.duration_s += seconds
                self.meter.read(seconds)
                self._put(number, cutter.push(block), known)
                if placed is not None and placed.done:
                    break
            self._put(number, cutter.finish(), known)
            end.warnings = list(recording.probe.warnings)

    def _put(self, number: int, found: list[Speech], known: Known) -> None:
        for speech in found:
            self.meter.found(speech.duration_s)
            self.budget.take(number, speech.duration_s)
            self.queues[number].put((speech, known.get(place_of(speech))))


def _one_thread() -> None:
    """Reading threads run in parallel, so none may use all cores for its small products. With
    OpenMP the setting holds for the calling thread only."""
    import torch

    torch.set_num_threads(1)
