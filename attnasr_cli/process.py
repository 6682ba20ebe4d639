"""What the program sets for its own process: how threads wait and share memory, when memory is
searched for what is not used any more, and how it ends."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
from typing import NoReturn

COLLECTED_AFTER = 50_000
"""objects; Python's own 700 are reached hundreds of times while torch is imported"""

FEW_CORES = 4
"""up to which one heap was measured (on two) or is taken to be no slower"""
M_ARENA_MAX = -8
"""of glibc's mallopt(3)"""
SPINS = 4_000
"""of 25 ns on a server of 2022: 0.1 ms, several times what lies between two products"""


def wait_briefly() -> None:
    """Let threads of OpenMP that wait for each other sleep soon, unless the user chose how.

    GNU's library, which torch brings along on Linux, spins 300,000 times (8 ms) before it sleeps.
    Where other programs want the cores as well, the thread that is waited for is often not running,
    and the others burn what it lacks: on two cores under a load of 11 a clip of 11 s took 45 s of
    processor time, and 8 s with this. The library reads it once, when torch is imported; it holds
    for the whole process and those it starts, so a program asks for it and not a library.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)


def collect_rarely() -> None:
    """Look seldom for circles of objects that nothing refers to, as few arise here: while torch and
    a model are loaded, looking takes a twentieth of the time."""
    gc.set_threshold(COLLECTED_AFTER, *gc.get_threshold()[1:])


def share_one_heap() -> None:
    """On few cores, let all threads take memory from one heap, unless the user chose how.

    glibc gives each thread a heap of its own, which keeps what the thread has freed: a tenth of the
    memory of Whisper's tiny.en on two cores, where one heap is as fast.
    """
    if "MALLOC_ARENA_MAX" in os.environ or (os.cpu_count() or 1) > FEW_CORES:
        return
    import ctypes

    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def leave(code: int) -> NoReturn:
    """End the process with this exit code, as ``sys.exit`` at its end, but without taking apart
    what is in memory: that takes half a second once torch is imported, and the system frees it all
    the same. What is registered with ``atexit`` runs; where threads are still running, or output
    cannot be written, Python ends in its own way."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError, AttributeError):  # full, closed, or none at all
        sys.exit(code)
    os._exit(code)
