"""``attnasr transcribe`` names speech that no text came of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from torch import Tensor

from attnasr_cli.audio import segment
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.families.native.decoder import NativeDecoder
from attnasr_cli.recognize import coverage
from tests.audio.test_segment import Script
from tests.conftest import Ran

Run = Callable[..., Ran]


def test_speech_without_text_is_named(
    run: Run, tmp_path: Path, speech_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, under ``uncovered`` in JSON, and on the segment beside it; text alone is text."""

    def early(self: NativeDecoder, segments: Sequence[Tensor]) -> list[Decoded]:
        return [Decoded([Piece(0.0, 1.0, " early", [], -0.1)], -0.1) for _ in segments]

    path = speech_file(tmp_path / "a.wav", 4.0)
    monkeypatch.setattr(segment, "VoiceDetector", lambda: Script((0.0, 4.0)))
    monkeypatch.setattr(NativeDecoder, "decode", early)
    monkeypatch.setattr(coverage, "ROUNDS", 1)  # decoded again once
    ran = run(path, "-f", "json")
    assert ran.code == 0
    found = json.loads(ran.out)
    assert [s["text"] for s in found["segments"]] == [" early", " early"]
    [stretch] = found["uncovered"]
    assert 1.9 < stretch["start"] < 2.5
    assert stretch["end"] == pytest.approx(4.0, abs=0.05)
    assert found["segments"][1]["suspect"].startswith("no text for the speech after it, ")
    assert not found["segments"][0]["suspect"]
    assert "a.wav: speech without text at 00:02" in ran.err
    assert run(path, "--quiet").err == ""
