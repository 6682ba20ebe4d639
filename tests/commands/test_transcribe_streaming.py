"""Results as they are decoded, and what an end in the middle of a run leaves for the next one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from attnasr_cli import console
from attnasr_cli.families.native.decoder import NativeDecoder
from tests.conftest import Ran

Run = Callable[..., Ran]
CUT = ("--no-vad", "--max-segment", 2, "--batch", 4)


@pytest.fixture
def run(attnasr: Run, tiny_model: Path) -> Run:
    def transcribe(*args: object) -> Ran:
        return attnasr("transcribe", "-m", tiny_model, "--beam", 1, "--dtype", "float32", *args)

    return transcribe


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of segments in each batch; the one that makes it as long as ``stop_at`` is
    interrupted by Ctrl-C."""
    real = NativeDecoder.decode

    class Log(list[int]):
        stop_at = 0

    log = Log()

    def decode(self: NativeDecoder, segments: Sequence[object]) -> object:
        log.append(len(segments))
        if len(log) == log.stop_at:
            raise KeyboardInterrupt
        return real(self, segments)  # type: ignore[arg-type]

    monkeypatch.setattr(NativeDecoder, "decode", decode)
    return log


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]) -> Path:
    return speech_file(tmp_path_factory.mktemp("speech") / "long.flac", 24.0, 1)


@pytest.mark.parametrize("kind", ["txt", "tsv", "jsonl", "ctm"])
def test_text_appears_while_the_rest_is_decoded(
    run: Run, long: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    seen: list[int] = []
    real = console.result

    def result(text: str) -> None:
        seen.append(len(decoded))
        real(text)

    monkeypatch.setattr(console, "result", result)
    ran = run(long, "-f", kind, *CUT)
    assert ran.code == 0
    assert seen[0] == 1  # batches that had been decoded when the first line was written
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    monkeypatch.setattr(console, "result", real)
    folder = long.parent / f"out-{kind}"
    assert run(long, "-f", kind, "-o", folder, *CUT).code == 0
    assert ran.out == (folder / f"long.{kind}").read_text()


def test_what_is_decoded_is_written(
    run: Run, tmp_path: Path, decoded: list[int], speech_file: Callable[..., Path]
) -> None:
    """Seven short recordings, Ctrl-C at the fifth: four are there, and three are decoded later."""
    for i in range(7):
        speech_file(tmp_path / "in" / f"{i}.wav", 1.5, i)
    decoded.stop_at = 5  # type: ignore[attr-defined]
    args = (tmp_path / "in", "-o", tmp_path / "out", "--no-vad", "--batch", 1)
    ran = run(*args)
    assert ran.code == 130
    assert "4 transcribed" in ran.err
    assert len(list((tmp_path / "out").glob("*.txt"))) == 4
    decoded.clear()
    decoded.stop_at = 0  # type: ignore[attr-defined]
    assert "3 transcribed, 4 done before" in run(*args).err
    assert sum(decoded) == 3


def test_a_long_recording_goes_on_in_its_middle(
    run: Run, tmp_path: Path, long: Path, decoded: list[int]
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(long, "-o", whole, "-f", "json,srt", *CUT).code == 0
    segments = sum(decoded)
    decoded.clear()
    decoded.stop_at = len(decoded) + 4  # type: ignore[attr-defined]
    args = (long, "-o", out, "-f", "json,srt", *CUT)
    assert run(*args).code == 130
    kept = sum(decoded[:3])
    assert kept >= 5
    [file] = (out / ".attnasr" / "parts").iterdir()
    file.write_bytes(file.read_bytes() + b'\n{"place": [1')  # cut off by a kill
    decoded.clear()
    decoded.stop_at = 0  # type: ignore[attr-defined]
    assert run(*args).code == 0
    assert sum(decoded) == segments - kept
    for name in ("long.json", "long.srt"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert not (out / ".attnasr" / "parts").exists()


def test_parts_of_other_options_are_of_no_use(
    run: Run, tmp_path: Path, long: Path, decoded: list[int]
) -> None:
    args = (long, "-o", tmp_path / "out", *CUT)
    assert run(*args).code == 0
    segments = sum(decoded)
    decoded.clear()
    decoded.stop_at = 3  # type: ignore[attr-defined]
    out = tmp_path / "other"
    assert run(long, "-o", out, *CUT).code == 130
    decoded.clear()
    decoded.stop_at = 0  # type: ignore[attr-defined]
    assert run(long, "-o", out, "--ctc-weight", 0, *CUT).code == 0
    assert sum(decoded) == segments
    assert run(long, "-o", out, "--overwrite", *CUT).code == 0
    assert sum(decoded) == 2 * segments


def test_several_recordings_keep_their_order(
    run: Run, tmp_path: Path, long: Path, speech_file: Callable[..., Path]
) -> None:
    short = speech_file(tmp_path / "short.wav", 1.0, 2)
    rows = [json.loads(line) for line in run(long, short, "-f", "jsonl", *CUT).out.splitlines()]
    assert [Path(row["file"]).name for row in rows] == ["long.flac"] * (len(rows) - 1) + [
        "short.wav"
    ]
    lines = run(long, short, *CUT).out.splitlines()
    assert [Path(line.split("\t")[0]).name for line in lines] == ["long.flac", "short.wav"]
