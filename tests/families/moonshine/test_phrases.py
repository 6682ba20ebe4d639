"""Moonshine among the phrases of a list."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from tests.conftest import Ran
from tests.families.moonshine.conftest import SMALL, noise


def test_one_of_the_phrases_or_nothing(
    pair: Any, tmp_path: Path, attnasr: Callable[..., Ran]
) -> None:
    soundfile.write(tmp_path / "a.wav", noise(3, 2.0).numpy(), 16_000)
    (tmp_path / "list.txt").write_text("the a\non\tthe on\n")
    args = ["transcribe", tmp_path / "a.wav", "-m", pair(SMALL)[2], "--no-vad", "-f", "json"]
    args += ["--phrases", tmp_path / "list.txt", "--dtype", "float32"]
    ran = attnasr(*args)
    assert ran.code == 0, ran.err
    table = json.loads(ran.out)
    assert table["text"] in ("the a", "on")
    assert set(table["segments"][0]["phrases"]) == {"the a", "on"}
    rejected = json.loads(attnasr(*args, "--reject", 1).out)
    assert rejected["text"] == ""
    assert rejected["segments"][0]["rejected"]
    assert "--nbest with --phrases" in attnasr(*args, "--beam", 2, "--nbest", 2).err
