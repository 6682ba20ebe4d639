"""``attnasr transcribe --watch``: what appears and grows in a folder, and what is said about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def watch(
    attnasr: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """``watch(between, *options)``: watches in/ and writes out/; ``between(number of the look)`` is
    called in place of time going by, and ends it by KeyboardInterrupt."""
    from attnasr_cli.transcribe import watch as module

    (tmp_path / "in").mkdir()

    def run(between: Callable[[int], None], *options: object) -> Ran:
        looks = 0

        def sleep(seconds: float) -> None:
            nonlocal looks
            looks += 1
            assert looks < 2_000
            between(looks)

        monkeypatch.setattr(module, "sleep", sleep)
        args = ("transcribe", "-m", tiny_model, "--beam", 1, "--dtype", "float32", "--watch")
        return attnasr(*args, tmp_path / "in", "-o", tmp_path / "out", "--settle", 0, *options)

    return run


def test_finished_files_until_ctrl_c(
    watch: Callable[..., Ran], tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    speech_file(folder / "a.wav", 0.8, 1)
    complete = speech_file(tmp_path / "b.wav", 0.8, 2).read_bytes()

    def between(look: int) -> None:
        if look <= 4:  # a recording that is still being written
            (folder / "b.wav").write_bytes(complete[: len(complete) * look // 4])
            assert not (out / "b.txt").exists()
        if look > 4 and (out / "a.txt").exists() and (out / "b.txt").exists():
            raise KeyboardInterrupt
        time.sleep(0.002)

    ran = watch(between, "--settle", 0.05)
    assert ran.code == 0
    assert "watching" in ran.err
    assert "2 transcribed" in ran.err
    assert (out / "b.txt").read_text().strip()


def test_a_file_that_has_grown_replaces_its_text(
    watch: Callable[..., Ran], tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    """A recorder paused longer than --settle: the text of the first part does not stay."""
    sound, text = tmp_path / "in" / "s.wav", tmp_path / "out" / "s.txt"
    first: list[str] = []

    def between(look: int) -> None:
        if look == 1:
            speech_file(sound, 0.8, 1)
        elif not first and text.exists():
            first.append(text.read_text())
            speech_file(sound, 2.5, 1)
        elif first and text.read_text() != first[0]:
            raise KeyboardInterrupt

    ran = watch(between)
    assert ran.code == 0
    assert "2 transcribed" in ran.err
    assert "error" not in ran.err


def test_what_an_earlier_run_wrote_is_not_replaced(
    watch: Callable[..., Ran], tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    def once(look: int) -> None:
        if (tmp_path / "out" / "s.txt").exists():
            raise KeyboardInterrupt

    speech_file(tmp_path / "in" / "s.wav", 0.8, 1)
    assert watch(once).code == 0
    before = (tmp_path / "out" / "s.txt").read_bytes()
    speech_file(tmp_path / "in" / "s.wav", 2.5, 1)
    ran = watch(lambda look: once(look) if look > 2 else None)
    assert ran.code == 1
    assert "was made of other audio" in ran.err
    assert (tmp_path / "out" / "s.txt").read_bytes() == before


def test_a_failure_is_told_when_it_happens_and_once(
    watch: Callable[..., Ran],
    tmp_path: Path,
    speech_file: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "in" / "bad.wav").write_text("<html>404</html>" * 9)
    said: list[str] = []

    def between(look: int) -> None:
        said.append(capsys.readouterr().err)
        if look > 5:
            raise KeyboardInterrupt

    ran = watch(between)
    assert ran.code == 1
    told = "".join(said)
    assert told.count("error:") == 1
    assert "bad.wav is not a recording" in told
    assert "hint:" in told
    assert "error:" not in ran.err  # and not again at its end


def test_a_failure_that_was_mended_is_forgotten(
    watch: Callable[..., Ran], tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    bad = tmp_path / "in" / "bad.wav"
    bad.write_text("not yet" * 9)

    def between(look: int) -> None:
        if look == 3:
            speech_file(bad, 0.8, 1)
        if (tmp_path / "out" / "bad.txt").exists():
            raise KeyboardInterrupt

    assert watch(between).code == 0


def test_a_note_is_told_once(
    watch: Callable[..., Ran], tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    speech_file(tmp_path / "in" / "a.wav", 0.8, 1)
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")

    def between(look: int) -> None:
        if look > 4:
            raise KeyboardInterrupt

    assert watch(between).err.count("seen already") == 1
