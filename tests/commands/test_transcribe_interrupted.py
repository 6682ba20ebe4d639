"""Runs that end early, meet, or have no room: what is done is kept, nothing is half-written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.commands.conftest import Run, complaint
from tests.speech import babble

ROOT = Path(__file__).parents[2]


def test_a_full_disk_ends_the_run_and_loses_nothing(
    run: Run, tmp_path: Path, speech_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        speech_file(tmp_path / "in" / f"{i}.wav", 0.8, i)
    real, count = os.replace, 0

    def full(*args: object) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        ran = run(tmp_path / "in", "-o", tmp_path / "out")
    assert ran.code == 1
    assert "No space left" in complaint(ran)
    assert "the same command goes on" in ran.err
    again = run(tmp_path / "in", "-o", tmp_path / "out")
    assert "2 transcribed, 1 done before" in again.err
    assert again.code == 0


def test_output_that_cannot_be_written(run: Run, sound: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", Path("/proc/nothing")):
        ran = run(sound, "-o", place)
        assert ran.code == 1
        assert "cannot write to" in complaint(ran)
        assert "model" not in ran.err  # nothing was loaded in vain


def test_two_runs_at_once(run: Run, sound: Path, tmp_path: Path) -> None:
    from attnasr_cli.transcribe.journal import Journal

    with Journal(tmp_path / "out"):
        ran = run(sound, "-o", tmp_path / "out")
    assert ran.code == 1
    assert "another attnasr" in complaint(ran)


def test_a_reader_that_goes_away(sound: Path, tiny_model: Path) -> None:
    """``attnasr … | head -0`` ends without a traceback."""
    command = [sys.executable, "-m", "attnasr_cli", "transcribe", "-m", str(tiny_model)]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        child = subprocess.run(
            [*command, "--beam", "1", "-q", str(sound)],
            stdout=writer,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
    finally:
        os.close(writer)
    assert b"Traceback" not in child.stderr
    assert child.returncode == 1


def test_ctrl_c_keeps_what_is_done(
    run: Run, tmp_path: Path, speech_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnasr_cli.transcribe.sinks import ToFolder

    for i in range(3):
        speech_file(tmp_path / "in" / f"{i}.wav", 0.8, i)
    real, count = ToFolder.take, 0

    def interrupted(self: ToFolder, *args: object) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        real(self, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ToFolder, "take", interrupted)
        ran = run(tmp_path / "in", "-o", tmp_path / "out")
    assert ran.code == 130
    assert "the same command goes on" in ran.err
    assert threading.active_count() == 1 or not any(
        t.name.startswith("attnasr") for t in threading.enumerate()
    )
    assert "2 transcribed, 1 done before" in run(tmp_path / "in", "-o", tmp_path / "out").err


def test_kill_9_at_random_moments(
    run: Run, tmp_path: Path, tiny_model: Path, speech_file: Callable[..., Path]
) -> None:
    """Killed again and again, then left alone: exactly what an unbroken run gives."""
    files = 24
    for i in range(files):
        speech_file(tmp_path / "in" / f"{i:02d}.wav", 0.5 + 0.02 * i, i)
    options = ["--beam", "1", "--dtype", "float32", "--batch", "2", "-f", "txt,srt,json"]
    run(tmp_path / "in", "-o", tmp_path / "whole", "--batch", 2, "-f", "txt,srt,json")
    journal = tmp_path / "out" / ".attnasr" / "journal.jsonl"
    command = [sys.executable, "-m", "attnasr_cli", "transcribe", "-m", str(tiny_model), *options]
    draw = np.random.default_rng(0)
    for goal in draw.uniform(0.1, 0.9, 2):
        child = subprocess.Popen(
            [*command, str(tmp_path / "in"), "-o", str(tmp_path / "out")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        wanted = goal * files * 2  # two lines a recording
        while child.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") >= wanted:
                break
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for path in (tmp_path / "out").glob("[0-9]*"):
            assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()
    ran = run(tmp_path / "in", "-o", tmp_path / "out", "--batch", 2, "-f", "txt,srt,json")
    assert ran.code == 0
    assert "done before" in ran.err

    def tree(folder: Path) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}

    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert len(tree(tmp_path / "out")) == 3 * files


def test_memory_stays_flat_over_a_long_recording(
    tmp_path: Path, tiny_model: Path, speech_file: Callable[..., Path]
) -> None:
    """Twenty minutes of speech and pauses are 77 MB of samples; in a process of its own, whose
    high-water mark nothing else has raised."""
    minute = np.concatenate([babble(2.0, 1), np.zeros(16_000 * 58, np.float32)])
    with soundfile.SoundFile(tmp_path / "long.flac", "w", 16_000, 1) as file:
        for _ in range(20):
            file.write(minute)
    soundfile.write(tmp_path / "short.flac", minute, 16_000)
    program = (
        "import resource, sys; from attnasr_cli.app import main\n"
        "def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "def run(name): assert main(['transcribe', '-q', name, *sys.argv[1:]]) == 0\n"
        "run('short.flac'); before = most(); run('long.flac')\n"
        "print(most() - before, file=sys.stderr)"
    )
    options = ["-m", str(tiny_model), "--batch", "20", "--dtype", "float32", "--device", "cpu"]
    ran = subprocess.run(
        [sys.executable, "-c", program, *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ran.stderr.split()[-1]) / 1024 < 40
