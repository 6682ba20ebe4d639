"""Tells the family of a Hugging Face folder, without heavy imports."""

from __future__ import annotations

import json
from pathlib import Path


def model_type(path: Path) -> str | None:
    """The ``model_type`` in the ``config.json`` of a folder; None for other folders, and for model
    folders of attnasr."""
    if (path / "model.toml").is_file():
        return None
    try:
        table = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table.get("model_type") if isinstance(table, dict) else None
