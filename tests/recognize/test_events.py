"""Segments come as they are decoded, recordings when their last segment is; what is known already
is not decoded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from torch import Tensor

from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.errors import AudioError
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.jobs import Job, Part, Result, SegmentResult
from attnasr_cli.recognize.recognizer import load
from tests.recognize.checks import Before

CUT = SegmentConfig(max_s=2, vad=False)


class Decoder:
    """Says how many samples a segment has, and counts."""

    max_segment_s = 20.0
    min_cost_s = 0.0

    def __init__(self) -> None:
        self.batches: list[int] = []

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        self.batches.append(len(segments))
        return [
            Decoded([Piece(0.0, s.shape[0] / 16_000, f"{s.shape[0]}", [], -0.5)], -0.5)
            for s in segments
        ]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]) -> Path:
    return speech_file(tmp_path_factory.mktemp("speech") / "long.flac", 40.0, 1)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]) -> Path:
    return speech_file(tmp_path_factory.mktemp("speech") / "short.flac", 1.0, 2)


def events(
    jobs: Sequence[Job], decoder: Decoder, batch_s: float = 4.0, ordered: bool = True
) -> Iterator[Part | Result]:
    return pipeline.events(jobs, [decoder], CUT, batch_s, 2, None, ordered)


def test_the_first_segments_come_when_the_first_batch_is_decoded(long: Path) -> None:
    decoder = Decoder()
    found = events([Job(long)], decoder)
    first = next(found)
    assert isinstance(first, Part)
    assert len(decoder.batches) == 1
    *parts, result = [first, *found]
    assert isinstance(result, Result)
    outcome = [part for p in parts if isinstance(p, Part) for part in p.outcome.parts]
    assert outcome == result.parts
    assert [start for start, _ in outcome] == sorted(start for start, _ in outcome)
    assert len(parts) >= 20


def test_they_are_the_same_in_whatever_order(long: Path, short: Path) -> None:
    jobs = [Job(long), Job(short), Job(long)]
    ordered = list(events(jobs, Decoder()))
    loose = list(events(jobs, Decoder(), ordered=False))
    for number in range(3):
        [a] = [e for e in ordered if isinstance(e, Result) and e.number == number]
        [b] = [e for e in loose if isinstance(e, Result) and e.number == number]
        assert a.parts == b.parts
        for found in (ordered, loose):
            places = [p.place for p in found if isinstance(p, Part) and p.result.number == number]
            assert len(set(places)) == len(places) == len(a.parts)
    assert [e.number for e in ordered if isinstance(e, Result)] == [0, 1, 2]
    shown = [e.result.number for e in ordered if isinstance(e, Part)]
    assert shown == sorted(shown)


def test_a_recording_is_given_back_when_its_last_segment_is_decoded(short: Path) -> None:
    """And does not wait for others that are decoded with it, nor for those before it."""
    decoder = Decoder()
    seen: dict[int, int] = {}
    for event in events([Job(short)] * 12, decoder, 2.0, False):
        if isinstance(event, Result):
            seen[event.number] = len(decoder.batches)
    assert len(decoder.batches) == 6
    assert sorted(seen.values()) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


def test_batches_are_full_but_the_last_one(long: Path) -> None:
    """What does not fill a batch waits for the next segments instead of making one of its own."""
    for ordered in (True, False):
        decoder = Decoder()
        list(events([Job(long)] * 3, decoder, 7.0, ordered))
        assert sum(decoder.batches) == sum(decoder.batches[:-1]) + decoder.batches[-1]
        assert min(decoder.batches[:-2]) >= 3


def test_what_is_known_is_not_decoded_again(long: Path) -> None:
    parts = [e for e in events([Job(long)], Decoder()) if isinstance(e, Part)]
    known = {part.place: part.outcome for part in parts[::2]}
    marked = {k: SegmentResult([(0.0, Decoded([], -9.0))]) for k in known}
    decoder = Decoder()
    *again, result = events([Job(long, check=Before(lambda: marked))], decoder)
    assert isinstance(result, Result)
    assert sum(decoder.batches) == len(parts) - len(known)
    assert [p.place for p in again if isinstance(p, Part)] == [p.place for p in parts]
    assert [p.new for p in again if isinstance(p, Part)] == [p.place not in known for p in parts]
    assert sum(d.avg_logprob == -9.0 for _, d in result.parts) == len(known)


def test_segments_for_python(tiny_model: Path, long: Path, tmp_path: Path) -> None:
    recognizer = load(
        tiny_model, device="cpu", dtype="float32", beam=1, batch=4.0, max_segment=2.0, vad=False
    )
    calls = 0
    [decoder] = recognizer.decoders
    real = decoder.decode

    def counted(segments: Sequence[Tensor]) -> list[Decoded]:
        nonlocal calls
        calls += 1
        return real(segments)

    decoder.decode = counted  # type: ignore[method-assign]
    segments = recognizer.segments(long, start=4.0)
    first = next(segments)
    assert calls == 1
    assert first.start >= 4.0
    [transcript] = recognizer.transcribe(long, start=4.0)
    assert [first, *segments] == transcript.segments
    with pytest.raises(AudioError, match="no file"):
        next(recognizer.segments(tmp_path / "none.wav"))
