"""``attnasr doctor`` and shell completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attnasr_cli.commands import machine
from tests.conftest import Ran
from tests.recordings import Sound, film, join, sound_file, tone

ROOT = Path(__file__).parents[2]


def test_doctor_reports(attnasr: Callable[..., Ran], tiny_model: Path) -> None:
    ran = attnasr("doctor", "--format", "json", "--model", tiny_model)
    table = json.loads(ran.out)
    assert list(table) == [
        "versions",
        "machine",
        "device",
        "audio",
        "folders",
        "models",
        "self-test",
    ]
    assert table["versions"]["torch"]
    assert table["device"]["why"]
    assert "aac" in table["audio"]["their decoders"]
    assert table["audio"]["problems"] == []
    assert "x real time" in table["self-test"]["5 s of audio"]
    assert table["self-test"]["problems"] == []


def test_doctor_names_what_is_wrong(attnasr: Callable[..., Ran]) -> None:
    ran = attnasr("doctor", "-m", "nothing-like-it")
    assert ran.code == 1
    assert "problem: no model 'nothing-like-it'" in ran.out
    assert attnasr("doctor", "--format", "xml").code == 2


def test_doctor_runs_the_models_own_sample(
    attnasr: Callable[..., Ran], tiny_model: Path, tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    import shutil

    model = tmp_path / "m"
    shutil.copytree(tiny_model, model)
    speech_file(model / "sample.flac", 0.8, 1)
    (model / "sample.txt").write_text("quite something else\n")
    ran = attnasr("doctor", "-m", model)
    assert "should be that of" in ran.out


def test_doctor_on_a_broken_machine(
    attnasr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its purpose: what does not import is said, and the rest is shown."""
    for package in ("torch", "av"):
        monkeypatch.setitem(sys.modules, package, None)
    ran = attnasr("doctor")
    assert ran.code == 1
    assert "Traceback" not in ran.out + ran.err
    titles = [line for line in ran.out.splitlines() if not line.startswith(" ")]
    assert titles == ["versions", "machine", "device", "audio", "folders", "models", "self-test"]
    assert "problem: PyAV does not load" in ran.out
    assert ran.out.count("ModuleNotFoundError: import of torch halted") >= 2
    assert "libsndfile" in ran.out


def test_a_section_may_be_empty(
    attnasr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_versions", lambda: machine.Section("versions"))
    monkeypatch.setattr(machine, "_test", lambda model: machine.Section("self-test"))
    assert attnasr("doctor").code == 0


def test_doctor_shows_our_folder_of_downloads(
    attnasr: Callable[..., Ran],
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATTNASR_CACHE", str(tmp_path))
    ran = attnasr("doctor", "-f", "json", "-m", tiny_model)
    assert json.loads(ran.out)["folders"]["downloads"] == f"not there yet ({tmp_path / 'hub'})"


def test_doctor_looks_into_recordings(attnasr: Callable[..., Ran], tmp_path: Path) -> None:
    two = [Sound("aac", 2.0, language="eng", title="Main"), Sound("ac3", 3.0, 48_000, 2)]
    path = film(tmp_path / "film.mkv", two, 5.0)
    ran = attnasr("doctor", path)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == str(path)
    assert lines[1].split()[:2] == ["container", "matroska,webm,"]
    assert lines[2].split(maxsplit=2)[2].startswith("eng, Main, aac, 44100 Hz, 1 channel, 2.0")
    assert lines[3].split(maxsplit=2)[2].startswith("ac3, 48000 Hz, 2 channels, 3.0")
    assert "(read by default)" in lines[2]

    [table] = json.loads(attnasr("doctor", path, "-f", "json").out).values()
    assert [track["duration_s"] for track in table["tracks"]] == pytest.approx([2, 3], abs=0.05)
    assert [track["language"] for track in table["tracks"]] == ["eng", ""]
    assert table["problems"] == table["warnings"] == []


def test_a_length_is_read_and_not_estimated(attnasr: Callable[..., Ran], tmp_path: Path) -> None:
    one = sound_file(tmp_path / "1.oga", 2.0)
    path = join(tmp_path / "a.oga", one, sound_file(tmp_path / "2.oga", 3.0, 8_000))
    ran = attnasr("doctor", path)
    assert "2 recordings joined" in ran.out
    assert "vorbis, 16000 Hz, 1 channel, 5.00 s" in ran.out


def test_doctor_says_what_is_wrong_with_a_recording(
    attnasr: Callable[..., Ran], tmp_path: Path
) -> None:
    whole = sound_file(tmp_path / "whole.wav")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole.read_bytes()[:30_000])
    left = tone(2.0)
    soundfile.write(tmp_path / "phase.flac", np.stack([left, -left], 1), 16_000)
    ran = attnasr("doctor", cut, tmp_path / "none.wav", tmp_path / "phase.flac", whole)
    assert ran.code == 1
    assert "problem: " in ran.out
    assert "is cut off: 29956 of 64000 bytes are there" in ran.out
    assert f"no file {tmp_path / 'none.wav'}" in ran.out
    assert "warning: phase.flac: channels in opposite phase" in ran.out
    assert "PCM_16".lower() in ran.out.lower()
    assert "2 problems found" in ran.err
    assert attnasr("doctor", whole, "-m", "x").code == 2
    assert attnasr("doctor", "").code == 2


def complete(line: str, **environment: str) -> list[str]:
    words = line.split(" ")
    ran = subprocess.run(
        [sys.executable, "-m", "attnasr_cli"],
        env={
            **os.environ,
            "_ATTNASR_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            **environment,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.split()


def test_the_tab_key_knows_commands_and_options() -> None:
    assert {"transcribe", "train"} <= set(complete("attnasr tr"))
    assert "--max-line-width" in complete("attnasr transcribe --max")


def test_the_tab_key_imports_no_other_command(tmp_path: Path) -> None:
    """One whose parts are missing must not stop the others."""
    assert complete("attnasr d") == ["doctor"]
    broken = tmp_path / "sitecustomize.py"
    broken.write_text("import sys\nsys.modules['attnasr_cli.commands.train'] = None\n")
    assert "train" in complete("attnasr t", PYTHONPATH=str(tmp_path))
    assert "list" in complete("attnasr models l", PYTHONPATH=str(tmp_path))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_the_shell(attnasr: Callable[..., Ran], shell: str) -> None:
    ran = attnasr("--show-completion", shell)
    assert ran.code == 0
    assert "_ATTNASR_COMPLETE" in ran.out


def test_doctor_looks_into_stdin(
    attnasr: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "a.mkv", [Sound("aac", 2)])
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        ran = attnasr("doctor", "-")
    assert ran.code == 0
    assert "matroska" in ran.out
    assert "2.0" in ran.out
