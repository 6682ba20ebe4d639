"""Ctrl-C of the command line: raised where Python can bear it, never lost, and told in one line.

A KeyboardInterrupt in the middle of an import leaves the module half made, and what imports it
again fails with another error (numpy: "cannot load module more than once per process"); C++ that
was calling Python ends the process (torch); out of a callback, such as the import system's, it is
printed and lost. So it waits for the end of the import, or of the callback.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Protocol

from attnasr_cli import console

IMPORT_SYSTEM = "<frozen importlib."

_noted = False
_waiting = False


class _Unraisable(Protocol):
    exc_type: type[BaseException]
    exc_value: BaseException | None
    exc_traceback: TracebackType | None
    err_msg: str | None
    object: object


def heed() -> None:
    """Handle SIGINT in this way for the rest of the process, unless it is ignored, as in a script's
    background, or somebody handles it already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _received)
        sys.unraisablehook = _lost


def leave() -> None:
    """From here on an interrupt ends the process at once and in silence."""
    if signal.getsignal(signal.SIGINT) is _received:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_noted() -> bool:
    """Whether there was an interrupt: what fails after it failed of it."""
    return _noted


def forget() -> None:
    """The interrupt was an answer, and the work goes on."""
    global _noted
    _noted = False


def raise_soon(frame: FrameType | None) -> None:
    """In a signal handler: raise KeyboardInterrupt, or let it be raised after the import that is
    going on in its frame."""
    global _noted
    _noted = True
    outside = _outside_imports(frame)
    if outside is frame or not _raise_in(outside):
        raise KeyboardInterrupt


def _received(number: int, frame: FrameType | None) -> None:
    if _waiting:  # a second one: the import takes too long for somebody
        console.error("interrupted")
        os._exit(130)
    raise_soon(frame)


def _outside_imports(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is no part of an import."""
    outside = frame
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORT_SYSTEM):
            outside = frame.f_back
        frame = frame.f_back
    return outside


def _raise_in(frame: FrameType | None) -> bool:
    """Raise KeyboardInterrupt as soon as this frame goes on; False where that cannot be. Only a
    trace function is called at that moment, as a debugger's is."""
    global _waiting
    if frame is None or sys.gettrace() is not None:
        return False

    def raise_now(frame: FrameType, event: str, what: object) -> None:
        global _waiting
        sys.settrace(None)
        frame.f_trace = None
        _waiting = False
        raise KeyboardInterrupt

    _waiting = True
    frame.f_trace = raise_now
    sys.settrace(lambda *_: None)
    return True


def _lost(what: _Unraisable) -> None:
    """What a callback raised and nobody can catch."""
    if what.exc_type is KeyboardInterrupt:
        _raise_in(_outside_imports(sys._getframe(1)))
    else:
        sys.__unraisablehook__(what)
