"""What ran where: a line of JSON for each worker that came or went, and for all that one did."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "cluster.jsonl"


class Manifest:
    """Such a file; each run adds to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, row: dict[str, Any]) -> None:
        """One line, with the time. Raises OSError."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds")} | row)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
