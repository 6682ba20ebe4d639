"""Results go to stdout; progress, notes and tables go to stderr.

Colour and live progress appear only on a terminal; ``set_quiet(True)`` leaves nothing on stderr but
errors. A note that cannot be written never stops the work; a result that cannot is an error.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, TextIO

from attnasr_cli.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_quiet = contextlib.ExitStack()
_is_quiet = False
_told: set[str] = set()
_stop_told = False


def begin() -> None:
    """A new command: not quiet, nothing said yet. What stdout's encoding lacks becomes ``?``."""
    global _stop_told
    set_quiet(False)
    _told.clear()
    _stop_told = False
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def end() -> None:
    """The end of a command: what is still in stdout's buffer goes out. Raises OutputError."""
    set_quiet(False)
    if sys.stdout is not None:
        _write(sys.stdout, "")


def set_quiet(quiet: bool) -> None:
    """Nothing on stderr but errors for the rest of this command."""
    global _is_quiet
    _quiet.close()
    _is_quiet = quiet
    if quiet:
        _quiet.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")


def mute_libraries() -> None:
    """For the rest of a quiet command, what a C library writes to descriptor 2 by itself goes
    nowhere. Not for a command that starts processes: their errors would go there, too."""
    _quiet.enter_context(_libraries_muted())


def is_quiet() -> bool:
    return _is_quiet


@contextlib.contextmanager
def _libraries_muted() -> Iterator[None]:
    """Descriptor 2 leads nowhere, and sys.stderr to where it led before."""
    try:
        ours = sys.stderr is not None and sys.stderr.fileno() == 2
    except (OSError, ValueError):
        ours = False
    if not ours:
        yield
        return
    before, copy = sys.stderr, os.dup(2)
    _to_null(2)
    sys.stderr = os.fdopen(os.dup(copy), "w", 1, before.encoding, "backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.close()
        os.dup2(copy, 2)
        os.close(copy)
        sys.stderr = before


def result(text: str) -> None:
    """One line of the result, to stdout, at once. Raises OutputError, or BrokenPipeError where the
    reader has gone."""
    if sys.stdout is None:
        raise OutputError("stdout is closed", "give it a file, a pipe or a terminal")
    _write(sys.stdout, text + "\n")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except OSError as problem:
        _abandon(stream)
        if isinstance(problem, BrokenPipeError):
            raise
        reason = problem.strerror or problem
        raise OutputError(f"cannot write to stdout: {reason}", "free some space") from None


def note(text: str, once: bool = False) -> None:
    """One line that explains what happens, to stderr; silent with ``--quiet``. ``once``: a second
    time in one command it is left out."""
    if _is_quiet or (once and text in _told):
        return
    _told.add(text)
    _say(text)


def stopped(text: str) -> None:
    """A note on how far an interrupted command came; "interrupted" need not be said besides."""
    note(text)
    if not _is_quiet:
        mark_stop_told()


def mark_stop_told() -> None:
    global _stop_told
    _stop_told = True


def is_stop_told() -> bool:
    return _stop_told


def warn(text: str, once: bool = False) -> None:
    """One line that the user should not miss, to stderr."""
    note(f"warning: {text}", once)


def error(message: str, hint: str = "") -> None:
    """An error and its hint, to stderr."""
    _say(f"error: {message}" + (f"\nhint: {hint}" if hint else ""))


def table(what: Table) -> None:
    """A table, to stderr."""
    try:
        err_console().print(what)
    except OSError:
        _abandon(sys.stderr)


def _say(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _abandon(sys.stderr)


def _abandon(stream: TextIO) -> None:
    """Let what is left in a stream's buffer go nowhere, or Python complains of it at its end."""
    with contextlib.suppress(OSError, ValueError):
        _to_null(stream.fileno())


def _to_null(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def fill_closed_descriptors() -> None:
    """Closed standard streams lead nowhere: else the next file that is opened gets their number,
    and what a library writes to stderr goes into it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


@lru_cache(maxsize=2)
def _console(stderr: bool, stream_id: int) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def err_console() -> Console:
    """A rich console on stderr, for progress."""
    return _console(True, id(sys.stderr))


def out_console() -> Console:
    """A rich console on stdout, for results that are tables."""
    return _console(False, id(sys.stdout))
