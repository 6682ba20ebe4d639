"""Transcribes many recordings: reads ahead, batches segments across files, decodes on one or
several devices, and gives results back in order.

Segments are collected in the order of the files until they fill some batches; these are sorted by
length, packed and decoded. Segments that are left over wait for the next batches, together with
speech without text that is to be decoded again (``coverage``). The same files always make the same
batches, whatever the timing of threads.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from attnasr_cli.audio.segment import SegmentConfig, Speech
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.base import SegmentDecoder
from attnasr_cli.families.batching import pack
from attnasr_cli.recognize.align import Aligner
from attnasr_cli.recognize.coverage import Coverage, Rest
from attnasr_cli.recognize.devices import Devices, as_error
from attnasr_cli.recognize.jobs import Job, Part, Result, SegmentResult
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.reader import End, Reader, place_of

AHEAD = 64  # files that may be open or waiting
BATCHES_AT_ONCE = 4
"""with more segments to choose from, batches have more equal lengths, but results come later"""
RAMP = (1, 2, BATCHES_AT_ONCE)
"""batches collected at once: fewer at the beginning of a run, so that the first text appears
early"""


def run(
    jobs: Iterable[Job | None],
    decoders: Sequence[SegmentDecoder],
    cut: SegmentConfig,
    batch_s: float,
    threads: int,
    meter: Meter | None = None,
) -> Iterator[Result]:
    """Transcribe jobs; results come in their order. See ``events``."""
    for event in events(jobs, decoders, cut, batch_s, threads, meter):
        if isinstance(event, Result):
            yield event


def events(
    jobs: Iterable[Job | None],
    decoders: Sequence[SegmentDecoder],
    cut: SegmentConfig,
    batch_s: float,
    threads: int,
    meter: Meter | None = None,
    ordered: bool = True,
    aligner: Aligner | None = None,
    abreast: int = 1,
) -> Iterator[Part | Result]:
    """Transcribe jobs: every segment as soon as it is decoded, and after its last one the result.

    ``ordered``: recordings in the order of the jobs and segments in the order of time; otherwise
    each as soon as it is done. Each decoder has ``abreast`` batches at a time, which share the
    seconds of one. A job that is None means that no more jobs are available now:
    segments that wait are decoded at once. ``meter`` counts seconds read and decoded; ``aligner``
    times the words of decoded segments. An AttnasrError of a decoder concerns model or options and
    ends the run; any other error fails the recordings of its batch.
    """
    reader = Reader(cut, threads, batch_s * BATCHES_AT_ONCE * len(decoders), meter)
    devices: Devices[Piece] = Devices(decoders, abreast)
    try:
        least_s = max(decoder.min_cost_s for decoder in decoders)
        run = _Run(reader, devices, batch_s / abreast, least_s, cut, ordered, aligner)
        yield from run.events(iter(jobs))
    finally:
        devices.close()
        reader.close()


@dataclass(eq=False)
class _Open:
    """A recording whose result is not given back yet."""

    result: Result
    segments: deque[_Segment] = field(default_factory=deque)
    """segments not given back yet, in the order of time"""


@dataclass(eq=False)
class _Segment:
    """A segment, with its result once it is decoded."""

    recording: _Open
    place: tuple[int, int]
    outcome: SegmentResult | None = None
    new: bool = True
    given: bool = False


@dataclass(eq=False)
class Piece:
    """An element of a batch: a segment, or a part of one that is decoded again."""

    segment: _Segment
    speech: Speech
    coverage: Coverage
    rest: Rest | None = None

    @property
    def result(self) -> Result:
        return self.segment.recording.result

    def cost_s(self, least_s: float) -> float:
        """Seconds of audio that are computed for it."""
        return max(self.speech.duration_s, least_s)


class _Run:
    def __init__(
        self,
        reader: Reader,
        devices: Devices[Piece],
        batch_s: float,
        least_s: float,
        cut: SegmentConfig,
        ordered: bool,
        aligner: Aligner | None = None,
    ) -> None:
        """least_s: the cost of a segment at least, ``SegmentDecoder.min_cost_s``."""
        self.reader, self.devices, self.least_s = reader, devices, least_s
        self.pad_s, self.apart = cut.pad_s, cut.apart
        self.batch_s, self.ordered, self.aligner = batch_s, ordered, aligner
        self.ramp = deque(RAMP if ordered else RAMP[-1:])
        self.pool: list[Piece] = []
        self.pooled_s = 0.0
        self.unread: deque[_Open] = deque()  # submitted, segments not taken yet
        self.open: dict[int, _Open] = {}  # by number, not given back

    def events(self, jobs: Iterator[Job | None]) -> Iterator[Part | Result]:
        ended = False
        while not ended or self.open:
            flush = ended
            while not flush and not ended and len(self.unread) < AHEAD:
                job = next(jobs, StopIteration)
                if job is None:
                    flush = True
                elif isinstance(job, Job):
                    recording = _Open(Result(job, self.reader.submit(job)))
                    self.unread.append(recording)
                    self.open[recording.result.number] = recording
                else:
                    ended = True
            while self.unread:
                yield from self._take(self.unread.popleft())
                if not flush:
                    break
            while flush and self.pool:
                yield from self._decode(self.pool)
            yield from self._ready()

    def _take(self, recording: _Open) -> Iterator[Part | Result]:
        """Move a recording's segments into the pool, decoding whenever they fill enough batches."""
        result = recording.result
        for item in self.reader.segments(result.number):
            if isinstance(item, End):
                result.duration_s, result.warnings = item.duration_s, item.warnings
                result.error = result.error or item.error
                result.skipped, result.complete = item.skipped, True
                yield from self._full_batches()
                return
            if result.error is not None:
                continue
            speech, known = item
            if self.apart:  # segments on their own (as for phrases): coverage is not checked
                speech = replace(speech, spoken=())
            segment = _Segment(recording, place_of(speech))
            recording.segments.append(segment)
            if known is not None:
                segment.outcome, segment.new = known, False
                self.reader.meter.decoded(speech.duration_s)
                yield from self._ready()
                continue
            # Before the next segment is added: where there is none, the recording ends with this
            # batch and is complete after it.
            yield from self._full_batches()
            self.pool.append(Piece(segment, speech, Coverage(speech, self.pad_s)))
            self.pooled_s += self.pool[-1].cost_s(self.least_s)

    def _full_batches(self) -> Iterator[Part | Result]:
        """Decode from the pool while it fills enough batches."""
        while self.pooled_s >= self._batches() * self.batch_s:
            yield from self._decode(self.pool[: self._full()])

    def _batches(self) -> int:
        return self.ramp[0] * len(self.devices)

    def _full(self) -> int:
        """How many of the first segments in the pool fit into the batches decoded at once."""
        costs = [piece.cost_s(self.least_s) for piece in self.pool]

        def batches(count: int) -> int:
            return len(pack(costs[:count], self.batch_s))

        most = self._batches()
        return max(bisect_right(range(1, len(costs) + 1), most, key=batches), 1)

    def _decode(self, pieces: list[Piece]) -> Iterator[Part | Result]:
        """Decode the first segments of the pool."""
        self._pool(self.pool[len(pieces) :])
        if len(self.ramp) > 1:
            self.ramp.popleft()
        wanted = [piece for piece in pieces if piece.result.error is None]
        batches = pack([piece.cost_s(self.least_s) for piece in wanted], self.batch_s)
        again: list[Piece] = []
        for batch, found in self.devices.decode([[wanted[i] for i in b] for b in batches]):
            for piece, decoded in zip(batch, found, strict=True):
                coverage = piece.coverage
                rests = coverage.take(piece.speech, decoded, piece.rest)
                again += [Piece(piece.segment, r.speech, coverage, r) for r in rests]
                piece.segment.outcome = coverage.outcome()
            self._align([piece for piece in batch if piece.segment.outcome is not None])
            self.reader.meter.decoded(sum(p.speech.duration_s for p in batch if not p.rest))
            yield from self._ready()
        again.sort(key=lambda piece: (piece.result.number, piece.speech.start_s))
        self._pool(again + self.pool)

    def _pool(self, pieces: list[Piece]) -> None:
        self.pool = pieces
        self.pooled_s = sum(piece.cost_s(self.least_s) for piece in pieces)

    def _align(self, done: Sequence[Piece]) -> None:
        """Time the words of segments whose text is final. As with a decoder, an error that does not
        concern model or options fails these recordings and not the run."""
        if self.aligner is None:
            return
        found = [(p.coverage.speech, p.segment.outcome) for p in done if p.segment.outcome]
        try:
            aligned = self.aligner.align(found)
        except AttnasrError:
            raise
        except Exception as problem:
            for piece in done:
                piece.result.error = piece.result.error or as_error(problem, piece)
            return
        for piece, outcome in zip(done, aligned, strict=True):
            piece.segment.outcome = outcome

    def _ready(self) -> Iterator[Part | Result]:
        """Yield what is decoded and not given back yet."""
        for number in list(self.open):
            recording = self.open[number]
            result = recording.result
            if result.error is None:
                yield from self._segments(recording)
            if result.complete and (result.error is not None or not recording.segments):
                del self.open[number]
                yield result
            elif self.ordered:
                return

    def _segments(self, recording: _Open) -> Iterator[Part]:
        for segment in recording.segments:
            if segment.outcome is not None and not segment.given:
                segment.given = True
                yield Part(recording.result, segment.place, segment.outcome, segment.new)
            elif segment.outcome is None and self.ordered:
                break
        while recording.segments and recording.segments[0].given:
            outcome = recording.segments.popleft().outcome
            assert outcome is not None
            recording.result.add(outcome)
