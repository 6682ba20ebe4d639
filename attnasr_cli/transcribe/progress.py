"""Progress on stderr: one bar for the whole run on a terminal, elsewhere a plain line every few
seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from attnasr_cli import console
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.transcribe.inputs import printable

EVERY_S = 5.0
REFRESH_S = 0.2


class Progress:
    """Shows a meter while the block runs. ``files`` is None where their number is not known."""

    def __init__(
        self, meter: Meter, files: int | None, status: Callable[[], str] | None = None
    ) -> None:
        """status: gives further text for the line."""
        self.meter, self.files, self.status = meter, files, status
        self.done = 0
        self.current = ""
        self.total_s: float | None = None
        self.started = time.monotonic()
        self._ending = threading.Event()
        self._bar: Any = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Progress:
        if console.is_quiet():
            return self
        if console.err_console().is_terminal:
            self._bar = self._make_bar()
            self._bar.start()
        self._thread = threading.Thread(target=self._run, name="attnasr-progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the bar while other lines are printed."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def measure(self, paths: Sequence[Path], probe: Callable[[Path], float | None]) -> None:
        """Add up the durations of the recordings in the background, for the time that is left."""

        def add() -> None:
            total = 0.0
            for path in paths:
                if self._ending.is_set():
                    return
                total += probe(path) or 0.0
            self.total_s = total

        if not console.is_quiet():
            threading.Thread(target=add, name="attnasr-durations", daemon=True).start()

    def line(self) -> str:
        """The state as one line."""
        handled, elapsed = self.meter.handled_s, max(time.monotonic() - self.started, 1e-3)
        parts = [f"{self.done}/{self.files} files" if self.files else f"{self.done} files"]
        if self.total_s:
            parts.append(f"{_hours(handled)} of {_hours(self.total_s)}")
        else:
            parts.append(_hours(handled))
        parts.append(f"{handled / elapsed:.1f}x real time")
        left = self._left_s(handled, elapsed)
        if left is not None:
            parts.append(f"{clock(left)} left")
        if self.status is not None:
            parts.append(self.status())
        if self.current:
            parts.append(printable(self.current))
        return " · ".join(parts)

    def _left_s(self, handled: float, elapsed: float) -> float | None:
        if not self.total_s or handled <= 0:
            return None
        return max(self.total_s - handled, 0.0) * elapsed / handled

    def _state(self) -> object:
        """What a plain line is worth for: where nobody knows what is to come (--watch), hours may
        pass without news; else each line says how long is left."""
        if self.files is not None:
            return object()
        return self.done, self.meter.handled_s

    def _run(self) -> None:
        shown, told = time.monotonic(), self._state()
        while not self._ending.wait(REFRESH_S):
            if self._bar is not None:
                [task] = self._bar.task_ids
                self._bar.update(
                    task,
                    total=self.total_s,
                    completed=self.meter.handled_s,
                    description=self.line(),
                )
            elif time.monotonic() - shown >= EVERY_S and (state := self._state()) != told:
                shown, told = time.monotonic(), state
                console.note(self.line())

    def _make_bar(self) -> Any:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        bar = RichProgress(
            BarColumn(bar_width=24),
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=console.err_console(),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            expand=True,
        )
        bar.add_task("", total=None)
        return bar


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h" if seconds >= 360 else f"{seconds:.0f} s"


def clock(seconds: float) -> str:
    """hh:mm:ss, or mm:ss under an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
