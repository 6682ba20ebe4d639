"""The manifest of a run on a cluster: a line of JSON for each worker that started or ended, and for
each piece of work."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "cluster.jsonl"


class Manifest:
    """A manifest file, to which each run appends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, row: dict[str, Any]) -> None:
        """One line, with the time. Raises OSError."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds")} | row)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
