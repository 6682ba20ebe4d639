"""Computes features of the next batches in another process while the net trains.

Distorting the audio at every draw takes a tenth of the time of an update; on another core it takes
none. Random draws depend only on the update and the place in the batch, so the result is the same
in either process.
"""

from __future__ import annotations

import copy
import multiprocessing
import queue
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.training.data.sampler import Batch
from attnasr_cli.training.resume import TrainState

Batches = Callable[[TrainState], Iterator[Batch]]
"""state → the stream of batches from there; the state advances with it"""
Make = Callable[[Batch, int], list[Tensor]]
"""(batch, update) → features (T, F) of each row that this process computes"""


class Ahead:
    """A process that computes the features of the next batches, at most ``count`` ahead."""

    def __init__(self, batches: Batches, make: Make, at: TrainState, count: int) -> None:
        self.next = at.update
        self._made: queue.Queue[list[np.ndarray] | None] = queue.Queue(count)
        # Forked, it has the audio and the settings already; where that cannot be, nothing is made.
        if "fork" not in multiprocessing.get_all_start_methods():
            self._made.put(None)
            return
        context = multiprocessing.get_context("fork")
        end, made = context.Pipe(duplex=False)
        work = (batches, make, copy.copy(at), made, end)
        context.Process(target=_work, args=work, daemon=True).start()
        made.close()
        # A thread empties the pipe: else each of its 64 kB would wait for the other process.
        threading.Thread(target=self._receive, args=(end,), daemon=True).start()

    def take(self, update: int) -> list[Tensor] | None:
        """The features of the batch of an update; None where they must be computed in this
        process."""
        if update != self.next:
            return None
        made = self._made.get()
        if made is None:
            self.next = -1
            return None
        self.next += 1
        return [torch.from_numpy(one) for one in made]

    def _receive(self, end: Connection) -> None:
        try:
            while True:
                self._made.put(end.recv())
        except (EOFError, OSError):
            self._made.put(None)


def _work(
    batches: Batches, make: Make, at: TrainState, made: Connection, other_end: Connection
) -> None:
    other_end.close()  # else the pipe would not break when the run ends
    torch.set_num_threads(1)
    try:
        for batch in batches(at):
            made.send([one.numpy() for one in make(batch, at.update)])
            at.update += 1
    except (OSError, KeyboardInterrupt):
        pass
