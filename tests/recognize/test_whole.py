"""Recordings given whole to a decoder that follows their text: names, what is done, what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torch import Tensor

from attnasr_cli.audio import segment
from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.recognize import coverage, whole
from attnasr_cli.recognize.jobs import Check, Job, Known, Result, Skip
from tests.audio.test_segment import Script

CUT = SegmentConfig(max_s=20, vad=False)


class Follower:
    """Says how many samples it was given; a recording of more than a second is too much."""

    def __init__(self) -> None:
        self.samples = 0

    def recording(self) -> Follower:
        return Follower()

    def push(self, samples: Tensor) -> None:
        self.samples += samples.shape[0]

    def segments(self) -> Iterator[tuple[float, Decoded]]:
        if self.samples > 16_000:
            raise RuntimeError("too much\nof it")
        yield 0.0, Decoded([Piece(0.0, 0.1, str(self.samples), [], -0.5)], -0.5)


class Done(Check):
    def before(self) -> Known:
        raise Skip


def results(*jobs: Job) -> list[Result]:
    found = whole.events(jobs, [Follower()], CUT)  # type: ignore[list-item]
    return [event for event in found if isinstance(event, Result)]


def test_what_is_done_is_skipped_and_what_fails_leaves_the_others(
    tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    files = [speech_file(tmp_path / f"{n}.wav", length) for n, length in enumerate((0.5, 2.0, 0.7))]
    done, failed, good = results(Job(files[0], check=Done()), Job(files[1]), Job(files[2]))
    assert done.skipped
    assert not done.parts
    assert done.duration_s == 0.0  # not even read
    assert failed.error is not None
    assert failed.error.message == f"{files[1]}: too much"
    assert [part.pieces[0].text for _, part in good.parts] == [str(int(0.7 * 16_000))]


def test_a_copy_of_stdin_is_called_by_the_name_of_its_job(tmp_path: Path) -> None:
    copy = tmp_path / "attnasr-stdin-1"
    copy.write_bytes(b"no recording")
    [found] = results(Job(copy, name="stdin"))
    assert found.error is not None
    assert found.error.message.startswith("stdin")
    assert copy.name not in found.error.message


def test_another_device_is_refused() -> None:
    with pytest.raises(UsageError, match="one device"):
        list(whole.events([], [Follower(), Follower()], CUT))  # type: ignore[list-item]


def test_the_text_is_that_of_all_samples(tmp_path: Path, speech_file: Callable[..., Path]) -> None:
    path = speech_file(tmp_path / "a.wav", 0.9)
    [found] = results(Job(path, start_s=0.2, end_s=0.6))
    assert found.parts[0][1].pieces[0].text == "6400"
    assert found.duration_s == pytest.approx(0.4)


def test_speech_that_a_sequential_decoder_left_out_is_named(
    tmp_path: Path, speech_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes 0.1 s of text. What it leaves out is named and not decoded again, as its text is to
    be the reference's."""
    path = speech_file(tmp_path / "a.wav", 0.99)
    monkeypatch.setattr(segment, "VoiceDetector", lambda: Script((0.0, 0.05), (0.3, 0.99)))
    monkeypatch.setattr(coverage, "LEAST_S", 0.4)
    found = whole.events([Job(path)], [Follower()], SegmentConfig(max_s=20))  # type: ignore[list-item]
    [result] = [event for event in found if isinstance(event, Result)]
    assert len(result.parts) == 1
    [(start, end)] = result.uncovered
    assert start == pytest.approx(0.1 + coverage.SLACK_S, abs=0.05)
    assert end == pytest.approx(0.99, abs=0.05)
