"""Where the recording of an utterance lies: at its path, or beside the references by its id."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")


class Recordings:
    """Finds recordings; every folder is listed once, however many utterances are in it."""

    def __init__(self, reference: str) -> None:
        place = Path(reference)
        self.folder = place if place.is_dir() else place.parent
        self.known: dict[Path, set[str]] = {}

    def find(self, name: str, columns: Mapping[str, str]) -> Path | None:
        """The file, or None; paths are meant from the references' folder, then from here."""
        given = columns.get("path") or columns.get("file") or name
        for start in (self.folder, Path()):
            at = start / given
            if at.suffix and self._there(at):
                return at
            for ending in ENDINGS:
                beside = at.parent / f"{at.name}{ending}"
                if self._there(beside):
                    return beside
        return None

    def _there(self, path: Path) -> bool:
        if path.parent not in self.known:
            try:
                self.known[path.parent] = set(os.listdir(path.parent))
            except OSError:
                self.known[path.parent] = set()
        return path.name in self.known[path.parent]
