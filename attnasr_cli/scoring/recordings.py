"""Where the recording of an utterance lies: at its path, or beside the references by its id."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")


class Recordings:
    """Finds recordings; every folder is listed once, however many utterances are in it."""

    def __init__(self, reference: str) -> None:
        folder = reference if os.path.isdir(reference) else os.path.dirname(reference)
        # paths are meant from the references' folder, then from here
        self.starts = list(dict.fromkeys((folder, "")))
        self.known: dict[str, set[str]] = {}

    def find(self, name: str, columns: Mapping[str, str]) -> Path | None:
        """The file, or None."""
        given = columns.get("path") or columns.get("file") or name
        above, last = os.path.split(given)
        for start in self.starts:
            folder = os.path.join(start, above)
            there = self._list(folder)
            if "." in last and last in there:
                return Path(folder, last)
            for ending in ENDINGS:
                if last + ending in there:
                    return Path(folder, last + ending)
        return None

    def _list(self, folder: str) -> set[str]:
        if folder not in self.known:
            try:
                self.known[folder] = set(os.listdir(folder or "."))
            except OSError:
                self.known[folder] = set()
        return self.known[folder]
