"""Everything that can be wrong: one clear line, a hint, the right exit code, nothing lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.commands.conftest import Run, complaint

ROOT = Path(__file__).parents[2]


def write_bad(folder: Path) -> dict[str, str]:
    """Bad recordings and what is said about each."""
    tone = (0.3 * np.sin(np.arange(32_000) / 5)).astype(np.float32)
    (folder / "text.wav").write_text("just words\n" * 50)
    (folder / "empty.wav").touch()
    soundfile.write(folder / "none.wav", tone[:0], 16_000)
    soundfile.write(folder / "one.wav", tone[:1], 16_000)
    sick = tone.copy()
    sick[5] = np.nan
    soundfile.write(folder / "nan.wav", sick, 16_000, subtype="FLOAT")
    soundfile.write(folder / "cut.flac", tone, 16_000)
    data = (folder / "cut.flac").read_bytes()
    (folder / "cut.flac").write_bytes(data[: len(data) // 2])
    (folder / "gone.wav").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.wav")
    return {
        "text.wav": "not a recording",
        "empty.wav": "is empty",
        "none.wav": "no samples",
        "one.wav": "only 0.1 ms",
        "nan.wav": "NaN",
        "cut.flac": "cut off",
        "gone.wav": "a link to nothing",
        "pipe.wav": "not a regular file",
    }


def test_bad_recordings_alone(run: Run, tmp_path: Path) -> None:
    for name, words in write_bad(tmp_path).items():
        ran = run(tmp_path / name)
        assert ran.code == 1
        assert ran.out == ""
        assert words in complaint(ran)
        assert name in complaint(ran)


def test_bad_recordings_among_good_ones(run: Run, sound: Path, tmp_path: Path) -> None:
    bad = write_bad(tmp_path)
    ran = run(tmp_path, "-o", tmp_path / "out")
    assert ran.code == 1
    assert f"1 transcribed, {len(bad)} failed" in ran.err
    assert (tmp_path / "out" / "good.txt").read_text().strip()
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "nothing to transcribe"),
        (["{empty}"], "no recordings"),
        (["{sound}", "-m", "tinyy"], "no model 'tinyy'"),
        (["{sound}", "--beam", "0"], "a beam of 0"),
        (["{sound}", "--beam", "x"], "--beam"),
        (["{sound}", "--bean", "2"], "--bean"),
        (["{sound}", "--device", "tpu"], "unknown device 'tpu'"),
        (["{sound}", "--device", "cuda:99"], "cuda:99"),
        (["{sound}", "--dtype", "bf16"], "unknown dtype 'bf16'"),
        (["{sound}", "--format", "doc"], "unknown format 'doc'"),
        (["{sound}", "--format", "txt,srt"], "need files"),
        (["{sound}", "{sound2}", "--format", "srt"], "cannot stand in one stream"),
        (["{sound}", "--overwrite"], "--overwrite without --output-dir"),
        (["{sound}", "--words"], "--words with format txt"),
        (["{sound}", "--max-line-width", "9"], "--max-line-width with format txt"),
        (["{sound}", "-f", "srt", "--max-line-width", "-1"], "--max-line-width is -1"),
        (["{sound}", "--word-timestamps"], "--word-timestamps with format txt"),
        (["{sound}", "-f", "ctm", "--no-word-timestamps"], "--no-word-timestamps with format ctm"),
        (["{sound}", "--channel", "0"], "--channel 0"),
        (["{sound}", "--channel", "1", "--split-channels"], "--channel and --split-channels"),
        (["{sound}", "--start", "3", "--end", "2"], "--end 2.0 is not after"),
        (["{sound}", "--start", "-1"], "--start -1.0"),
        (["{sound}", "--start", "nan"], "--start nan"),
        (["{sound}", "--end", "inf"], "--end inf"),
        (["{sound}", "-f", "srt", "--max-cps", "nan"], "--max-cps nan"),
        (["{sound}", "--include", "*.wav"], "--include without a folder"),
        (["{sound}", "--watch"], "--watch is for folders"),
        (["{sound}", "--settle", "1"], "--settle without --watch"),
        (["{empty}", "--watch", "--settle", "-1"], "--settle -1"),
        (["{sound}", "--language", "en"], "cannot use --language"),
        (["{sound}", "--tokenizer", "x"], "cannot use --tokenizer"),
        (["-", "-"], "only once"),
        (["--from-file", "-", "-"], "stdin"),
        ([""], "an empty name"),
        (["{sound}", ""], "an empty name"),
        (["{sound}", "-o", ""], "--output-dir is empty"),
        (["{sound}", "-m", ""], "--model is empty"),
        (["{sound}", "-f", ""], "--format is empty"),
        (["{sound}", "--from-file", ""], "--from-file is empty"),
        (["{sound}", "--failures", ""], "--failures is empty"),
    ],
)
def test_wrong_command_lines(
    run: Run,
    sound: Path,
    tmp_path: Path,
    speech_file: Callable[..., Path],
    args: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x.wav")))
    (tmp_path / "nothing").mkdir()
    places = {"{sound}": sound, "{empty}": tmp_path / "nothing", "{sound2}": tmp_path / "b.wav"}
    ran = run(*(places.get(arg, arg) for arg in args))
    assert message in complaint(ran)
    assert ran.code == (1 if "no model" in message else 2)
    assert ran.out == ""


@pytest.mark.parametrize(
    "args", [["--help"], ["--show-config"], ["a.wav", "-f", "doc"], ["a.wav", "-f", "txt,srt"], []]
)
def test_no_torch_for_what_needs_none(args: list[str]) -> None:
    program = (
        "import sys; from attnasr_cli.app import main; "
        f"main(['transcribe', *{args!r}]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, capture_output=True)


def test_a_channel_that_is_not_there(run: Run, sound: Path) -> None:
    ran = run(sound, "--channel", 2)
    assert "no channel 2" in complaint(ran)


def test_a_missing_list(run: Run, tmp_path: Path) -> None:
    ran = run("--from-file", tmp_path / "none")
    assert "cannot read the list" in complaint(ran)


@pytest.mark.parametrize(
    "name", ["new\nline.wav", "quo'te\".wav", "тест 音.wav", "-x.wav", "%s.wav"]
)
def test_strange_names(
    run: Run, tmp_path: Path, speech_file: Callable[..., Path], name: str
) -> None:
    speech_file(tmp_path / "in" / name, 0.8, 1)
    ran = run(tmp_path / "in", "-o", tmp_path / "out", "-f", "txt,json,ctm,textgrid")
    assert ran.code == 0
    assert (tmp_path / "out" / name).with_suffix(".txt").read_text().strip()
    bad = tmp_path / "in" / ("bad " + name)
    bad.write_text("x")
    ran = run(tmp_path / "in", "-o", tmp_path / "out", "--failures", tmp_path / "failed")
    assert "1 failed" in ran.err
    bad.unlink()
    ran = run("--from-file", tmp_path / "failed")
    assert "no file" in complaint(ran)


def test_no_model_is_loaded_for_a_recording_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello")
    for name, why in (("nothing.wav", "no file"), ("text.wav", "is not a recording")):
        ran = run(tmp_path / name)
        assert ran.code == 1
        assert why in complaint(ran)
        assert len(ran.err.splitlines()) == 2, "the error and its hint, and no model before"


def test_unreadable_files(
    run: Run, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    ran = run(sound)
    assert "may not be read" in complaint(ran)


def test_a_folder_that_may_not_be_read_is_a_failure(
    run: Run, tmp_path: Path, speech_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a part of a tree would be missing from what is said to be all done."""
    speech_file(tmp_path / "in" / "locked.wav", 0.8, 1)
    locked = tmp_path / "in" / "locked"
    locked.mkdir()
    real = os.scandir

    def scandir(path: str | Path = ".") -> object:
        if Path(path) == locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    ran = run(tmp_path / "in", "-o", tmp_path / "out")
    assert ran.code == 1
    assert "1 transcribed, 1 failed" in ran.err
    assert "may not be read" in " ".join(ran.err.split())
    assert (tmp_path / "out" / "locked.txt").is_file()
    ran = run(locked)
    assert ran.code == 1
    assert "may not be read" in complaint(ran)


def test_a_file_that_vanishes(
    run: Run, tmp_path: Path, speech_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnasr_cli.recognize import recognizer

    for name in ("a.wav", "b.wav"):
        speech_file(tmp_path / name, 0.8, 1)
    real = recognizer.Recognizer.events

    def vanish(self: object, jobs: object, *args: object) -> object:
        (tmp_path / "a.wav").unlink()
        return real(self, jobs, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(recognizer.Recognizer, "events", vanish)
    ran = run(tmp_path, "-o", tmp_path / "out")
    assert ran.code == 1
    assert "1 transcribed, 1 failed" in ran.err
    assert "no file" in ran.err
