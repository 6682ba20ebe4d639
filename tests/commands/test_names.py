"""Names as they are: colons, bytes that are no text, every locale. Never an address, a traceback
or a wait without end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.recordings import Sound, film
from tests.speech import RATE, babble

ROOT = Path(__file__).parents[2]
ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
NOT_UTF8 = os.fsdecode(b"latin\xe9.wav")

Transcribe = Callable[..., Ran]


@pytest.fixture
def transcribe(
    attnasr: Callable[..., Ran], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Transcribe:
    monkeypatch.chdir(tmp_path)
    common = ("-m", tiny_model, "--beam", "1", "--dtype", "float32")
    return lambda *args: attnasr("transcribe", *args, *common)


@pytest.fixture
def speech_m4a(tmp_path: Path) -> Path:
    sound = Sound("aac", rate=RATE, samples=babble(1.0, 1)[:, None])
    return film(tmp_path / "sound.m4a", [sound], container="mp4")


@pytest.mark.parametrize(
    "name",
    ["10:30 talk.m4a", "concat:a|b.m4a", "http:.m4a", "pipe:0.m4a", "file:x.m4a", "data:,x.m4a"],
)
def test_a_colon_is_no_address(transcribe: Transcribe, speech_m4a: Path, name: str) -> None:
    expected = transcribe(speech_m4a.name)
    speech_m4a.rename(name)
    ran = transcribe(name)
    assert ran.code == 0
    assert ran.out == expected.out


def test_a_folder_with_a_colon(transcribe: Transcribe, speech_m4a: Path) -> None:
    Path("10:30").mkdir()
    speech_m4a.rename("10:30/x.m4a")
    assert transcribe("10:30").code == 0


def test_bytes_that_are_no_text(
    transcribe: Transcribe, speech_m4a: Path, speech_file: Callable[..., Path]
) -> None:
    speech_file(Path("sound.wav"), 0.8, 1).rename(NOT_UTF8)
    speech_m4a.rename(os.fsdecode(b"latin\xe9.m4a"))
    ran = transcribe(".", "-o", "out", "-f", "txt,json")
    assert ran.code == 0
    assert "2 transcribed" in ran.err
    written = sorted(os.fsencode(path.name) for path in Path("out").glob("latin*"))
    assert written == [
        b"latin\xe9.m4a.json",
        b"latin\xe9.m4a.txt",
        b"latin\xe9.wav.json",
        b"latin\xe9.wav.txt",
    ]
    table = json.loads(Path("out", NOT_UTF8 + ".json").read_text(encoding="utf-8"))
    assert table["file"] == "latin\ufffd.wav"
    assert transcribe(".", "-o", "out", "-f", "txt,json").err.count("2 done before") == 1


def test_what_fails_is_named_in_text(transcribe: Transcribe) -> None:
    Path(NOT_UTF8).write_bytes(b"no recording")
    ran = transcribe(NOT_UTF8, "missing\udce9.wav")
    assert ran.code == 1
    assert "latin\ufffd.wav" in ran.err
    assert "Traceback" not in ran.err


def test_names_that_no_file_can_have(
    transcribe: Transcribe, speech_m4a: Path, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text(json.dumps("zero\0byte.wav") + "\nsound.m4a\n")
    ran = transcribe("a" * 300 + ".wav", "--from-file", tmp_path / "list")
    assert ran.code == 1
    assert "1 transcribed, 2 failed" in ran.err


@pytest.mark.parametrize("letter", ["y", "あ", "\U0001f600"])
def test_the_longest_name(
    transcribe: Transcribe, speech_file: Callable[..., Path], letter: str
) -> None:
    name = letter * ((255 - 4) // len(letter.encode())) + ".wav"
    speech_file(Path(name), 0.8, 1)
    ran = transcribe(name, "-o", "out", "-f", "json,srt", "--failures", name[:-4] + ".not")
    assert ran.code == 0
    assert len(list(Path("out").glob("*.json"))) == len(list(Path("out").glob("*.srt"))) == 1


def locales(folder: Path) -> list[dict[str, str]]:
    """Environments whose encoding of names is not UTF-8."""
    found = [ASCII]
    if shutil.which("localedef"):
        made = subprocess.run(
            ["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / "en_US.ISO-8859-1"],
            capture_output=True,
        )
        if made.returncode <= 1 and (folder / "en_US.ISO-8859-1").is_dir():
            found.append({"LOCPATH": str(folder), "LC_ALL": "en_US.ISO-8859-1"})
    return found


def test_every_locale(
    tmp_path: Path, tiny_model: Path, speech_file: Callable[..., Path], speech_m4a: Path
) -> None:
    """A UTF-8 name where that is not the encoding: text, or an error; and always an end."""
    folder = tmp_path / "in"
    speech_file(folder / "日本.wav", 0.8, 1)
    speech_m4a.rename(folder / "é.m4a")
    for number, locale in enumerate(locales(tmp_path)):
        arguments = ("-m", tiny_model, "--beam", "1", "-o", tmp_path / f"out{number}")
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "attnasr_cli",
                "transcribe",
                folder,
                "missing日本.wav",
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, **locale},
            capture_output=True,
            timeout=300,
        )
        assert ran.returncode == 1
        assert b"2 transcribed, 1 failed" in ran.stderr
        assert b"Traceback" not in ran.stderr
        assert {path.name for path in (tmp_path / f"out{number}").glob("**/*.txt")} == {
            "日本.txt",
            "é.txt",
        }
