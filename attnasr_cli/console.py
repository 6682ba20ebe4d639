"""Results go to stdout; progress, notes and tables go to stderr.

Colour and live progress appear only on a terminal; ``set_quiet(True)`` silences notes.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Silence notes (never errors) for the rest of this command."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    return _quiet


def result(text: str) -> None:
    """One line of the result, to stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line that explains what happens, to stderr; silent with ``--quiet``."""
    if not _quiet:
        print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """One line that the user should not miss, to stderr, even with ``--quiet``."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def error(message: str, hint: str = "") -> None:
    """An error and its hint, to stderr."""
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    sys.stderr.flush()


@lru_cache(maxsize=2)
def _console(stderr: bool, stream_id: int) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def err_console() -> Console:
    """A rich console on stderr, for tables and progress."""
    return _console(True, id(sys.stderr))


def out_console() -> Console:
    """A rich console on stdout, for results that are tables."""
    return _console(False, id(sys.stdout))
