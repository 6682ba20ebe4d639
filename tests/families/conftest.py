"""What tests of several families share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Ran


@pytest.fixture
def refused(tmp_path: Path, attnasr: Callable[..., Ran]) -> Callable[..., str]:
    """Transcribe a second of sound with a model, see it refused, and give what was said."""
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000)

    def run(model: Path, *options: object, code: int = 1) -> str:
        ran = attnasr("transcribe", tmp_path / "a.wav", "-m", model, "--no-vad", *options)
        assert (ran.code, ran.out) == (code, ""), ran.err
        assert "Traceback" not in ran.err
        *notes, error, hint = ran.err.strip().splitlines()
        assert error.startswith("error: "), ran.err
        assert hint.startswith("hint: ")
        assert not any(line.startswith("error") for line in notes)
        return f"{error} {hint}"

    return run
