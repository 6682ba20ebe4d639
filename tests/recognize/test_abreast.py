"""Several batches at a time on the cores of a CPU: at once, each with its share of the threads, and
with the results that they have one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.jobs import Job
from attnasr_cli.recognize.reading import batches_abreast

CUT = SegmentConfig(max_s=20, vad=False)
PATIENCE_S = 300.0


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def jobs(tmp_path: Path, speech_file: Callable[..., Path]) -> list[Job]:
    return [Job(speech_file(tmp_path / f"{i}.wav", 0.5 + 0.1 * i, i)) for i in range(4)]


class Decoder:
    """Waits until as many batches are in hand as ``together`` says."""

    max_segment_s = 20.0
    min_cost_s = 0.0

    def __init__(self, together: int) -> None:
        self.all_here = threading.Barrier(together)
        self.threads: set[int] = set()

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        self.all_here.wait(PATIENCE_S)
        self.threads.add(torch.get_num_threads())
        return [Decoded([Piece(0.0, 0.1, f"{s.shape[0]}", [], -0.5)], -0.5) for s in segments]


def texts(jobs: Sequence[Job], decoder: Decoder, batch_s: float, abreast: int) -> list[str]:
    found = pipeline.events(jobs, [decoder], CUT, batch_s, 2, abreast=abreast)
    results = [event for event in found if isinstance(event, pipeline.Result)]
    assert [r.error for r in results] == [None] * len(jobs)
    return ["".join(p.text for _, d in r.parts for p in d.pieces) for r in results]


def test_batches_are_in_hand_at_the_same_time(jobs: list[Job]) -> None:
    torch.set_num_threads(4)
    decoder = Decoder(2)
    # Four segments of about 0.6 s in batches of 0.7 s: each by itself, two at a time.
    found = texts(jobs, decoder, 1.4, 2)
    assert found == texts(jobs, Decoder(1), 60.0, 1)
    assert decoder.threads == {2}
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize(
    ("threads", "batch_s", "expected"), [(1, 120, 1), (2, 120, 2), (8, 120, 4), (4, 20, 1)]
)
def test_as_many_as_there_are_cores_and_seconds_for(
    threads: int, batch_s: float, expected: int
) -> None:
    torch.set_num_threads(threads)
    assert batches_abreast(batch_s) == expected
