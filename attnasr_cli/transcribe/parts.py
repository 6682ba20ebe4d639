"""Stores the segments of unfinished recordings, so that a stopped run continues in their middle:
one file for each recording and set of options, one line for each segment."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.recognize.jobs import Known, SegmentResult


class Parts:
    """The folder of these files; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> Known:
        """The stored segments of a recording, without a line that a kill cut off."""
        known: dict[tuple[int, int], SegmentResult] = {}
        try:
            lines = self._path(key).read_bytes().split(b"\n")
        except OSError:
            return known
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                first, count = row["place"]
                known[first, count] = _outcome(row)
        return known

    def add(self, key: str, place: tuple[int, int], outcome: SegmentResult) -> None:
        """Keep a segment. Raises OSError."""
        row = {"place": place, "uncovered": outcome.uncovered}
        row["parts"] = [(start_s, asdict(decoded)) for start_s, decoded in outcome.parts]
        try:
            line = json.dumps(row).encode("ascii")
        except (TypeError, ValueError):
            return  # a decoder's extras that JSON does not know: decoded again, if need be
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._path(key).open("ab") as file:
            file.write(b"\n" + line)  # after what may have been cut off

    def drop(self, key: str) -> None:
        """Remove the segments of a recording that is finished, or is to be transcribed anew."""
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # where nothing is left unfinished

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.jsonl"


def _outcome(row: dict[str, Any]) -> SegmentResult:
    parts = [(float(start_s), _decoded(decoded)) for start_s, decoded in row["parts"]]
    return SegmentResult(parts, [(float(start), float(end)) for start, end in row["uncovered"]])


def _decoded(table: dict[str, Any]) -> Decoded:
    pieces = [
        Piece(**{**piece, "words": [Word(**word) for word in piece["words"]]})
        for piece in table["pieces"]
    ]
    return Decoded(**{**table, "pieces": pieces})
