"""Detects the published format of a file or folder from its first bytes, without torch."""

from __future__ import annotations

import json
from pathlib import Path

from attnasr_cli.families.foreign import ctranslate2_spec

GGML_MAGIC = 0x67676D6C.to_bytes(4, "little")
CTRANSLATE2_WEIGHTS = "model.bin"
CTRANSLATE2_SPEC = "WhisperSpec"
"""CTranslate2's name of this architecture"""


def is_whisper(path: Path) -> bool:
    """A folder of transformers or CTranslate2, OpenAI's ``.pt``, or a file of whisper.cpp."""
    if not path.is_dir():
        return path.suffix == ".pt" or is_ggml(path)
    if (path / "model.toml").is_file():
        return False
    return _model_type(path) == "whisper" or is_ctranslate2(path)


def is_ctranslate2(path: Path) -> bool:
    """A folder that CTranslate2's converter wrote for Whisper."""
    return ctranslate2_spec(path / CTRANSLATE2_WEIGHTS) == CTRANSLATE2_SPEC


def is_ggml(path: Path) -> bool:
    """A file that starts as whisper.cpp's do."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(GGML_MAGIC)) == GGML_MAGIC
    except OSError:
        return False


def _model_type(path: Path) -> str | None:
    try:
        table = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table.get("model_type") if isinstance(table, dict) else None
