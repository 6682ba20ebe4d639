"""What a text depends on is in its key; a recording that changes while it is read is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli.checkpoint.identity import model_key
from tests.conftest import Ran


@pytest.mark.parametrize("size", [10, (1 << 20) + 1, 3 << 19, 2 << 20])
def test_every_byte_of_a_small_model_counts(tmp_path: Path, size: int) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(bytes(size))
    whole = model_key(file)
    for place in (0, size // 2, size * 2 // 3, size - 1):
        content = bytearray(size)
        content[place] = 1
        file.write_bytes(content)
        assert model_key(file) != whole, place
        assert model_key(tmp_path) != whole


def test_a_vocabulary_beside_the_model_counts(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(b"weights")
    keys = {model_key(tmp_path / "m.pt")}
    for text in ("one", "two"):
        (tmp_path / "vocabulary").write_text(text)
        keys.add(model_key(tmp_path / "m.pt", tmp_path / "vocabulary"))
    assert len(keys) == 3


def test_a_recording_that_is_written_to_while_it_is_read(
    attnasr: Callable[..., Ran],
    tiny_model: Path,
    tmp_path: Path,
    speech_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its text would be kept under the key of what it was before."""
    from attnasr_cli.recognize.reader import Reader

    sound = speech_file(tmp_path / "a.wav", 0.8, 1)
    real = Reader._cut

    def grow(self: Reader, *args: object) -> None:
        with sound.open("ab") as file:
            file.write(bytes(3200))
        real(self, *args)  # type: ignore[arg-type]

    args = ("transcribe", "-m", tiny_model, "--beam", 1, sound, "-o", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "_cut", grow)
        ran = attnasr(*args)
    assert ran.code == 1
    assert "a.wav was written to while it was read" in ran.err
    assert "run the same command again" in ran.err
    assert not (tmp_path / "out" / "a.txt").exists()
    assert attnasr(*args).code == 0
    os.utime(sound, (1, 1))  # only its content counts
    assert attnasr(*args).code == 0
