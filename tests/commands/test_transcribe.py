"""``attnasr transcribe`` from the command line to stdout, files, exit codes and messages."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Ran, make_model

Run = Callable[..., Ran]


@pytest.fixture
def run(attnasr: Run, tiny_model: Path) -> Run:
    def transcribe(*args: object) -> Ran:
        return attnasr("transcribe", "-m", tiny_model, "--beam", 1, "--dtype", "float32", *args)

    return transcribe


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]) -> Path:
    """A folder of three short recordings, one below another folder."""
    folder = tmp_path_factory.mktemp("spoken")
    for i, name in enumerate(("a.wav", "b.flac", "deep/c.ogg")):
        speech_file(folder / name, 1.0, i)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    found = (p for p in folder.rglob("*") if p.is_file() and ".attnasr" not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(found)}


def test_text_on_stdout_and_notes_on_stderr(run: Run, spoken: Path) -> None:
    ran = run(spoken / "a.wav")
    assert ran.code == 0
    assert ran.out.strip()
    assert "model tiny on cpu" in ran.err
    assert "float32: asked for" in ran.err
    assert "improbable" in ran.err
    quiet = run(spoken / "a.wav", "--quiet")
    assert (quiet.out, quiet.err) == (ran.out, "")


def test_several_recordings(run: Run, spoken: Path) -> None:
    ran = run(spoken)
    lines = [line.split("\t") for line in ran.out.splitlines()]
    assert [Path(line[0]).name for line in lines] == ["a.wav", "b.flac", "c.ogg"]
    assert "3 transcribed" in ran.err
    listed = json.loads(run(spoken, "-f", "json").out)
    assert [t["text"] for t in listed] == [line[1] for line in lines]
    rows = run(spoken, "-f", "ctm").out.splitlines()
    assert {row.split()[0] for row in rows} == {"a", "b", "c"}
    one = json.loads(run(spoken / "a.wav", "-f", "json").out)
    assert one["text"] == lines[0][1]
    assert one["segments"][0]["words"]


def test_stdin(run: Run, spoken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO((spoken / "b.flac").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    ran = run("-", "-f", "json")
    assert json.loads(ran.out)["file"] == "stdin"
    assert json.loads(ran.out)["text"] == run(spoken / "b.flac").out.strip()


def test_a_list_of_files(run: Run, spoken: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"# mine\n{spoken / 'a.wav'}\n{spoken / 'deep'}\n")
    ran = run("--from-file", tmp_path / "list")
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == [
        str(spoken / "a.wav"),
        str(spoken / "deep" / "c.ogg"),
    ]


def test_the_tree_is_mirrored_and_done_work_is_skipped(
    run: Run, spoken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = run(spoken, "-o", out, "-f", "txt,srt,json")
    assert (ran.code, ran.out) == (0, "")
    first = tree(out)
    stems = ("a", "b", "deep/c")
    assert set(first) == {f"{s}.{e}" for s in stems for e in ("txt", "srt", "json")}
    again = run(spoken, "-o", out, "-f", "txt,srt,json")
    assert "3 done before" in again.err
    assert tree(out) == first
    (out / "b.srt").unlink()
    partly = run(spoken, "-o", out, "-f", "txt,srt,json")
    assert "1 transcribed, 2 done before" in partly.err
    assert tree(out) == first
    more = run(spoken, "-o", out, "-f", "vtt")
    assert "3 transcribed" in more.err
    assert run(spoken, "-o", out, "-f", "txt,srt,json,vtt").err.count("3 done before") == 1


def test_other_options_never_replace_silently(run: Run, spoken: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(spoken, "-o", out)
    first = tree(out)
    refused = run(spoken, "-o", out, "--ctc-weight", 0)
    assert refused.code == 1
    assert "other options" in " ".join(refused.err.replace("│", " ").split())
    assert tree(out) == first
    assert run(spoken, "-o", out, "--ctc-weight", 0, "--overwrite").code == 0
    assert tree(out) != first
    shutil.copy(spoken / "a.wav", tmp_path / "d.wav")
    (out / "d.txt").write_text("by hand")
    foreign = run(tmp_path / "d.wav", "-o", out)
    assert foreign.code == 1
    assert "was not written by attnasr" in foreign.err
    assert (out / "d.txt").read_text() == "by hand"


def test_changed_audio_and_model_are_noticed(
    run: Run, attnasr: Run, spoken: Path, tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    sound, out = tmp_path / "in" / "a.wav", tmp_path / "out"
    speech_file(sound, 1.0, 5)
    assert run(sound.parent, "-o", out).code == 0
    os.utime(sound, (1, 1))
    assert "1 transcribed" not in run(sound.parent, "-o", out).err
    speech_file(sound, 1.0, 6)
    assert "other audio" in run(sound.parent, "-o", out).err
    other = make_model(tmp_path / "other", seed=9)
    speech_file(sound, 1.0, 5)
    ran = attnasr("transcribe", "-m", other, "--beam", 1, sound.parent, "-o", out)
    assert "another model" in ran.err


def test_names_never_collide(run: Run, tmp_path: Path, speech_file: Callable[..., Path]) -> None:
    for name in ("a.wav", "a.flac", "b.wav"):
        speech_file(tmp_path / "in" / name, 0.8, 1)
    run(tmp_path / "in", "-o", tmp_path / "out")
    assert set(tree(tmp_path / "out")) == {"a.wav.txt", "a.flac.txt", "b.txt"}
    speech_file(tmp_path / "in" / "b.ogg", 0.8, 2)
    ran = run(tmp_path / "in", "-o", tmp_path / "out")
    assert "1 transcribed, 3 done before" in ran.err
    assert "b.ogg.txt" in tree(tmp_path / "out")


def test_outputs_beside_the_recordings(run: Run, spoken: Path, tmp_path: Path) -> None:
    shutil.copytree(spoken, tmp_path / "in")
    run(tmp_path / "in", "-o", tmp_path / "in")
    assert {"a.txt", "b.txt", "deep/c.txt"} <= set(tree(tmp_path / "in"))
    assert "3 done before" in run(tmp_path / "in", "-o", tmp_path / "in").err
    inner = run(tmp_path / "in", "-o", tmp_path / "in" / "out")
    assert "3 transcribed" in inner.err
    assert "3 done before" in run(tmp_path / "in", "-o", tmp_path / "in" / "out").err


def test_channels(run: Run, tmp_path: Path, speech_file: Callable[..., Path]) -> None:
    speech_file(tmp_path / "mono.wav", 1.0, 3)
    samples, rate = soundfile.read(tmp_path / "mono.wav")
    soundfile.write(tmp_path / "two.wav", np.stack([np.zeros_like(samples), samples], 1), rate)
    split = run(tmp_path / "two.wav", "--split-channels").out.splitlines()
    assert [line.split("\t")[0][-2:] for line in split] == [":1", ":2"]
    assert split[0].endswith("\t")
    text = run(tmp_path / "mono.wav").out
    assert split[1].split("\t")[1] == text.strip()
    assert run(tmp_path / "two.wav", "--channel", 2).out == text
    assert run(tmp_path / "two.wav", "--channel", 1).out == ""
    run(tmp_path / "two.wav", "--split-channels", "-o", tmp_path / "out")
    assert set(tree(tmp_path / "out")) == {"two.ch1.txt", "two.ch2.txt"}


def test_a_part(run: Run, spoken: Path) -> None:
    table = json.loads(run(spoken / "a.wav", "--start", 0.2, "--end", 0.8, "-f", "json").out)
    assert table["duration"] == pytest.approx(0.6)
    assert all(0.2 <= s["start"] <= s["end"] <= 0.8 for s in table["segments"])


def test_subtitles_change_with_their_options(
    run: Run, tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    sound = speech_file(tmp_path / "a.wav", 2.5, 3)

    def srt(*args: object) -> str:
        return run(sound, "-f", "srt", *args).out

    plain = srt()
    assert srt("--max-line-width", 8) != plain
    assert srt("--max-line-width", 8, "--max-line-count", 1) != srt("--max-line-width", 8)
    assert srt("--max-cue-duration", 1) != plain
    assert srt("--min-cue-duration", 4) != plain
    assert srt("--words").count("<u>") > 1
    narrow = ("--max-line-width", 8, "--max-line-count", 1)
    assert srt(*narrow, "--cue-gap", 0.3) != srt(*narrow)
    assert srt("--no-word-timestamps", *narrow) != srt(*narrow)


def test_failures_do_not_stop_the_rest(run: Run, spoken: Path, tmp_path: Path) -> None:
    shutil.copytree(spoken, tmp_path / "in")
    (tmp_path / "in" / "bad.wav").write_text("no sound")
    (tmp_path / "in" / "empty.mp3").touch()
    ran = run(tmp_path / "in", "nowhere.wav", "-o", tmp_path / "out", "--failures", tmp_path / "f")
    assert ran.code == 1
    assert "3 failed" in ran.err
    assert "3 transcribed, 3 failed" in ran.err
    assert len(tree(tmp_path / "out")) == 3
    listed = [x for x in (tmp_path / "f").read_text().splitlines() if not x.startswith("#")]
    assert [Path(x).name for x in listed] == ["bad.wav", "empty.mp3", "nowhere.wav"]
    shutil.copy(spoken / "a.wav", tmp_path / "in" / "bad.wav")
    shutil.copy(spoken / "b.flac", tmp_path / "in" / "empty.mp3")
    again = run("--from-file", tmp_path / "f", "--failures", tmp_path / "f")
    assert "2 transcribed, 1 failed" in again.err
    assert (tmp_path / "f").read_text().count("\n") == 2
    assert run(spoken / "a.wav", "--failures", tmp_path / "f").code == 0
    assert (tmp_path / "f").read_text() == ""


def test_salvage(run: Run, tmp_path: Path, speech_file: Callable[..., Path]) -> None:
    sound = speech_file(tmp_path / "a.flac", 3.0, 1)
    data = sound.read_bytes()
    sound.write_bytes(data[: len(data) * 2 // 3])
    refused = run(sound)
    assert refused.code == 1
    assert "--salvage" in refused.err
    ran = run(sound, "--salvage")
    assert ran.code == 0
    assert ran.out.strip()
    assert "warning:" in ran.err
    assert "cut off" in ran.err


def test_options_from_files_and_environment(
    run: Run, attnasr: Run, spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("attnasr.toml").write_text('[transcribe]\nformat = "json"\n')
    assert json.loads(run(spoken / "a.wav").out)["options"]["beam"] == 1
    monkeypatch.setenv("ATTNASR_FORMAT", "tsv")
    assert run(spoken / "a.wav").out.startswith("start\tend\ttext")
    shown = attnasr("transcribe", "--show-config")
    assert shown.code == 0
    assert "# ATTNASR_FORMAT" in shown.out


def test_help_needs_no_torch_and_names_every_option(attnasr: Run) -> None:
    from attnasr_cli.transcribe.options import OPTIONS

    monkey = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "200"
    try:
        shown = attnasr("transcribe", "--help").out
    finally:
        if monkey is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = monkey
    assert all(option.flag in shown for option in OPTIONS)


def test_progress_on_stderr_when_it_takes_long(
    run: Run, spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnasr_cli.transcribe import progress

    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    monkeypatch.setattr(progress, "REFRESH_S", 0.01)
    ran = run(spoken)
    assert "/3 files" in ran.err
    assert "x real time" in ran.err
    assert "/3 files" not in run(spoken, "-q").err
