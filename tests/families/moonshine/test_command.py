"""The real command line with a Moonshine model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.conftest import Ran
from tests.families.moonshine.conftest import SMALL, STREAMING, noise

Attnasr = Callable[..., Ran]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", noise(3, 2.0).numpy(), 16_000)
    return tmp_path / "a.wav"


@pytest.mark.parametrize("sizes", [SMALL, STREAMING])
def test_transcribe_and_attend(
    pair: Any, recording: Path, tmp_path: Path, attnasr: Attnasr, sizes: dict[str, Any]
) -> None:
    folder = pair(sizes)[2]
    quick = ["-m", folder, "--no-vad", "--dtype", "float32"]
    ran = attnasr("transcribe", recording, *quick, "-q", "-f", "json", "--language", "en")
    assert ran.code == 0, ran.err
    table = json.loads(ran.out)
    assert (table["language"], table["options"]["beam"]) == ("en", 1)
    assert table["text"]
    low = attnasr("transcribe", recording, "-m", folder, "--no-vad", "--dtype", "bfloat16")
    assert low.code == 0, low.err
    picture = attnasr("attend", recording, *quick, "-o", tmp_path / "a.npz")
    assert picture.code == 0, picture.err


def test_what_cannot_work_is_one_line(
    pair: Any, recording: Path, tmp_path: Path, attnasr: Attnasr
) -> None:
    folder = pair(SMALL)[2]
    for options, message in (
        (["--language", "de"], "writes en, not de"),
        (["--task", "translate"], "cannot use --task"),
        (["--dtype", "int8"], "cannot be computed in int8"),
    ):
        ran = attnasr("transcribe", recording, "-m", folder, "--no-vad", *options)
        assert (ran.code, ran.out) == (2, ""), ran.err
        assert message in ran.err
