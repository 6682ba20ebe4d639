"""Features of the next batches, made by another process while the net learns from this one.

Distorting the audio anew at every draw costs a tenth of an update; on another core it costs the run
nothing. What is drawn follows from the update and the place in the batch alone, so that it is the
same whoever makes it.
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
"""the stream of batches from a state on, which it moves on"""
Make = Callable[[Batch, int], list[Tensor]]
"""features (T, F) of the rows of a batch that this process computes, at an update"""


class Ahead:
    """A process that makes the features of one batch after the other, at most ``count`` ahead."""

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
        """The features of the batch of an update; None where they must be made here."""
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
