"""The real command line with a Canary and a Cohere model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.conftest import Ran
from tests.families.fastconformer.conftest import noise

Attnasr = Callable[..., Ran]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", noise(3, 2.0).numpy(), 16_000)
    return tmp_path / "a.wav"


def test_transcribe_and_attend(
    pair: Any, recording: Path, tmp_path: Path, attnasr: Attnasr
) -> None:
    folder = pair("canary")[2]
    quick = ["-m", folder, "--no-vad", "--dtype", "float32"]
    ran = attnasr(
        "transcribe", recording, *quick, "-q", "-f", "json", "--language", "de",
        "--task", "translate", "--no-punctuation",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    table = json.loads(ran.out)
    chosen = table["options"]
    assert (table["language"], chosen["spoken_language"], chosen["punctuation"]) == (
        "en",
        "de",
        False,
    )
    assert table["text"]
    picture = attnasr("attend", recording, *quick, "-o", tmp_path / "a.npz")
    assert picture.code == 0, picture.err
    low = attnasr("transcribe", recording, "-m", folder, "--no-vad", "--dtype", "bfloat16")
    assert low.code == 0, low.err
    assert "language en: random does not detect it; give --language" in low.err


def test_one_of_listed_phrases_or_nothing(
    pair: Any, recording: Path, tmp_path: Path, attnasr: Attnasr
) -> None:
    args = ["transcribe", recording, "-m", pair("cohere")[2], "--no-vad", "-f", "json"]
    (tmp_path / "list.txt").write_text("the gospel\nÖl\n")
    args += ["--phrases", tmp_path / "list.txt", "--dtype", "float32", "--language", "de"]
    table = json.loads(attnasr(*args).out)
    assert table["text"] in ("the gospel", "Öl")
    assert set(table["segments"][0]["phrases"]) == {"the gospel", "Öl"}
    assert json.loads(attnasr(*args, "--reject", 1).out)["text"] == ""
    assert "--nbest with --phrases" in attnasr(*args, "--beam", 2, "--nbest", 2).err


def test_what_cannot_work_is_one_line(
    pair: Any, recording: Path, tmp_path: Path, attnasr: Attnasr
) -> None:
    for kind, options, message in (
        ("cohere", ["--language", "ru"], "not ru"),
        ("cohere", ["--task", "translate"], "cannot use --task"),
        ("cohere", ["--max-segment", "36"], "sees 35.0 s at once"),
        ("canary", ["--max-segment", "41"], "sees 40.0 s at once"),
        ("canary", ["--dtype", "int8"], "cannot be computed in int8"),
    ):
        folder = pair(kind)[2]
        ran = attnasr("transcribe", recording, "-m", folder, "--no-vad", *options)
        assert (ran.code, ran.out) == (2, ""), ran.err
        assert message in ran.err
