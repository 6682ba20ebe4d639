"""Many recordings through one or several nets: read ahead, pack across files, give back in order.

Segments are taken in the order of the files until a pool is full; the pool is sorted by length,
packed into batches and decoded, by several devices where there are. Speech of which no text came is
decoded again by itself (``coverage``). The same files always make the same batches, whatever the
threads do.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from attnasr_cli.audio.segment import SegmentConfig, Speech
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.base import Decoded, SegmentDecoder
from attnasr_cli.families.batching import pack
from attnasr_cli.recognize.coverage import (
    ROUNDS,
    Rest,
    Span,
    in_order,
    rests,
    said,
    trimmed,
    uncovered,
)
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.reader import End, Job, Reader

AHEAD = 64  # files that may be open or waiting
BATCHES_IN_A_POOL = 4
BUDGET_POOLS = 1  # pools of audio that may wait: one is decoded while the next is read


@dataclass
class Result:
    """What became of one job."""

    job: Job
    number: int
    parts: list[tuple[float, Decoded]] = field(default_factory=list)
    """(start of the segment in seconds, what was heard), in the order of time"""
    uncovered: list[Span] = field(default_factory=list)
    """where speech was detected and no text came of it, also not when it was decoded again"""
    duration_s: float = 0.0
    speech_s: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: AttnasrError | None = None
    skipped: bool = False
    complete: bool = False
    """read to the end, all segments decoded"""


@dataclass
class _Piece:
    """A segment that waits to be decoded, or a part of one that is decoded again."""

    result: Result
    speech: Speech
    parts: list[tuple[float, Decoded]] = field(default_factory=list)
    """what was heard in the segment so far, and in its parts"""
    rest: Rest | None = None
    """what this is, where it is a part that is decoded again"""
    again: list[Rest] = field(default_factory=list)
    """what is still to be decoded again"""

    def take(self, decoded: Decoded, pad_s: float) -> None:
        """The text has come: keep it, but for what is to be decoded again."""
        before = self.rest.instead if self.rest else None
        if before and before.pieces and (decoded.suspect or not decoded.pieces):
            self.keep_first()
            return
        kept, self.again = rests(self.speech, decoded, pad_s)
        self.parts.append((self.speech.start_s, kept))

    def keep_first(self) -> None:
        """What the first decoding wrote here counts."""
        if self.rest:
            self.parts.append((self.rest.start_s, self.rest.instead))

    def next_round(self) -> list[_Piece]:
        """The parts to decode again."""
        return [_Piece(self.result, rest.speech, self.parts, rest) for rest in self.again]

    def settle(self) -> None:
        """The segment and all of its parts are decoded: hand them to the result."""
        if self.speech.spoken:
            text = [span for start_s, decoded in self.parts for span in said(start_s, decoded)]
            self.result.uncovered += uncovered(self.speech.spoken, text)
        parts = [(start_s, trimmed(start_s, d, self.speech.spoken)) for start_s, d in self.parts]
        self.result.parts += in_order(parts)


def run(
    jobs: Iterable[Job | None],
    decoders: Sequence[SegmentDecoder],
    cut: SegmentConfig,
    batch_s: float,
    threads: int,
    meter: Meter | None = None,
) -> Iterator[Result]:
    """Transcribe jobs; results come in their order, each as soon as it and those before are done.

    None among the jobs means that no more are there yet: what waits is decoded at once.
    ``meter`` counts the seconds that were read and decoded.
    """
    pool_s = batch_s * BATCHES_IN_A_POOL * len(decoders)
    reader = Reader(cut, threads, pool_s * BUDGET_POOLS, meter)
    try:
        yield from _Run(reader, decoders, batch_s, pool_s, cut.pad_s).results(iter(jobs))
    finally:
        reader.close()


class _Run:
    def __init__(
        self,
        reader: Reader,
        decoders: Sequence[SegmentDecoder],
        batch_s: float,
        pool_s: float,
        pad_s: float,
    ) -> None:
        self.reader, self.decoders, self.pad_s = reader, decoders, pad_s
        self.batch_s, self.pool_s = batch_s, pool_s
        self.pool: list[_Piece] = []
        self.pooled_s = 0.0
        self.open: deque[Result] = deque()  # submitted, not given back, in order

    def results(self, jobs: Iterator[Job | None]) -> Iterator[Result]:
        ended = False
        unread: deque[Result] = deque()  # submitted, segments not taken yet
        while True:
            flush = ended
            while not ended and len(unread) < AHEAD:
                job = next(jobs, StopIteration)
                if job is StopIteration:
                    ended = True
                elif job is None:
                    flush = True
                    break
                else:
                    assert isinstance(job, Job)
                    result = Result(job, self.reader.submit(job))
                    unread.append(result)
                    self.open.append(result)
            if unread:
                yield from self._take(unread.popleft())
            elif flush and self.pool:
                self._decode_pool()
            yield from self._ready()
            if ended and not unread and not self.pool:
                return

    def _take(self, result: Result) -> Iterator[Result]:
        """Move a recording's segments into the pool; decode the pool whenever it is full."""
        for item in self.reader.segments(result.number):
            if isinstance(item, End):
                result.duration_s, result.warnings = item.duration_s, item.warnings
                result.error = result.error or item.error
                result.skipped, result.complete = item.skipped, True
                break
            if result.error is not None:
                continue
            result.speech_s += item.duration_s
            self.pool.append(_Piece(result, item))
            self.pooled_s += item.duration_s
            if self.pooled_s >= self.pool_s:
                self._decode_pool()
                yield from self._ready()

    def _ready(self) -> Iterator[Result]:
        """Results at the front of the line that wait for nothing any more."""
        waiting = {id(piece.result) for piece in self.pool}
        while self.open and self.open[0].complete and id(self.open[0]) not in waiting:
            yield self.open.popleft()

    def _decode_pool(self) -> None:
        """Decode all segments that wait, and again what of them has no text."""
        pool = [p for p in self.pool if p.result.error is None]
        self.pool, self.pooled_s = [], 0.0
        pieces = pool
        for _ in range(1 + ROUNDS):
            self._decode_all(pieces)
            pieces = [rest for piece in pieces for rest in piece.next_round()]
            if not pieces:
                break
        for piece in pieces:
            piece.keep_first()
        for piece in pool:
            piece.settle()

    def _decode_all(self, pieces: list[_Piece]) -> None:
        batches = pack([p.speech.duration_s for p in pieces], self.batch_s)
        waiting: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
        for batch in batches:
            waiting.put(batch)

        def work(decoder: SegmentDecoder) -> None:
            while True:
                try:
                    batch = waiting.get_nowait()
                except queue.Empty:
                    return
                self._decode(decoder, [pieces[i] for i in batch])

        if len(self.decoders) == 1:
            work(self.decoders[0])
            return
        failures: list[BaseException] = []

        def guarded(decoder: SegmentDecoder) -> None:
            try:
                work(decoder)
            except BaseException as problem:
                failures.append(problem)

        workers = [threading.Thread(target=guarded, args=(d,)) for d in self.decoders]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        finally:  # Ctrl-C: the batches in hand are the last ones
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.get_nowait()
            for worker in workers:
                worker.join()
        if failures:
            raise failures[0]

    def _decode(self, decoder: SegmentDecoder, pieces: list[_Piece]) -> None:
        """Decode one batch, in halves where the memory does not suffice."""
        samples: list[Tensor] = [p.speech.samples for p in pieces]
        decoded, failure = _attempt(decoder, samples)
        if failure is not None:
            if _out_of_memory(failure):
                _free_memory()
                if len(pieces) > 1:
                    middle = len(pieces) // 2
                    self._decode(decoder, pieces[:middle])
                    self._decode(decoder, pieces[middle:])
                    return
            for piece in pieces:
                piece.result.error = piece.result.error or _as_error(failure, piece)
            return
        for piece, what in zip(pieces, decoded, strict=True):
            piece.take(what, self.pad_s)
        self.reader.meter.decoded(sum(p.speech.duration_s for p in pieces))


def _attempt(
    decoder: SegmentDecoder, samples: Sequence[Tensor]
) -> tuple[list[Decoded], Exception | None]:
    """What was heard in a batch, or why it failed. The traceback is dropped: its frames hold the
    tensors that fill the memory. An AttnasrError is of the options or the model, whatever the
    segments: it ends the run."""
    try:
        return decoder.decode(samples), None
    except AttnasrError:
        raise
    except Exception as problem:
        problem.__context__ = problem.__cause__ = None
        return [], problem.with_traceback(None)


def _out_of_memory(problem: Exception) -> bool:
    import torch

    return isinstance(problem, torch.OutOfMemoryError | MemoryError) or (
        isinstance(problem, RuntimeError) and "memory" in str(problem).lower()
    )


def _as_error(problem: Exception, piece: _Piece) -> AttnasrError:
    start = piece.speech.start_s
    where = f"{piece.result.job.shown}, {start:.1f} to {start + piece.speech.duration_s:.1f} s"
    text = str(problem).strip().splitlines() or [type(problem).__name__]
    hint = (
        "choose a smaller --batch"
        if _out_of_memory(problem)
        else "please report this; --batch 1 decodes every segment by itself"
    )
    return AttnasrError(f"{where}: {text[0]}", hint)


def _free_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
