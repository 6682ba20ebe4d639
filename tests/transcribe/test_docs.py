"""What the documentation says is done: its example runs, its options exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli.output.formats import FORMATS
from attnasr_cli.transcribe.options import OPTIONS

TEXT = (Path(__file__).parents[2] / "docs" / "transcribe.md").read_text(encoding="utf-8")


def test_the_python_example_runs(
    tmp_path: Path,
    tiny_model: Path,
    speech_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "english-small").symlink_to(tiny_model)
    monkeypatch.setenv("ATTNASR_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(("talk.mp3", "call.wav")):
        speech_file(tmp_path / name, 0.8, i)
    [example] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(example, "docs/transcribe.md", "exec"), {})
    shown = capsys.readouterr().out
    assert shown.index("talk.mp3") < shown.index("call.wav")


def test_every_option_that_is_named_exists() -> None:
    flags = {option.flag for option in OPTIONS} | {"--install-completion"}
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= flags
    assert all(f"`{name}`" in TEXT for name in FORMATS)
