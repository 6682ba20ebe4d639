"""Which published form a file or folder has, told from its first bytes and without torch."""

from __future__ import annotations

import json
from pathlib import Path

from attnasr_cli.families.foreign import ctranslate2_spec

CTRANSLATE2_WEIGHTS = "model.bin"
CTRANSLATE2_SPEC = "WhisperSpec"
"""what CTranslate2 calls this architecture"""


def is_whisper(path: Path) -> bool:
    """A folder of transformers or CTranslate2, or OpenAI's ``.pt``."""
    if not path.is_dir():
        return path.suffix == ".pt"
    if (path / "model.toml").is_file():
        return False
    return _model_type(path) == "whisper" or is_ctranslate2(path)


def is_ctranslate2(path: Path) -> bool:
    """A folder that CTranslate2's converter wrote for Whisper."""
    return ctranslate2_spec(path / CTRANSLATE2_WEIGHTS) == CTRANSLATE2_SPEC


def _model_type(path: Path) -> str | None:
    try:
        table = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table.get("model_type") if isinstance(table, dict) else None
