"""Several processes that train one model: each takes a batch of its own, gradients are averaged.

On a CPU a process a core trains about twice as fast as one process on two cores, whose threads wait
for each other after every one of thousands of small operations. With GPUs it is one process each.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from attnasr_cli.errors import AttnasrError

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """This process among those that train together. A world of one needs nothing to be set up."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and notes."""
        return self.rank == 0

    def average_gradients(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in one exchange."""
        if self.size == 1:
            return
        from torch import distributed

        listed = list(tensors)
        flat = torch.cat([t.reshape(-1) for t in listed])
        distributed.all_reduce(flat)
        flat /= self.size
        parts = flat.split([t.numel() for t in listed])
        torch._foreach_copy_(listed, [p.view_as(t) for p, t in zip(parts, listed, strict=True)])

    def gather(self, value: T) -> list[T]:
        """The values of all, in order of rank."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def barrier(self) -> None:
        """Go on when all have come here."""
        self.gather(None)

    def main_first(self, work: Callable[[], T]) -> T:
        """Do some work in the main process first (it may write files that the others read)."""
        if self.is_main:
            result = work()
            self.barrier()
            return result
        self.barrier()
        return work()


def launch(size: int, work: Callable[[World], T]) -> T:
    """Run ``work`` in ``size`` processes, this one the leader, and return the leader's result.

    ``work`` must be picklable (a function of a module, or a partial of one). Raises AttnasrError
    where another process has died.
    """
    if size == 1:
        return work(World())
    from torch import distributed, multiprocessing

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_member, args=(rank, size, port, work), daemon=True)
        for rank in range(1, size)
    ]
    for process in others:
        process.start()
    done = False
    try:
        _join(0, size, port)
        result = work(World(0, size))
        distributed.destroy_process_group()
        done = True
    except RuntimeError as problem:
        dead = [p.exitcode for p in others if p.exitcode]
        if dead:
            raise AttnasrError(
                f"a training process has died with code {dead[0]}",
                "run the same command again to go on; with less memory use fewer --workers",
            ) from problem
        raise
    finally:
        for process in others:
            process.join(timeout=10 if done else 0.1)  # who waits for a failed leader never ends
            if process.is_alive():
                process.terminate()
    return result


def _join(rank: int, size: int, port: int) -> None:
    from torch import distributed

    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size
    )


def _member(rank: int, size: int, port: int, work: Callable[[World], object]) -> None:
    from attnasr_cli import console

    console.set_quiet(True)
    _join(rank, size, port)
    try:
        work(World(rank, size))
    except AttnasrError:  # the leader has come upon the same, and says so once
        raise SystemExit(1) from None
