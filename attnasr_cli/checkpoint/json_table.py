"""The JSON files of other people's checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attnasr_cli.errors import ModelError


def read_json(path: Path) -> dict[str, Any]:
    """The table that a file holds. Raises ModelError for anything else."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {problem.strerror}", "check the path") from None
    except ValueError as problem:
        raise ModelError(f"damaged {path}: {problem}", "copy it again") from None
    if not isinstance(table, dict):
        raise ModelError(f"damaged {path}: not a table", "copy it again")
    return table
