"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def run(attnasr: Run, tiny_model: Path) -> Run:
    def transcribe(*args: object) -> Ran:
        return attnasr("transcribe", "-m", tiny_model, "--beam", 1, "--dtype", "float32", *args)

    return transcribe


@pytest.fixture
def sound(tmp_path: Path, speech_file: Callable[..., Path]) -> Path:
    return speech_file(tmp_path / "good.wav", 0.8, 1)


def complaint(ran: Ran) -> str:
    """The error of a command that failed with one line and a hint."""
    lines = [line for line in ran.err.splitlines() if line.startswith(("error:", "hint:"))]
    assert len(lines) == 2, ran.err
    assert "Traceback" not in ran.err
    return lines[0]
