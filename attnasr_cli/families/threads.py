"""Shares a batch among the cores of a CPU.

A decoder step consists of hundreds of small products. Split over threads, each product waits for
the slowest thread, and on a busy machine that may be one that is not running: thirty times slower
was measured. So a batch is split by utterances, and each thread computes its own alone; only what
cannot be split this way is computed by several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

WORTH_A_THREAD = 64 << 20
"""bytes that a step reads, for each thread beyond the first"""


def spread(
    work: Callable[[list[Item]], Sequence[Result]],
    items: Sequence[Item],
    device: torch.device,
    costs: Sequence[float] | None = None,
) -> list[Result]:
    """Apply ``work`` to all items and return the results in order; on a CPU with as many threads as
    torch would use, each with consecutive items of about the same total cost."""
    threads = torch.get_num_threads()
    parts = min(threads, len(items)) if device.type == "cpu" else 1
    if parts < 2:
        return list(work(list(items)))
    bounds = _bounds(costs or [1.0] * len(items), parts)
    shares = [list(items[a:b]) for a, b in pairwise(bounds)]
    # What torch is told in a thread holds for that thread, and for new ones.
    with ThreadPoolExecutor(parts, "window", torch.set_num_threads, (threads // parts,)) as pool:
        return [result for share in pool.map(work, shares) for result in share]


def _bounds(costs: Sequence[float], parts: int) -> list[int]:
    """Where each share begins, and the end of the last; none is empty."""
    total, spent, bounds = sum(costs), 0.0, [0]
    for i, cost in enumerate(costs):
        part = len(bounds)
        left = len(costs) - i
        full = i > bounds[-1] and spent + cost / 2 > total * part / parts
        if part < parts and (full or left == parts - part) and i > bounds[-1]:
            bounds.append(i)
        spent += cost
    return [*bounds, len(costs)]


@contextmanager
def few_threads(step_bytes: int) -> Iterator[None]:
    """A context that limits torch's threads to what a step reading ``step_bytes`` can use."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, 1 + step_bytes // WORTH_A_THREAD))
    try:
        yield
    finally:
        torch.set_num_threads(before)
