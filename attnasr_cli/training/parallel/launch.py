"""Starts the processes of a run on this machine, watches them, and restarts them from the last
resume point if one was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, TypeVar

from attnasr_cli import console
from attnasr_cli.errors import AttnasrError
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.parallel.interrupt import SIGNALS, exit_with_parent

T = TypeVar("T")

RESTARTS = 3
LEAVING_S = 20.0  # for the others, when one has come to an end
CAUSE_S = 5.0  # for the others, when one has failed: it may have failed because another was killed


@dataclass(frozen=True)
class _Outcome:
    """How the processes ended."""

    value: Any = None
    error: AttnasrError | None = None
    interrupted: bool = False
    stop_told: bool = False


def launch(size: int, work: Callable[[World], T], threads: int) -> T:
    """Run ``work`` in ``size`` processes with so many threads each; return the main one's result.

    ``work`` must be picklable (a function of a module, or a partial of one) and is this process's
    own where size is 1. Raises the AttnasrError that the main process ends with, another one where
    a process has died, and KeyboardInterrupt where they were told to stop.
    """
    if size == 1:
        import torch

        torch.set_num_threads(threads)
        return work(World())
    for restart in range(RESTARTS + 1):
        with tempfile.TemporaryDirectory(prefix="attnasr-") as folder:
            outcome = _run(size, work, threads, f"file://{folder}/meeting")
        if isinstance(outcome, _Outcome):
            break
        if outcome >= 0 or restart == RESTARTS:
            killed = f"was killed by signal {-outcome}" if outcome < 0 else f"ended with {outcome}"
            raise AttnasrError(
                f"a training process {killed}",
                "run the same command again to go on; with less memory use fewer --workers",
            )
        console.warn(f"a training process was killed by signal {-outcome}; all start again")
    assert isinstance(outcome, _Outcome)
    if outcome.error is not None:
        raise outcome.error
    if outcome.interrupted:
        if outcome.stop_told:
            console.mark_stop_told()
        raise KeyboardInterrupt
    result: T = outcome.value
    return result


def _run(size: int, work: Callable[[World], T], threads: int, address: str) -> _Outcome | int:
    """One start of all processes: their outcome, or the exit code of the first that died."""
    from torch import multiprocessing

    if "GLOO_SOCKET_IFNAME" not in os.environ and os.path.exists("/sys/class/net/lo"):
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # a host's own name may lead outside, or nowhere
    context = multiprocessing.get_context("spawn")
    readers: dict[Connection, int] = {}
    processes: list[Any] = []
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for process in processes:
            process.terminate()  # which they take as a wish

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    outcome: _Outcome | int | None = None
    try:
        for rank in range(size):
            reader, writer = context.Pipe(duplex=False)
            world = World(rank, size, rank, address)
            quiet = console.is_quiet() or rank > 0
            process = context.Process(
                target=_member, args=(world, work, threads, quiet, os.getpid(), writer)
            )  # not a daemon, which could have no process of its own (data/ahead.py)
            processes.append(process)
            with _interrupts_blocked():  # inherited: Ctrl-C reaches them by the launcher alone
                process.start()
            writer.close()
            readers[reader] = rank
        while outcome is None:
            alive = {p.sentinel: p for p in processes if p.exitcode is None}
            ready = wait([*readers, *alive])
            outcome = _look(ready, readers, processes)
            if stopping and isinstance(outcome, int):
                outcome = _Outcome(interrupted=True)  # it had not come to listening yet
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for process in processes:
            if isinstance(outcome, _Outcome):
                process.join(LEAVING_S)
            if process.exitcode is None:
                process.kill()
                process.join()
    return outcome


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    resource_tracker.ensure_running()  # else start() does, and unblocks SIGINT at its end
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _look(
    ready: list[Any], readers: dict[Connection, int], processes: list[BaseProcess]
) -> _Outcome | int | None:
    """The outcome after some pipes or processes became ready; None while all still run."""
    for reader in [one for one in ready if one in readers]:
        rank = readers[reader]
        try:
            outcome: _Outcome = reader.recv()
        except EOFError:
            del readers[reader]
            continue
        if rank == 0 or outcome.error is not None:
            return outcome
        del readers[reader]
    if any(process.exitcode for process in processes):
        return _first_cause(processes)
    if all(process.exitcode == 0 for process in processes):
        return 1  # without a result of the main process
    return None


def _first_cause(processes: list[BaseProcess]) -> int:
    """The exit code that explains the others, once one process has failed.

    A process that lost its connection to a killed one may end before the kill is reported.
    """
    deadline = time.monotonic() + CAUSE_S
    while running := [process.sentinel for process in processes if process.exitcode is None]:
        left = deadline - time.monotonic()
        if left <= 0 or any((process.exitcode or 0) < 0 for process in processes):
            break
        wait(running, left)
    return min((process.exitcode for process in processes if process.exitcode), key=lambda c: c > 0)


def _member(
    world: World,
    work: Callable[[World], object],
    threads: int,
    quiet: bool,
    parent: int,
    writer: Connection,
) -> None:
    exit_with_parent(parent)
    import torch

    torch.set_num_threads(threads)
    console.set_quiet(quiet)
    try:
        outcome = _Outcome(work(world))
    except AttnasrError as problem:
        outcome = _Outcome(error=problem)
    except KeyboardInterrupt:
        outcome = _Outcome(interrupted=True, stop_told=console.is_stop_told())
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # not waiting for the others, who wait for this one
    writer.send(outcome)
    writer.close()
