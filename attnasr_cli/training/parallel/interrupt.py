"""Handles Ctrl-C and SIGTERM: at once where nothing would be lost, otherwise after the current
update, with everything saved."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from types import FrameType
from typing import Any

from attnasr_cli import interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TWICE_S = 2.0  # a terminal and a launcher may both pass on the same Ctrl-C


class Interrupt:
    """A context that handles both signals during a run.

    They raise KeyboardInterrupt, and while ``deferred`` only set ``requested``; a second one raises
    all the same. Signals that are ignored stay so.
    """

    def __init__(self) -> None:
        self.deferred = False
        self.requested = False
        self._first = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _received(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.requested and now - self._first < TWICE_S:
            return
        self._first = self._first or now
        if not self.deferred or self.requested:
            interrupts.raise_soon(frame)
            return  # not yet
        self.requested = True


def exit_with_parent(parent: int) -> None:
    """End this process at once when its parent, a process id, has ended, even by kill -9."""

    def watch() -> None:
        try:
            handle = os.pidfd_open(parent)  # Linux
            if os.getppid() == parent:
                select.select([handle], [], [])
        except (AttributeError, OSError):
            while os.getppid() == parent:
                time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
