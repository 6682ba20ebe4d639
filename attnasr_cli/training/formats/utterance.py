"""An utterance of training data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.errors import DataError


@dataclass(frozen=True)
class Utterance:
    """A recording, or a part of one, and its words."""

    id: str
    path: Path
    text: str
    start_s: float | None = None
    """where it begins in the recording; None: at its start"""
    end_s: float | None = None
    """where it ends; None: at its end"""
    speaker: str = ""
    """speaker, or empty where unknown"""
    weight: float = 1.0
    """how often it is drawn in an epoch on average"""

    @property
    def place(self) -> str:
        """The recording and the part of it, which identify an utterance."""
        part = (
            "" if self.start_s is None and self.end_s is None else f" {self.start_s} {self.end_s}"
        )
        return f"{self.path}{part}"


def seconds(value: object, name: str, where: str) -> float | None:
    """A time in a row as a number; None for an empty one. Raises DataError."""
    if value is None or value == "":
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise DataError(f"{where}: {name} is {value!r}, not a time in seconds", "like 12.5")
    return number
