"""A check of a recording that asks a function."""

from __future__ import annotations

from collections.abc import Callable

from attnasr_cli.recognize.jobs import Check, Known


class Before(Check):
    """Asks it before the recording is read."""

    def __init__(self, ask: Callable[[], Known | None]) -> None:
        self.ask = ask

    def before(self) -> Known:
        return self.ask() or {}
