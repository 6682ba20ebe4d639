"""Thread-safe progress counters of a run."""

from __future__ import annotations

import threading


class Meter:
    """Counts seconds of audio read, of speech found in it, and of that speech decoded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.read_s = 0.0
        self.found_s = 0.0
        self.decoded_s = 0.0

    def read(self, seconds: float) -> None:
        with self._lock:
            self.read_s += seconds

    def found(self, seconds: float) -> None:
        with self._lock:
            self.found_s += seconds

    def decoded(self, seconds: float) -> None:
        with self._lock:
            self.decoded_s += seconds

    @property
    def handled_s(self) -> float:
        """Seconds of audio done: audio read, less speech that still waits for the net."""
        with self._lock:
            if not self.found_s:
                return self.read_s
            return self.read_s * min(self.decoded_s / self.found_s, 1.0)
