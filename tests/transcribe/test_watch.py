"""A file counts as complete when it has stood still; what changes later comes again."""

from __future__ import annotations

import os
from pathlib import Path

from attnasr_cli.transcribe.inputs import Patterns
from attnasr_cli.transcribe.watch import Watch


def test_files_settle(tmp_path: Path) -> None:
    time = 0.0
    watch = Watch([str(tmp_path)], Patterns(), None, 2.0, now=lambda: time)

    def look(seconds: float = 1.0) -> list[str]:
        nonlocal time
        time += seconds
        return [item.path.name for item in watch.look()]

    assert look() == []
    (tmp_path / "a.wav").write_bytes(b"1")
    assert look() == []
    (tmp_path / "a.wav").write_bytes(b"12")
    assert look(3.0) == []  # it grew
    assert look(1.0) == []
    assert look(1.5) == ["a.wav"]
    assert look(9.0) == []
    (tmp_path / "empty.wav").touch()
    (tmp_path / "b.txt").write_bytes(b"no sound")
    assert [look(), look(9.0)] == [[], []]
    os.utime(tmp_path / "a.wav", (1, 1))
    assert [look(), look(2.0)] == [[], ["a.wav"]]
    (tmp_path / "a.wav").unlink()
    assert look(9.0) == []
