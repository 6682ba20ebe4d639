"""The examples of docs/python.md and of the README run as they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    (page, number, code)
    for page in ("docs/python.md", "README.md")
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize(
    ("page", "number", "code"), EXAMPLES, ids=[f"{page}-{n}" for page, n, _ in EXAMPLES]
)
def test_example(
    page: str,
    number: int,
    code: str,
    tmp_path: Path,
    tiny_model: Path,
    speech_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "english-small").symlink_to(tiny_model)
    monkeypatch.setenv("ATTNASR_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(("talk.mp3", "call.wav", "examples/sample.flac")):
        speech_file(tmp_path / name, 0.8, i)
    exec(compile(code, f"{page}, example {number}", "exec"), {})
