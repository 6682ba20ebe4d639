"""``--audio-track``, and what is noticed about a recording, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.recognize.recognizer import load
from tests.conftest import Ran
from tests.recordings import Sound, film
from tests.speech import RATE, babble

Transcribe = Callable[..., Ran]


@pytest.fixture
def transcribe(
    attnasr: Callable[..., Ran], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Transcribe:
    """A folder with a film of two tracks of speech."""
    monkeypatch.chdir(tmp_path)
    common = ("-m", tiny_model, "--beam", "1", "--dtype", "float32", "--no-vad")
    tracks = [("eng", 1.0, 1), ("ger", 2.0, 2)]
    film(
        tmp_path / "film.mkv",
        [
            Sound("flac", rate=RATE, samples=babble(seconds, seed)[:, None], language=language)
            for language, seconds, seed in tracks
        ],
        3.0,
    )
    return lambda *args: attnasr("transcribe", *args, *common)


def table(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_the_track_on_the_command_line(transcribe: Transcribe) -> None:
    plain = transcribe("film.mkv", "-f", "json")
    assert "film.mkv has 2 sound tracks (1 eng; 2 ger): 1 is read" in plain.err
    assert table(plain)["duration"] == pytest.approx(1.0, abs=0.1)
    assert len(table(plain)["warnings"]) == 1
    assert "audio_track" not in table(plain)
    for track, written in (("2", 2), ("de", "de")):
        chosen = transcribe("film.mkv", "-f", "json", "--audio-track", track)
        assert table(chosen)["duration"] == pytest.approx(2.0, abs=0.1)
        assert table(chosen)["audio_track"] == written
        assert "sound tracks" not in chosen.err
        assert table(chosen)["text"] != table(plain)["text"]


def test_a_wrong_track(transcribe: Transcribe) -> None:
    ran = transcribe("film.mkv", "--audio-track", "3")
    assert ran.code == 1
    assert "film.mkv has no sound track 3" in ran.err
    assert "it has: 1 eng; 2 ger" in ran.err
    assert transcribe("film.mkv", "--audio-track", "0").code == 2


def test_another_track_is_another_output(transcribe: Transcribe) -> None:
    """The choice is a part of the key that an output is filed under."""
    assert transcribe(".", "-o", "out", "--audio-track", "2").code == 0
    assert transcribe(".", "-o", "out", "--audio-track", "2", "-f", "txt").code == 0
    other = transcribe(".", "-o", "out", "--audio-track", "1")
    assert other.code == 1
    assert "--overwrite" in other.err


def test_the_track_in_python(transcribe: Transcribe, tiny_model: Path) -> None:
    recognizer = load(tiny_model, "cpu", "float32")
    [transcript] = recognizer.transcribe("film.mkv", audio_track="ger")
    assert transcript.duration == pytest.approx(2.0, abs=0.1)
    assert transcript.audio_track == "ger"
