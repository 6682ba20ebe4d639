"""Processes that train one model together: each takes its share of every batch, and the gradients
are summed over all of them, so that the result does not depend on how many there are.

``launch`` starts them on this machine; or ``torchrun`` starts them on one or several machines,
which the environment shows. On a CPU, one process for each core trains about twice as fast as one
process on two cores, whose threads wait for each other after every small operation. On GPUs there
is one process for each.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor

from attnasr_cli.errors import UsageError
from attnasr_cli.training.parallel.meeting import agree

T = TypeVar("T")

TORCHRUN = "env://"  # its variables say where
TIMEOUT = timedelta(days=2)  # the default of 30 minutes passes while one process makes features


@dataclass(frozen=True)
class World:
    """The place of this process among those that train together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """among those on this machine"""
    address: str = ""
    """where they meet, as ``init_process_group`` wants it; empty for a process alone"""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and notes."""
        return self.rank == 0

    def join(self, device: torch.device) -> None:
        """Join the process group, which all processes must do. Does nothing for a single
        process."""
        if not self.address:
            return
        from torch import distributed

        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            rank=self.rank,
            world_size=self.size,
            timeout=TIMEOUT,
            **self._place(),
        )

    def _place(self) -> dict[str, Any]:
        """The arguments of ``init_process_group`` for the meeting point."""
        if self.address != TORCHRUN:
            return {"init_method": self.address}
        from torch.distributed.distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        store, _, _ = next(rendezvous(TORCHRUN, self.rank, self.size, timeout=TIMEOUT))
        name = agree(PrefixStore("attnasr", store), self.rank, self.size)
        return {"store": PrefixStore(f"attnasr/{name}", store)}

    def leave(self) -> None:
        """Leave the process group."""
        if self.address:
            from torch import distributed

            distributed.destroy_process_group()

    def sum_gradients(self, parameters: Iterable[Tensor], figures: Tensor) -> Tensor:
        """Replace each gradient by its sum over all processes, in one exchange.

        A parameter that has a gradient in any process gets one in all. figures (n,): other numbers
        to sum in the same exchange; their sums are returned.
        """
        if self.size == 1:
            return figures
        from torch import distributed

        listed = list(parameters)
        has = torch.tensor([float(p.grad is not None) for p in listed], device=figures.device)
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in listed]
        flat = torch.cat([*(part.reshape(-1) for part in parts), has, figures])
        distributed.all_reduce(flat)
        *summed, has, figures = flat.split(
            [*(p.numel() for p in listed), len(listed), len(figures)]
        )
        for p, gradient, count in zip(listed, summed, has.tolist(), strict=True):
            p.grad = gradient.view_as(p) if count else None
        return figures

    def gather(self, value: T) -> list[T]:
        """The (small) values of all processes, in order of rank."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values


def from_torchrun() -> World | None:
    """The place of this process among those that ``torchrun`` started, or None. Raises UsageError
    where its environment variables are not numbers."""
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ):
        return None
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        return World(rank, size, int(os.environ.get("LOCAL_RANK", rank)), TORCHRUN)
    except ValueError as problem:
        raise UsageError(
            f"RANK, WORLD_SIZE or LOCAL_RANK: {problem}", "unset them, or start with torchrun"
        ) from None
