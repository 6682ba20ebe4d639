"""``attnasr transcribe --phrases``: each stretch of speech is one of a list, or none of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attnasr_cli import load
from attnasr_cli.errors import AttnasrError
from tests.conftest import Ran
from tests.speech import babble

Attnasr = Callable[..., Ran]
PHRASES = ["left", "right", "stop\thalt\twait there", "go on"]
WRITTEN = ["left", "right", "stop", "go on"]


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "phrases.txt"
    path.write_text("# commands\n\n" + "\n".join(PHRASES) + "\nleft\n")
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two stretches of speech, a second apart, which without phrases are one segment."""
    parts = [np.zeros(4000), babble(2.0, 1), np.zeros(16_000), babble(2.0, 2), np.zeros(4000)]
    soundfile.write(tmp_path / "a.wav", np.concatenate(parts), 16_000)
    return tmp_path / "a.wav"


def test_each_stretch_of_speech_is_one_phrase(
    tiny_model: Path, listed: Path, recording: Path, attnasr: Attnasr
) -> None:
    ran = attnasr("transcribe", recording, "-m", tiny_model, "--phrases", listed, "-f", "json")
    assert ran.code == 0, ran.err
    table = json.loads(ran.out)
    assert len(table["segments"]) > 1
    free = attnasr("transcribe", recording, "-m", tiny_model, "-f", "json")
    assert len(json.loads(free.out)["segments"]) == 1
    for segment in table["segments"]:
        assert segment["text"].strip() in WRITTEN
        shown = segment["phrases"]
        assert set(shown) == set(WRITTEN)
        assert list(shown.values()) == sorted(shown.values(), reverse=True)
        assert shown[segment["text"].strip()] == segment["probability"] <= 1
        assert sum(shown.values()) <= 1.001
    assert table["options"]["phrases"] == [phrase.split("\t") for phrase in PHRASES]


def test_what_is_improbable_is_rejected(
    tiny_model: Path, listed: Path, recording: Path, attnasr: Attnasr
) -> None:
    args = ["transcribe", recording, "-m", tiny_model, "--phrases", listed, "--reject"]
    ran = attnasr(*args, 1, "-f", "json")
    assert ran.code == 0, ran.err
    table = json.loads(ran.out)
    assert table["text"] == ""
    assert all(s["rejected"] for s in table["segments"])
    assert all(0 < s["probability"] < 1 for s in table["segments"])
    for kind in ("txt", "srt", "ctm"):
        ran = attnasr(*args, 1, "-f", kind)
        assert ran.code == 0, ran.err
        assert ran.out.strip() == ""
    assert len(attnasr(*args, 0, "-f", "txt").out.split()) >= 2


def test_other_phrases_make_another_text(
    tiny_model: Path, listed: Path, recording: Path, tmp_path: Path, attnasr: Attnasr
) -> None:
    args = ["transcribe", recording, "-m", tiny_model, "--phrases", listed, "-o", tmp_path / "out"]
    assert attnasr(*args).code == 0
    listed.write_text("up\ndown\n")
    assert attnasr(*args).code == 1  # made with other options
    assert attnasr(*args, "--overwrite").code == 0
    assert set((tmp_path / "out" / "a.txt").read_text().split()) <= {"up", "down"}


@pytest.mark.parametrize(
    ("phrases", "more", "message"),
    [
        (None, ["--reject", "0.5"], "--reject without --phrases"),
        ("left\n", ["--reject", "1.5"], "--reject 1.5"),
        ("left\n", ["--nbest", "2"], "--nbest with --phrases"),
        ("left\n", ["--patience", "2"], "--patience with --phrases"),
        ("left\n", ["--length-penalty", "1"], "--length-penalty with --phrases"),
        ("\n# nothing\n", [], "no phrases in"),
        ("left\nlinks ß\n", [], "cannot write the phrase 'links ß'"),
        ("left\nright\tleft\n", [], "'left' and 'right' are the same"),
    ],
)
def test_what_cannot_work_is_one_line(
    phrases: str | None,
    more: list[str],
    message: str,
    tiny_model: Path,
    recording: Path,
    tmp_path: Path,
    attnasr: Attnasr,
) -> None:
    if phrases is not None:
        (tmp_path / "list.txt").write_text(phrases)
        more = [*more, "--phrases", str(tmp_path / "list.txt")]
    ran = attnasr("transcribe", recording, "-m", tiny_model, *more)
    assert ran.code in (1, 2)
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert attnasr("transcribe", recording, "-m", tiny_model, "--phrases", "none.txt").code == 1


def test_sounds_of_a_lexicon_are_restricted_likewise(recording: Path) -> None:
    listed = ["left", "nukleal", "the other one"]  # the second by the rules of letters
    recognizer = load("english-small", dtype="float32", phrases=listed)
    [found] = recognizer.transcribe(recording)
    assert {s.text.strip() for s in found.segments} <= set(listed)
    assert recognizer.options()["lm_weight"] == 0.0
    with pytest.raises(AttnasrError, match="does not know how to say '77'"):
        recognizer.changed(phrases=["77 up"])
