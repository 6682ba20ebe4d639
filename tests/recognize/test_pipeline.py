"""The pipeline: batches, devices, threads, and what becomes of errors."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from attnasr_cli.audio.load import load as load_audio
from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.batching import pack
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.jobs import Job, Skip
from attnasr_cli.recognize.reader import Budget
from attnasr_cli.recognize.recognizer import Recognizer
from tests.recognize.checks import Before
from tests.recognize.conftest import Echo

PATIENCE_S = 300.0


def test_a_segment_that_fails_fails_its_file_only(recordings: list[Path]) -> None:
    sizes = [load_audio(p).shape[0] for p in recordings]

    def fail(segments: Sequence[Tensor]) -> None:
        if any(s.shape[0] == sizes[2] for s in segments):
            raise RuntimeError("out of memory\nstack")

    cut = SegmentConfig(max_s=20, vad=False)
    jobs = [Job(p) for p in recordings]
    results = list(pipeline.run(jobs, [Echo(fail)], cut, 60.0, 2))
    assert [r.error is not None for r in results] == [False, False, True, False]
    assert "out of memory" in str(results[2].error)
    assert "--beam" in results[2].error.hint  # type: ignore[union-attr]


def test_several_devices_share_the_work(recordings: list[Path]) -> None:
    cut = SegmentConfig(max_s=20, vad=False)
    met: set[int] = set()
    both = threading.Barrier(2)

    def meet(segments: Sequence[Tensor]) -> None:
        """Nobody decodes a second batch before the other has its first."""
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            if len(met) <= 2:
                both.wait(PATIENCE_S)

    decoders = [Echo(meet), Echo(meet)]
    jobs = [Job(p) for p in recordings * 10]
    results = list(pipeline.run(jobs, decoders, cut, 5.0, 4))
    assert [r.job for r in results] == jobs
    assert all(decoder.batches for decoder in decoders)
    texts = [[d.pieces[0].text for _, d in r.parts] for r in results]
    assert texts[:4] * 10 == texts


def test_batches_are_the_same_whatever_the_threads_do(recordings: list[Path]) -> None:
    cut = SegmentConfig(max_s=20, vad=False)
    made = []
    for threads in (1, 3):
        echo = Echo()
        list(pipeline.run([Job(p) for p in recordings * 6], [echo], cut, 8.0, threads))
        made.append(echo.batches)
    assert made[0] == made[1]
    assert max(made[0]) > 1


def test_waiting_work_is_flushed_when_no_more_is_there_yet(recordings: list[Path]) -> None:
    cut = SegmentConfig(max_s=20, vad=False)
    seen: list[str] = []

    def jobs() -> Iterator[Job | None]:
        yield Job(recordings[0])
        while not seen:  # would never end if the first waited for a full pool
            yield None
        yield Job(recordings[1])

    for result in pipeline.run(jobs(), [Echo()], cut, 1e6, 1):
        seen.append(str(result.job.path))
    assert seen == [str(recordings[0]), str(recordings[1])]


def test_no_more_audio_waits_than_the_budget_allows() -> None:
    """A long recording that is read faster than it is decoded is held back, too."""
    budget = Budget(10.0)
    passed: list[tuple[int, float]] = []

    def take(number: int) -> None:
        with contextlib.suppress(Skip):
            for _ in range(100):
                budget.take(number, 3.0)
                passed.append((number, 3.0))

    threads = [threading.Thread(target=take, args=(n,)) for n in (0, 1, 2)]
    for thread in threads:
        thread.start()

    def wait_for_first(seconds: float) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while sum(s for n, s in passed if n == 0) < seconds:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    wait_for_first(9.0)  # it is its turn: the limit for itself
    time.sleep(0.02)
    for i in range(20):
        assert sum(s for n, s in passed if n == 0) == 9.0 + 3.0 * i
        assert sum(s for n, s in passed if n > 0) <= 10.0
        budget.give(0, 3.0)
        wait_for_first(12.0 + 3.0 * i)
    budget.stop()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_leaving_early_ends_the_threads(recordings: list[Path]) -> None:
    before = set(threading.enumerate())
    cut = SegmentConfig(max_s=2, vad=False)
    results = pipeline.run([Job(p) for p in recordings * 100], [Echo()], cut, 2.0, 3)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before  # others, of tests before, may end meanwhile


def test_packing() -> None:
    durations = [1.0, 5.0, 2.0, 5.0, 30.0, 1.0]
    batches = pack(durations, 10.0)
    assert batches == [[4], [1, 3], [2, 0, 5]]
    assert pack([], 10.0) == []


def test_short_segments_cost_the_window_that_they_are_padded_to(recordings: list[Path]) -> None:
    """Two windows are a full batch, however short the segments in them are."""
    decoder = Echo()
    jobs = [Job(path) for path in recordings]
    list(pipeline.run(jobs, [decoder], SegmentConfig(vad=False), 60.0, 2))
    assert decoder.batches == [4]
    decoder.batches.clear()
    decoder.min_cost_s = 30.0
    list(pipeline.run(jobs, [decoder], SegmentConfig(vad=False), 60.0, 2))
    assert decoder.batches == [2, 2]


def test_an_error_of_a_job_hook_fails_that_job(recordings: list[Path]) -> None:
    def refuse() -> None:
        raise AttnasrError("no", "never")

    jobs = [Job(recordings[0]), Job(recordings[1], check=Before(refuse))]
    results = list(pipeline.run(jobs, [Echo()], SegmentConfig(vad=False), 60.0, 2))
    assert results[0].error is None
    assert str(results[1].error) == "no"


def test_threads_of_torch_are_left_alone(recognizer: Recognizer, recordings: list[Path]) -> None:
    before = torch.get_num_threads()
    list(recognizer.transcribe(recordings))
    assert torch.get_num_threads() == before
