"""Standard streams that are closed, full or of another encoding: one line or silence, and no work
lost because a note could not be written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli import console

ROOT = Path(__file__).parents[1]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line.replace("attnasr", f"{sys.executable} -m attnasr_cli")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


@needs_full
@pytest.mark.parametrize("command", ["--help", "--version", "models list", "score --help"])
def test_a_full_stdout_is_one_line(command: str) -> None:
    ran = shell(f"attnasr {command} > /dev/full")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.splitlines()[0].endswith("No space left on device")
    assert len(ran.stderr.splitlines()) == 2


def test_a_reader_that_has_gone_is_no_error() -> None:
    ran = shell("attnasr --help | true; echo ${PIPESTATUS[0]}")
    assert ran.stderr == ""
    assert ran.stdout in ("0\n", "1\n")  # it may have been written before


@pytest.fixture(scope="module")
def command(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, speech_file: Callable[..., Path]
) -> str:
    sound = speech_file(tmp_path_factory.mktemp("naïve") / "naïve.wav", 0.8, 1)
    return f"attnasr transcribe -m {tiny_model} --beam 1 --dtype float32 '{sound}'"


def test_no_stdout_at_all(command: str) -> None:
    ran = shell(f"{command} -q >&-")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: stdout is closed\n")
    assert "Traceback" not in ran.stderr


@needs_full
@pytest.mark.parametrize("stderr", ["2> /dev/full", "2>&-"])
def test_notes_that_cannot_be_written_do_not_stop_the_work(command: str, stderr: str) -> None:
    ran = shell(f"{command} {stderr}")
    assert ran.returncode == 0
    assert len(ran.stdout.splitlines()) == 1  # the text, and no note among it
    assert ran.stdout == shell(f"{command} -q").stdout


def test_what_the_encoding_of_stdout_lacks_is_replaced(command: str) -> None:
    ran = shell(f"{command} -q {ROOT}/examples/sample.flac", PYTHONIOENCODING="ascii")
    assert ran.returncode == 0
    assert "na?ve.wav\t" in ran.stdout
    assert len(ran.stdout.splitlines()) == 2


def test_quiet_silences_libraries_and_warnings_but_no_error() -> None:
    program = (
        "import os, warnings; from attnasr_cli import console; console.begin(); "
        "console.set_quiet(True); console.mute_libraries(); os.write(2, b'noise of C\\n'); "
        "warnings.warn('noise of Python'); console.warn('a warning'); console.note('a note'); "
        "console.error('an error', 'a hint'); console.end(); console.note('later')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stderr == "error: an error\nhint: a hint\nlater\n"


def test_a_note_is_told_once_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        console.begin()
        for _ in range(3):
            console.note("seen already", once=True)
        console.note("again")
        console.note("again")
    assert capsys.readouterr().err.splitlines() == ["seen already", "again", "again"] * 2


@pytest.mark.parametrize(
    "line", ["transcribe -", "transcribe --from-file -", "score - references.tsv", "doctor -"]
)
def test_a_closed_stdin_is_one_line(line: str) -> None:
    ran = shell(f"attnasr {line} <&-")
    assert ran.returncode in (1, 2)
    assert "stdin is closed" in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr
