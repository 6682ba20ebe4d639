"""Memory of large results: written over, and not given back to the system between steps.

A Linux system hands out memory page by page, 4 kB in half a microsecond to two, which is more than
most operations take for them. The scores of a step with 40 rows are 8 MB; a new tensor for each
operation on them was a third of the time of a beam search.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

import torch
from torch import Tensor

TRIM, MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD in malloc.h
KEPT = 64 << 20
"""bytes of freed memory that a process may keep for what comes next"""
LARGE = 32 << 20
"""bytes from which a tensor has pages of its own, given back with it; the most that glibc takes"""


def log_softmax_(scores: Tensor) -> Tensor:
    """scores (R, V) in float32 → natural logarithms of a softmax, written over them where no
    gradient is wanted."""
    if scores.device.type != "cpu" or torch.is_grad_enabled():
        return scores.log_softmax(-1)
    # The kernel of CPUs reads a row to its end, twice, before it writes any of it.
    torch.ops.aten._log_softmax.out(scores, -1, False, out=scores)
    return scores


@lru_cache(maxsize=1)
def keep_memory() -> None:
    """Ask the C library to keep what is freed, up to a bound, where it is one that can be asked."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # not glibc
        return
    mallopt(MMAP, LARGE)
    mallopt(TRIM, KEPT)
