"""Watches folders for finished recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

from attnasr_cli.transcribe.inputs import Input, Patterns, find

POLL_S = 0.5


class Watch:
    """Polls folders; a file counts as finished when its size and time no longer change."""

    def __init__(
        self,
        folders: list[str],
        patterns: Patterns,
        output_dir: Path | None,
        settle_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folders, self.patterns, self.output_dir = folders, patterns, output_dir
        self.settle_s, self.now = settle_s, now
        self.changed: dict[Path, tuple[tuple[int, int], float]] = {}
        self.taken: dict[Path, tuple[int, int]] = {}

    def inputs(self) -> Iterator[Input | None]:
        """Yield finished recordings, and None when there is none at the moment. Never ends."""
        while True:
            ready = self.look()
            yield from ready
            yield None
            sleep(POLL_S)

    def look(self) -> list[Input]:
        """Recordings finished since the last call. A file that changes later is given again."""
        ready: list[Input] = []
        for item in find(self.folders, self.patterns, self.output_dir, empty_is_fine=True):
            path = Path(item.path)
            try:
                status = path.stat()
            except OSError:
                continue  # gone between listing and looking
            state = (status.st_size, status.st_mtime_ns)
            before = self.changed.get(path)
            if before is None or before[0] != state:
                self.changed[path] = (state, self.now())
                if self.settle_s > 0:
                    continue
            elif self.now() - before[1] < self.settle_s:
                continue
            if status.st_size and self.taken.get(path) != state:
                self.taken[path] = state
                ready.append(item)
        return ready
