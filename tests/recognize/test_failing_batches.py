"""A batch that fails: tried again in halves where the memory was too small, and only there."""

from __future__ import annotations

import signal
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.jobs import Job

CUT = SegmentConfig(max_s=20, vad=False)
PATIENCE_S = 300.0


class Decoder:
    """Says how many samples a segment has; ``fail`` may raise before."""

    max_segment_s = 20.0
    min_cost_s = 0.0

    def __init__(self, fail: Callable[[Sequence[Tensor]], None]) -> None:
        self.fail = fail
        self.batches: list[int] = []

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        self.batches.append(len(segments))
        self.fail(segments)
        return [Decoded([Piece(0.0, 0.1, f"{s.shape[0]}", [], -0.5)], -0.5) for s in segments]


@pytest.fixture
def jobs(tmp_path: Path, speech_file: Callable[..., Path]) -> list[Job]:
    return [Job(speech_file(tmp_path / f"{i}.wav", 0.5 + 0.1 * i, i)) for i in range(4)]


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory"),
    ],
)
def test_halves_are_decoded_when_what_filled_the_memory_is_gone(
    jobs: list[Job], problem: Exception
) -> None:
    held: list[weakref.ref[Tensor]] = []

    def fail(segments: Sequence[Tensor]) -> None:
        assert all(reference() is None for reference in held)
        if len(segments) > 1:
            memory = torch.zeros(10)
            held.append(weakref.ref(memory))
            raise problem

    decoder = Decoder(fail)
    results = list(pipeline.run(jobs, [decoder], CUT, 60.0, 2))
    assert [r.error for r in results] == [None] * 4
    assert decoder.batches == [4, 2, 1, 1, 2, 1, 1]


def test_what_is_too_large_alone_is_not_told_to_be_batched_smaller(jobs: list[Job]) -> None:
    def fail(segments: Sequence[Tensor]) -> None:
        raise MemoryError("Unable to allocate 160. GiB")

    [result] = pipeline.run(jobs[:1], [Decoder(fail)], CUT, 60.0, 2)
    assert isinstance(result.error, AttnasrError)
    assert result.error.hint == "choose a smaller --beam or --max-segment"


def test_a_mistake_in_the_program_is_not_tried_again(jobs: list[Job]) -> None:
    def fail(segments: Sequence[Tensor]) -> None:
        raise TypeError("no such thing")

    decoder = Decoder(fail)
    results = list(pipeline.run(jobs, [decoder], CUT, 60.0, 2))
    assert decoder.batches == [4]
    assert all("no such thing" in str(r.error) for r in results)
    assert all("--batch 1" in r.error.hint for r in results if r.error)


def test_wrong_options_end_the_run(jobs: list[Job]) -> None:
    def fail(segments: Sequence[Tensor]) -> None:
        raise UsageError("--layer 99", "there are two")

    decoder = Decoder(fail)
    with pytest.raises(UsageError, match="--layer 99"):
        list(pipeline.run(jobs, [decoder], CUT, 60.0, 2))
    assert decoder.batches == [4]


def test_after_ctrl_c_no_device_begins_another_batch(jobs: list[Job]) -> None:
    """The batches in hand are the last ones, however many wait."""
    both = threading.Barrier(2)
    ending = threading.Event()

    def hold(segments: Sequence[Tensor]) -> None:
        if ending.is_set():
            return
        if both.wait(PATIENCE_S) == 0:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        ending.wait(PATIENCE_S)

    decoders = [Decoder(hold), Decoder(hold)]
    real = threading.Thread.join

    def join(self: threading.Thread, timeout: float | None = None) -> None:
        if threading.current_thread() is threading.main_thread():  # readers end theirs at any time
            ending.set()
        real(self, timeout)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "join", join)
            with pytest.raises(KeyboardInterrupt):
                list(pipeline.events([*jobs, *jobs, *jobs], decoders, CUT, 1.0, 2, ordered=False))
    finally:
        signal.signal(signal.SIGINT, before)
    assert [len(decoder.batches) for decoder in decoders] == [1, 1]
