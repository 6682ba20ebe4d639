"""A recording that is cut in one process and read again in others gives the same segments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.recognize.jobs import Job, Place
from attnasr_cli.recognize.places import Placed, survey
from attnasr_cli.recognize.reader import End, Reader, place_of

CUT = SegmentConfig(max_s=3.0, target_s=3.0)


def read(job: Job) -> tuple[list[tuple[Place, bytes]], End]:
    """All segments of a job, bit by bit, and how it ended."""
    reader = Reader(CUT, 1, 100.0)
    found: list[tuple[Place, bytes]] = []
    try:
        for item in reader.segments(reader.submit(job)):
            if isinstance(item, End):
                return found, item
            speech = item[0]
            place = Place(*place_of(speech), speech.spoken)
            found.append((place, speech.samples.numpy().tobytes()))
    finally:
        reader.close()
    raise AssertionError("a job without an end")


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2)])
@pytest.mark.parametrize("start_s", [None, 1.5])
def test_the_same_segments_to_the_bit(
    tmp_path: Path,
    speech_file: Callable[..., Path],
    rate: int,
    channels: int,
    start_s: float | None,
) -> None:
    job = Job(speech_file(tmp_path / "a.wav", 14.0, 3, rate, channels), start_s=start_s)
    segments, end = read(job)
    found = survey(job, CUT)
    assert found.places == [place for place, _ in segments]
    assert len(found.places) > 3
    assert found.duration_s == pytest.approx(end.duration_s)
    for some in (slice(None), slice(0, 1), slice(1, 3), slice(-1, None)):
        part = Job(job.path, start_s=start_s, places=found.places[some])
        again, end = read(part)
        assert end.error is None
        assert again == segments[some]


def test_no_more_is_kept_than_is_waited_for() -> None:
    placed = Placed([Place(10, 5), Place(100, 10)])
    samples = torch.arange(1000.0)
    first = placed.push(samples[:50])
    assert first[0].samples.tolist() == list(range(10, 15))
    assert placed.buffer.shape[0] == 0
    assert placed.push(samples[50:105]) == []
    assert placed.buffer.shape[0] == 5
    assert placed.push(samples[105:200])[0].samples.tolist() == list(range(100, 110))
    assert placed.done
