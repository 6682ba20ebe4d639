"""Reading threads: whatever happens in one of them, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.recognize.jobs import Job, Result
from attnasr_cli.recognize.reader import End, Reader
from tests.recognize.checks import Before

PATIENCE_S = 100.0


class UnspeakableError(Exception):
    """Its own text is an error: so handling it raises, too."""

    def __str__(self) -> str:
        raise UnicodeError("no text")


@pytest.mark.parametrize("problem", [UnspeakableError(), MemoryError(), SystemExit(3)])
def test_an_error_in_error_handling_ends_a_job(
    tmp_path: Path, speech_file: Callable[..., Path], problem: BaseException
) -> None:
    def fail() -> None:
        raise problem

    good = speech_file(tmp_path / "a.wav", 0.6)
    reader = Reader(SegmentConfig(vad=False), threads=1, budget_s=60.0)
    ends: list[End] = []

    def read() -> None:
        numbers = [reader.submit(Job(good, check=Before(fail))), reader.submit(Job(good))]
        for number in numbers:
            ends.extend(item for item in reader.segments(number) if isinstance(item, End))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    reader.close()
    assert ends[0].error is not None
    assert ends[1].error is None
    assert ends[1].duration_s == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize(
    ("job", "shown"),
    [
        (Job("-"), "stdin"),
        (Job(Path("a\udce9.wav")), "a\ufffd.wav"),
        (Job("x", name="a\udce9 日本 \U0001f600"), "a? 日本 \U0001f600"),
    ],
)
def test_a_job_is_shown_as_text(job: Job, shown: str) -> None:
    assert job.shown == shown
    assert Result(job, 0).job.shown.encode("utf-8")
